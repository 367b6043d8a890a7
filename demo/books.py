"""Whether what the agencies hold is what the platform holds: rows, records and events, counted on both sides.

Decides nothing about content: databases, bridges' stores and the platform's state are only counted.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from demo import partnership
from demo.stack import Stack


def unaccounted(stack: Stack, folder: Path, town: Any) -> dict[str, int]:
    """Differences between neighbours on the way from a database to the state.

    Args:
        stack: The running stack.
        folder: The demo's folder, with the bridges' stores.
        town: The partnership's state (streams.partnership.Partnership) by replay of the journal.

    Returns:
        `agency: what` -> how many more the earlier place holds than the later one; empty when all is there.
    """
    records, events = Counter[str](), Counter[str]()
    for rid in town.graph.identities:
        records[town.tables["records"][rid].agency] += 1
    for contribution in town.tables["events"].values():
        events[town.tables["records"][contribution.record].agency] += 1
    found: dict[str, int] = {}
    for agency in partnership.AGENCIES:
        with sqlite3.connect(f"file:{folder / 'agencies' / agency / 'bridge.sqlite'}?mode=ro", uri=True) as store:
            sent = dict(store.execute("SELECT lane, count(*) FROM emitted WHERE digest IS NOT NULL GROUP BY lane"))
            kept = dict(store.execute("SELECT tab, count(*) FROM rows GROUP BY tab"))
        differences = {
            "records sent, not in the state": sent.get("identity", 0) - records[agency],
            "events sent, not in the state": sent.get("event", 0) - events[agency],
            **{f"rows of {table}, not in the bridge": _rows(stack, agency, table) - count
               for table, count in kept.items()},
        }  # fmt: skip
        found |= {f"{agency}: {what}": number for what, number in differences.items() if number}
    return found


def _rows(stack: Stack, agency: str, tab: str) -> int:
    table = tab.rsplit("/", 1)[-1].rsplit(":", 1)[-1]
    with psycopg.connect(stack.pg_dsn(agency)) as database:
        counting = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(*table.split(".")))
        row = database.execute(counting).fetchone()
        return int(row[0]) if row else 0
