"""What Cedar decides is what the protocols say, recomputed here by hand; nothing is open that no protocol opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bridge.config import ConfigError
from bridge.desk.access.policy import BREAK_GLASS, Policy, Situation, Verdict, remedies
from bridge.desk.access.protocols import Protocol, Signed, load
from schemas import crypto
from schemas.control import statement
from tests.unit.bridge.desk.support import APPROVERS, NOW, OPEN, sign_protocols

AGENCIES = ("council", "police", "schools")
RELATIONS = ("alert", "allocated", "lookup", "request", "review")
BASES = ("consent", "determination", "duty")


def protocol(name: str = "one", **fields: Any) -> Protocol:
    base = {"id": name, "title": "t", "purpose": "safeguarding", "legal_basis": "law", "agencies": ["*"], "rung": 3}
    return Protocol.model_validate({**base, **fields})


def some(values: tuple[str, ...]) -> st.SearchStrategy[frozenset[str]]:
    return st.frozensets(st.sampled_from(values))


protocols = st.lists(
    st.builds(
        lambda number, agencies, rung, free, bases, relations, first, step: protocol(
            f"p-{number}",
            agencies=agencies,
            rung=rung,
            free_rung=free,
            bases=bases,
            relations=relations,
            assessment_first=first,
            step_up_rung=step,
        ),
        st.integers(0, 5),
        st.lists(st.sampled_from(("*", *AGENCIES)), min_size=1, max_size=3).map(tuple),
        st.integers(0, 4),
        st.integers(0, 4),
        some(BASES).map(sorted),
        some(RELATIONS).map(sorted).filter(bool),
        st.booleans(),
        st.integers(0, 5),
    ),
    max_size=4,
    unique_by=lambda one: one.id,
)
situations = st.builds(
    Situation,
    agency=st.sampled_from(AGENCIES),
    assigned=some(tuple(f"p-{number}" for number in range(6))),
    relations=some(RELATIONS),
    bases=some(BASES),
    purpose=st.sampled_from(("", "safeguarding", "planning")),
    assessed=st.booleans(),
    stepped_up=st.booleans(),
    break_glass=st.booleans(),
    restricted=st.booleans(),
    lifted=st.booleans(),
)


def by_hand(records: list[Protocol], one: Situation) -> int:
    """The highest rung, by the words of DESIGN and of each field's documentation."""
    mine = [record for record in records if record.id in one.assigned and record.covers(one.agency)]
    rung = -1
    for wished in range(5):
        opened = any(
            wished <= record.rung and one.relations & set(record.relations)
            and one.purpose in ("", record.purpose)
            and (wished <= record.free_rung or one.bases & set(record.bases))
            and (wished < record.step_up_rung or one.stepped_up)
            for record in mine
        )  # fmt: skip
        opened = opened or (one.break_glass and one.stepped_up and wished <= 3)
        first = any(record.assessment_first for record in mine) and not one.assessed and not one.break_glass
        barred = wished > 1 and (first or (one.restricted and not one.lifted))
        if barred or not opened:
            return rung
        rung = wished
    return rung


@settings(max_examples=150, deadline=None)
@given(protocols, st.lists(situations, min_size=1, max_size=6))
def test_cedar_decides_what_the_protocols_say(records: list[Protocol], asked: list[Situation]) -> None:
    found = Policy(records).verdicts(asked)
    assert [verdict.rung for verdict in found] == [by_hand(records, one) for one in asked]
    for verdict, one in zip(found, asked, strict=True):
        assert (verdict.reason == "") == (verdict.rung < 0)
        assert verdict.reason in ("", BREAK_GLASS, *one.assigned), "the reason is a protocol of the user's own"


def test_with_no_protocol_nothing_is_open() -> None:
    every = Situation("police", frozenset({"one"}), frozenset(RELATIONS), frozenset(BASES), "", True, True)
    assert Policy(()).verdict(every) == Verdict(-1)


