"""Who may do what, as derived from the map."""

from __future__ import annotations

from schemas.acls import Acl, acls, own_names, principals
from topology import TOPICS, expand

AGENCIES, TEAMS = ("council", "police"), ("mash", "mash-night")


def granted(principal: str, operation: str, resource: str = "topic") -> set[str]:
    return {
        acl.name for acl in acls(AGENCIES, TEAMS) if acl[:2] == (principal, resource) and acl.operation == operation
    }


def test_a_bridge_writes_its_own_topics_and_no_other_agency_s() -> None:
    assert granted("bridge-police", "write") == {"identities-police", "events-police"}
    assert granted("bridge-police", "read") == {"dead-letters-police"}


def test_a_team_reads_its_own_alerts_even_if_another_s_name_begins_like_it() -> None:
    assert granted("team-mash", "read") == {"alerts-mash", "presence-mash"}
    assert granted("team-mash", "write") == set()
    assert granted("team-mash", "read", "group") == {"team-mash", "team-mash.*"}


def test_every_desk_reads_every_disclosure_and_writes_its_own() -> None:
    assert {"disclosures-council", "disclosures-police"} <= granted("desk-council", "read")
    assert {name for name in granted("desk-council", "write") if name.startswith("disclosures")} == {
        "disclosures-council"
    }


def test_only_the_worker_writes_commits() -> None:
    assert [acl.principal for acl in acls(AGENCIES, TEAMS) if acl[2:] == ("commits", "write")] == ["worker"]


def test_the_publisher_alone_writes_in_transactions() -> None:
    found = {acl.principal for acl in acls(AGENCIES, TEAMS) if acl.resource == "transactional_id"}
    assert found == {"publisher"}


def test_nobody_creates_alters_or_deletes_and_admin_needs_no_grant() -> None:
    found = acls(AGENCIES, TEAMS)
    assert {acl.operation for acl in found} == {"read", "write"}
    assert "admin" not in principals(AGENCIES, TEAMS)
    assert {acl.principal for acl in found} == set(principals(AGENCIES, TEAMS))


def test_every_topic_has_a_writer_and_a_reader_and_only_topics_of_the_map_are_named() -> None:
    found = acls(AGENCIES, TEAMS)
    names = {name for topic in TOPICS for name in expand(topic.name, AGENCIES, TEAMS)}
    for operation in ("read", "write"):
        assert {acl.name for acl in found if acl.resource == "topic" and acl.operation == operation} == names


def test_no_topic_is_granted_by_a_prefix() -> None:
    assert not [acl for acl in acls(AGENCIES, TEAMS) if acl.resource == "topic" and "*" in acl.name]


def test_the_list_is_sorted_and_without_repeats() -> None:
    found = acls(AGENCIES, TEAMS)
    assert found == sorted(set(found))
    assert Acl("worker", "group", own_names("worker")[0], "read") in found
