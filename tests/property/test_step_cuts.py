"""However a journal is cut into chunks, and wherever the state is folded anew, the end and the outputs are the same."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from streams.state import RawState
from streams.step import make_machine
from tests.smalltown import AGENCIES, DAY_MS, JOHN, MARY, START_MS, Smalltown, fold, person, tick

PEOPLE = (MARY, JOHN, person("Jane", "Oddfellow", "2009-01-02"), person("Jon", "Oddfellow", "2011-11-30"))


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Smalltown:
    return Smalltown(tmp_path_factory.mktemp("town") / "keys")


def journal(town: Smalltown, moves: list[tuple[int, ...]]) -> list[bytes]:
    """Entries from small numbers: what a shrinking search can make simpler."""
    entries = town.opening()
    now = START_MS
    for number, (kind, who, agency_number, days) in enumerate(moves):
        agency = tuple(AGENCIES)[agency_number]
        name = f"r{who}"
        now += days * DAY_MS
        match kind:
            case 0:
                entries.append(town.identity(agency, name, PEOPLE[who], now))
            case 1:
                entries.append(town.identity(agency, name, PEOPLE[(who + 1) % len(PEOPLE)], now))
            case 2:
                entries.append(town.identity(agency, name, None, now))
            case 3:
                entries.append(town.event(agency, name, f"e{number}", now - days * DAY_MS, now))
            case 4:
                entries.append(town.event(agency, name, f"e{who}", now, op="delete"))
            case 5:
                entries.append(town.profile(agency, name, now))
            case 6:
                entries.append(town.live(agency, now))
            case 7:
                entries.append(town.heartbeat(agency, now))
            case _:
                entries.append(tick(now))
    return entries + [tick(now + hours * 3600_000) for hours in range(1, 4)]


moves = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 3), st.integers(0, 1), st.integers(0, 40)), max_size=40)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=moves, cuts=st.lists(st.integers(1, 7), min_size=1, max_size=50))
def test_cuts_and_recoveries_change_nothing(town: Smalltown, moves: list[tuple[int, ...]], cuts: list[int]) -> None:
    entries = journal(town, moves)
    whole = make_machine(0, town.keyring)
    outcome = whole.step(entries)
    piecewise, raw, outbox, at = make_machine(0, town.keyring), RawState(), [], 0
    for turn, size in enumerate([*cuts, len(entries)]):
        asked = iter(range(1, size))  # it is enough as soon as this has no more
        part = piecewise.step(entries[at:], lambda asked=asked: next(asked, None) is None)
        assert part.left == max(0, len(entries) - at - size)
        raw.apply(part.delta)
        outbox += part.outbox
        at = len(entries) - part.left
        if turn % 3 == 2:
            piecewise = fold(piecewise, town)
    assert tuple(outbox) == outcome.outbox
    assert piecewise.digest() == whole.digest() == raw.digest()


def test_the_cuts_test_would_notice_a_difference(town: Smalltown, tmp_path: Path) -> None:
    entries = journal(town, [(0, 0, 0, 0), (3, 0, 0, 1)])
    whole, without = make_machine(0, town.keyring), make_machine(0, town.keyring)
    whole.step(entries)
    without.step([entry for number, entry in enumerate(entries) if number != 4])
    assert whole.digest() != without.digest()
