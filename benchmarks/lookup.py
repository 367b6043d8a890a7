"""What one look-up costs the platform: a county of people, and each of many of them looked up by name and birth date.

Prints a table and a last line of JSON. `PEOPLE=10000` is the default, `LOOKUPS=1000`.
"""

from __future__ import annotations

import json
import os
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from itertools import islice
from pathlib import Path

import topology
from benchmarks.county import HELD, START_MS, County, families
from bridge.desk.lookup.seek import Asked, PlatformSeeker
from bridge.keys import AgencyKeys
from bridge.normalise import Person
from demo.partnership import PARTNERSHIP
from schemas import codec
from streams import lookups
from streams.outbox import make_cut
from streams.step import State, make_machine

SEED = 7
ASKER = "council"


class Kept:
    """Takes what a desk sends."""

    def __init__(self) -> None:
        self.last = b""

    def send(self, topic: str, key: bytes, value: bytes) -> None:
        """Keep the newest."""
        assert topic == topology.REQUESTS.name.format(agency=ASKER) and key
        self.last = value


def main() -> int:
    """Build, look up, print."""
    people, count = int(os.environ.get("PEOPLE", "10000")), int(os.environ.get("LOOKUPS", "1000"))
    lookups.OPEN_MAX_PER_AGENCY = lookups.HOUR_MAX_PER_AGENCY = sys.maxsize  # type: ignore[misc]
    with tempfile.TemporaryDirectory() as folder:
        county = County(Path(folder), SEED)
        machine = make_machine(0, county.keyring())
        records = round(people * sum(HELD.values()))
        for entry in (*county.opening(), *county.history(records), *county.live()):
            machine.step([entry])
        kept = Kept()
        keys = AgencyKeys.load(county.keys / ASKER)
        seeker = PlatformSeeker(lambda: keys, "default", kept)
        known = islice((copy.person for family in families(SEED) for copy in family), count * 10)
        asked = [Person(given=one.given, surname=one.surname, dob=one.dob) for one in known][::10]
        strangers = [replace(one, surname=f"Q{one.surname}wyx", dob="1911-02-03") for one in asked]
        rows = {name: _timed(machine, county, seeker, kept, some)
                for name, some in (("known", asked), ("nobody", strangers))}  # fmt: skip
    print(f"{people:,} people, {records:,} records, {count:,} look-ups of each kind\n")
    print("| Looked up | desk p50 | step p50 | step p99 | found |\n|---|---|---|---|---|")
    for name, row in rows.items():
        print(f"| {name} | {row['desk_ms']} ms | {row['step_ms']} ms | {row['step_ms_p99']} ms | {row['found']} % |")
    print(json.dumps({"people": people, "records": records, "lookups": count, **rows}))
    return 0


def _timed(
    machine: State, county: County, seeker: PlatformSeeker, kept: Kept, asked: list[Person]
) -> dict[str, float]:
    """Milliseconds at the desk (encode, seal, sign) and in step (verify, open, compare, answer); who was found."""
    cut, desk, step, found = make_cut(county.keyring()), [], [], 0
    for person in asked:
        began = time.perf_counter()
        about = Asked(os.urandom(16), "mash", "u", "safeguarding", county.now, START_MS + 10**9)
        seeker.send(about, person)
        desk.append(time.perf_counter() - began)
        entry = codec.encode("journal", {
            "kind": "message", "received_at": county.now, "partnership": PARTNERSHIP,
            "origin": topology.REQUESTS.name.format(agency=ASKER), "body": kept.last,
        })  # fmt: skip
        began = time.perf_counter()
        (out,) = machine.step([entry]).outbox
        step.append(time.perf_counter() - began)
        row = codec.decode(cut(out)[0].value, frozenset({"view"}))[1]
        found += bool(json.loads(row["body"])["matches"])
    return {
        "desk_ms": _ms(statistics.median(desk)),
        "step_ms": _ms(statistics.median(step)),
        "step_ms_p99": _ms(statistics.quantiles(step, n=100)[98]),
        "found": round(100 * found / len(asked), 1),
    }


def _ms(seconds: float) -> float:
    return round(1000 * seconds, 3)


if __name__ == "__main__":
    sys.exit(main())