def test_a_name_in_a_protocol_cannot_become_policy() -> None:
    with pytest.raises(ValueError, match="id"):
        protocol('x") || true || context.assigned.contains("y')
    odd = protocol(agencies=['police"].contains(context.agency) || true || ["x'])
    assert Policy((odd,)).verdict(Situation("police", frozenset({"one"}), frozenset({"alert"}))).rung == -1


def test_what_would_open_more_is_asked_of_the_same_policy() -> None:
    ask = protocol("ask", rung=4, free_rung=1, bases=["consent", "determination"], step_up_rung=4)
    first = protocol("first", agencies=["police"], assessment_first=True)
    policy = Policy((ask, first))
    here = Situation("schools", frozenset({"ask", "first"}), frozenset({"alert"}))
    assert remedies(policy, here, 4, own=False) == ("consent", "determination")
    assert remedies(policy, here._replace(bases=frozenset({"consent"})), 4, own=False) == ("step_up",)
    assert remedies(policy, here._replace(agency="police"), 3, own=False) == ("assessed", "break_glass")
    assert remedies(policy, here._replace(agency="police"), 3, own=True) == ("assessed",)
    for one in (here, here._replace(agency="police")):
        for way in remedies(policy, one, 3, own=False):
            changed = {
                "assessed": one._replace(assessed=True), "break_glass": one._replace(break_glass=True),
                **{name: one._replace(bases=frozenset({name})) for name in BASES},
            }[way]  # fmt: skip
            assert policy.verdict(changed._replace(stepped_up=True)).rung >= 3


def written(path: Path, **changes: Any) -> Path:
    sign_protocols(path, OPEN)
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))
    return path


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"body": '{"protocols": []}'}, "found 0"),
        ({"version": 2}, "found 0"),
        ({"approvals": []}, "found 0"),
        ({"effective_at": None}, "expected signed protocols"),
    ],
)
def test_protocols_that_were_changed_after_they_were_signed_are_refused(
    tmp_path: Path, changes: dict[str, Any], says: str
) -> None:
    known = {name: public.hex() for name, (_, public) in APPROVERS.items()}
    with pytest.raises(ConfigError, match=says):
        load(written(tmp_path / "p.json", **changes), "northmere", known)


def test_one_approver_twice_is_one_and_a_stranger_is_none(tmp_path: Path) -> None:
    known = {name: public.hex() for name, (_, public) in APPROVERS.items()}
    path = written(tmp_path / "p.json")
    assert load(path, "northmere", known).by_id().keys() == {f"rung-{rung}" for rung in range(5)}
    said = json.loads(path.read_text())
    path.write_text(json.dumps({**said, "approvals": [said["approvals"][0]] * 2}))
    with pytest.raises(ConfigError, match="found 1"):
        load(path, "northmere", known)
    stranger = crypto.sign(crypto.sign_keypair()[0], statement("northmere", "protocols", 1, NOW, said["body"])).hex()
    path.write_text(
        json.dumps({**said, "approvals": [said["approvals"][0], {"approver": "stranger", "signature": stranger}]})
    )
    with pytest.raises(ConfigError, match="found 1"):
        load(path, "northmere", known)


def test_a_document_that_is_refused_leaves_the_one_before_in_force(tmp_path: Path) -> None:
    known = {name: public.hex() for name, (_, public) in APPROVERS.items()}
    path = tmp_path / "p.json"
    sign_protocols(path, OPEN, version=2)
    signed = Signed(path, "northmere", known)
    path.write_text("{}")
    assert (len(signed.now().protocols), bool(signed.refused)) == (5, True)
    sign_protocols(path, OPEN[:1], version=1)
    assert (len(signed.now().protocols), "older" in signed.refused) == (5, True)
    sign_protocols(path, OPEN[:1], version=3)
    assert (len(signed.now().protocols), signed.refused) == (1, "")
