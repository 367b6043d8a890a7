import pytest

from streams.risk.contribution import contribution_from_wire, profile_from_wire


def wire(**changes):
    factors = [{"family": "welfare", "severity": 2, "origin": "text"}]
    return {
        "op": "upsert", "event": b"e", "kind": "k", "occurred_at": 5, "factors": factors, "contact": True, "outcome": "",
    } | changes  # fmt: skip


def test_an_event_becomes_indexes():
    one = contribution_from_wire(wire(), b"r", "police", (1, 2, 3))
    assert (one.record, one.agency_kind, one.factors, one.contact, one.version) == (
        b"r",
        0,
        ((5, 2),),
        True,
        (1, 2, 3),
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"outcome": "adoption"},
        {"factors": [{"family": "luck", "severity": 1, "origin": "text"}]},
        {"factors": [{"family": "welfare", "severity": 0, "origin": "text"}]},
        {"factors": [{"family": "welfare", "severity": 5, "origin": "text"}]},
        {"factors": [{"family": "welfare", "severity": 1, "origin": "text"}] * 33},
    ],
)
def test_a_code_outside_the_contract_is_refused(bad):
    with pytest.raises(ValueError, match="unknown_code"):
        contribution_from_wire(wire(**bad), b"r", "police", (1, 2, 3))


def test_an_unknown_kind_of_agency_is_refused():
    with pytest.raises(ValueError, match="unknown_code"):
        contribution_from_wire(wire(), b"r", "library", (1, 2, 3))


def person(**changes):
    return {
        "op": "upsert", "age_band": "5-10", "to_18": True, "to_25": False, "group": "", "allocation": "duty-east",
        "restricted": False, "unborn_of": b"", "statuses": [{"kind": "in_need", "started_at": 1, "ended_at": None}],
    } | changes  # fmt: skip


def test_a_profile_becomes_typed():
    one = profile_from_wire(person())
    assert (one.age_band, one.allocation, one.spells[0].kind, one.spells[0].ended_at) == (
        2,
        "duty-east",
        "in_need",
        None,
    )


@pytest.mark.parametrize(
    "bad",
    [
        {"age_band": "old"},
        {"statuses": [{"kind": "famous", "started_at": 1, "ended_at": None}]},
        {"statuses": [{"kind": "in_need", "started_at": 1, "ended_at": 2}] * 65},
    ],
)
def test_a_profile_outside_the_contract_is_refused(bad):
    with pytest.raises(ValueError, match="unknown_code"):
        profile_from_wire(person(**bad))
