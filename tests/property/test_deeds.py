"""How an alert stands after what people did: against a plain recount, whatever the order in which deeds are read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.desk.audit import Audit, entries
from bridge.desk.duty.deeds import ANY_CLOCK, DISPUTES, SENT, Deed, done, facts, fold, numbered

USERS = st.sampled_from(["ann", "ben", "cat"])
CLOCKS = st.sampled_from([0, 100, 200])
ACTIONS = ["acknowledge", "assign", "snooze", "act", "close", "dispute_score", "dispute_link", "cannot_link"]


@st.composite
def deed(draw: st.DrawFn) -> Deed:
    action = draw(st.sampled_from(ACTIONS))
    return Deed(
        n=0, at=draw(st.integers(0, 1_000)), user=draw(USERS), action=action, alert_id="a1", response=draw(st.uuids()).hex,
        version=draw(st.integers(1, 3)), due_at=draw(CLOCKS), to=draw(USERS) if action == "assign" else "",
        until_at=draw(st.integers(1, 1_000)) if action == "snooze" else 0,
    )  # fmt: skip


DEEDS = st.lists(deed(), max_size=8).map(lambda made: [numbered(one, n) for n, one in enumerate(made, start=1)])


@settings(max_examples=200, deadline=None)
@given(DEEDS, CLOCKS | st.just(ANY_CLOCK), st.randoms())
def test_the_fold_is_what_a_recount_says(deeds: list[Deed], clock: int, shuffle: Any) -> None:
    mixed = [*deeds, *deeds[:2]]
    shuffle.shuffle(mixed)
    standing = fold(mixed, clock)
    now_holding = [one for one in deeds if clock == ANY_CLOCK or one.due_at == clock]
    gifts = [one.to for one in now_holding if one.action == "assign"]
    takers = [one.user for one in now_holding if one.action in {"acknowledge", "act", "snooze"}]
    assert standing.holder == (gifts[-1] if gifts else takers[0] if takers else "")
    closing = [one for one in deeds if one.action == "close"]
    assert standing.closed == (closing[-1] if closing else None)
    assert list(standing.acted) == [one for one in deeds if one.action == "act"]
    assert list(standing.disputed) == [one for one in deeds if one.action in DISPUTES | {"cannot_link"}]
    turns = [
        one
        for one in deeds
        if one.action == "close" or (one in now_holding and one.action in {"acknowledge", "snooze"})
    ]
    slept = turns[-1] if turns and turns[-1].action == "snooze" else None
    assert standing.snoozed_until_at == (slept.until_at if slept else 0)
    if slept:
        assert standing.sleeps(slept.version, slept.until_at - 1)
        assert not standing.sleeps(slept.version, slept.until_at)
        assert not standing.sleeps(slept.version + 1, slept.until_at - 1), "a newer version ends it"


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(deed(), st.booleans()), max_size=6), st.randoms())
def test_the_audit_gives_back_what_was_sent_and_nothing_that_was_not(
    tmp_path_factory: Any, made: list[tuple[Deed, bool]], shuffle: Any
) -> None:
    path: Path = tmp_path_factory.mktemp("audit") / "audit.jsonl"
    audit, wanted = Audit(path, lambda: 7), []
    lines = [(one, asked) for one, _ in made for asked in (True, False)]
    order = sorted(range(len(lines)), key=lambda at: (shuffle.random(), at))
    begun: set[str] = set()
    sent = {one.response: so for one, so in made}
    for one, _ in (lines[at] for at in order):
        if one.response not in begun:
            begun.add(one.response)
            audit.record(one.user, one.action, (one.alert_id, "ff"), team="mash", **facts(one))
        elif sent[one.response]:
            n = audit.record(one.user, SENT, (one.alert_id,), team="mash", response=one.response)
            wanted.append(("mash", numbered(one, n)))
    audit.record("ann", "name_inbox", ("ff",), team="mash")
    audit.close()
    assert list(done(entries(path))) == wanted
    assert json.loads(path.read_text().splitlines()[-1])["action"] == "name_inbox"
