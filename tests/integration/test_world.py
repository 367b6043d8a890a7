"""The synthetic agencies' databases are accepted by a real PostgreSQL and end as the world says."""

from datetime import UTC, datetime
from decimal import Decimal

import psycopg
import pytest

from demo.stack import POSTGRES
from demo.world import END_MS, World
from demo.world.base import DAY_MS
from demo.world.truth import SILENT_AGENCY, SILENT_MS
from demo.world.world import AGENCIES
from demo.world.writer import Live, load


@pytest.fixture(scope="module")
def world():
    return World(seed=3, families=60)


@pytest.fixture(scope="module")
def dsns(start_stack, tmp_path_factory, world):
    with start_stack(tmp_path_factory.mktemp("world"), parts={POSTGRES}) as stack:
        found = {agency: stack.pg_dsn(agency) for agency in AGENCIES}
        for agency, dsn in found.items():
            assert load(agency, dsn, world) == sum(1 for _ in world.book(agency).initial())
        yield found


def _plain(value):
    if isinstance(value, Decimal):
        return float(value)
    return value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value


def _expected(world, agency, until_ms):
    state = {}
    for row in world.rows(agency):
        if row.at_ms < until_ms:
            if row.op == "d":
                state[row.table].pop(tuple(row.key.values()))
            else:
                state.setdefault(row.table, {})[tuple(row.key.values())] = row.values
    return state


def _differs(world, agency, dsn, until_ms=END_MS):
    expected = _expected(world, agency, until_ms)
    with psycopg.connect(dsn) as connection:
        for table, shape in world.book(agency).shapes.items():
            rows = connection.execute(f"SELECT {', '.join(shape.columns)} FROM {table}").fetchall()
            held = sorted(repr(tuple(map(_plain, row))) for row in rows)
            made = expected.get(table, {}).values()
            if held != sorted(repr(tuple(_plain(row[c]) for c in shape.columns)) for row in made):
                yield table


def test_live_writes_stop_go_on_and_end_as_the_world_says(world, dsns):
    """Up to the middle of the silence, then another writer takes over from its progress."""
    middle = sum(SILENT_MS) // 2
    first = Live(world, dsns, lambda: middle + 1)
    first.start()
    for agency in AGENCIES:
        reach = SILENT_MS[0] if agency == SILENT_AGENCY else middle + 1
        wanted = sum(change.at_ms < reach for change in world.book(agency).changes())
        while first.progress()[agency] < wanted and not first.errors:
            assert not first.join(0.05)
    first.stop()
    assert first.join(10) and first.errors == []
    assert not list(_differs(world, SILENT_AGENCY, dsns[SILENT_AGENCY], SILENT_MS[0]))

    second = Live(world, dsns, lambda: END_MS + DAY_MS, first.progress())
    second.start()
    assert second.join(60) and second.errors == []
    assert sum(second.progress().values()) == second.total()
    assert {agency: list(_differs(world, agency, dsn)) for agency, dsn in dsns.items()} == {a: [] for a in AGENCIES}
