"""The contract between the wings: one definition each, ids for ever, old messages readable."""

from __future__ import annotations

import copy
import json
import typing
from typing import Any

import pytest

from schemas import (
    alert,
    codec,
    commit,
    control,
    dead_letter,
    envelope,
    event,
    exchange,
    identity,
    journal,
    lookup,
    preview,
    profile,
    view,
)
from tests.contract.avro_evolution import faults
from topology import TOPICS

TYPED: dict[str, Any] = {
    "envelope": envelope.Envelope, "payload_key": event.PayloadKey, "identity": identity.Identity,
    "profile": profile.Profile, "event": event.Event, "heartbeat": event.Heartbeat, "live": event.Live,
    "journal": journal.Journal, "commit": commit.Commit, "alert": alert.Alert, "presence": alert.Presence,
    "view": view.View, "dead_letter": dead_letter.DeadLetter, "control": control.Control,
    "response": control.Response, "request": exchange.Request, "disclosure": exchange.Disclosure, "lookup": lookup.Lookup,
    "link_change": view.LinkChange, "score": view.Score, "draft": preview.Draft, "preview": preview.Preview,
}  # fmt: skip
BOTH_WAYS = {"commit", "alert"}
"""Read by old readers too, hence FULL_TRANSITIVE; the others BACKWARD_TRANSITIVE (DESIGN section 1)."""
PLAIN = {"string": str, "bytes": bytes, "long": int, "int": int, "boolean": bool, "null": type(None)}


def held(schema: Any, annotation: Any, path: str) -> None:
    """Assert that an annotation says what the schema says."""
    origin, parts = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(schema, list):
        assert set(parts) == {PLAIN[branch] for branch in schema}, path
    elif isinstance(schema, str):
        assert annotation is PLAIN[schema], path
    elif schema["type"] == "enum":
        assert origin is typing.Literal, path
        assert list(parts) == schema["symbols"], path
    elif schema["type"] == "array":
        assert origin is list, path
        held(schema["items"], parts[0], f"{path}[]")
    else:
        hints = typing.get_type_hints(annotation)
        assert list(hints) == [field["name"] for field in schema["fields"]], path
        for field in schema["fields"]:
            held(field["type"], hints[field["name"]], f"{path}.{field['name']}")


@pytest.mark.parametrize("name", codec.schema_ids())
def test_a_typed_message_has_the_fields_of_its_schema_in_their_order(name: str) -> None:
    held(codec.raw_schema(name), TYPED[name], name)


def test_every_schema_has_a_type_and_travels_somewhere() -> None:
    assert set(codec.schema_ids()) == set(TYPED)
    on_topics = {name for topic in TOPICS for name in topic.schemas}
    inside_envelopes = {"payload_key", "identity", "profile", "event", "heartbeat", "live"}
    assert on_topics | inside_envelopes == set(TYPED)


def test_an_id_stands_for_one_schema_and_one_version() -> None:
    ids = [id_ for versions in codec.schema_ids().values() for _, id_ in versions]
    assert len(ids) == len(set(ids))
    for versions in codec.schema_ids().values():
        assert [version for version, _ in versions] == list(range(1, len(versions) + 1))


@pytest.mark.parametrize("name", codec.schema_ids())
def test_every_field_says_what_it_means_and_times_their_unit(name: str) -> None:
    for field in codec.raw_schema(name)["fields"]:
        assert field["doc"], field["name"]
        if field["name"].endswith("_at"):
            assert "ms since" in field["doc"] or "time" in field["doc"], field["name"]


@pytest.mark.parametrize("name", codec.schema_ids())
def test_every_version_is_readable_by_every_later_one(name: str) -> None:
    versions = [codec.raw_schema(name, version) for version, _ in codec.schema_ids()[name]]
    for place, later in enumerate(versions):
        for earlier in versions[: place + 1]:
            assert not faults(later, earlier)
            if name in BOTH_WAYS:
                assert not faults(earlier, later)


@pytest.mark.parametrize("name", codec.schema_ids())
def test_no_message_can_cost_more_than_its_size(name: str) -> None:
    for version, _ in codec.schema_ids()[name]:
        codec.lint(codec.raw_schema(name, version))


def changed(name: str, change: Any) -> Any:
    """A schema after a change of its fields."""
    schema = copy.deepcopy(codec.raw_schema(name))
    change(schema["fields"])
    return schema


def test_the_check_finds_each_change_that_breaks_a_reader() -> None:
    old = codec.raw_schema("event")
    added = changed("event", lambda fields: fields.append({"name": "note", "type": "string"}))
    assert faults(added, old) == [".note: new and without default"]
    assert not faults(old, added), "a reader passes over a field it does not know"
    with_default = changed("event", lambda fields: fields.append({"name": "n", "type": "int", "default": 0}))
    assert not faults(with_default, old)
    retyped = changed("event", lambda fields: fields[3].update(type="string"))
    assert faults(retyped, old) == [".occurred_at: long read as string"]
    fewer = changed("event", lambda fields: fields[0]["type"].update(symbols=["upsert"]))
    assert faults(fewer, old) == [".op: unknown symbols ['delete']"]
    nullable = changed("event", lambda fields: fields[3].update(type=["null", "long"]))
    assert not faults(nullable, old)
    assert faults(old, nullable) == [".occurred_at: null read as long"]


def test_schemas_hold_no_field_that_could_carry_a_name_to_the_platform() -> None:
    personal = {"name", "given", "surname", "dob", "address", "street", "postcode", "nhs", "upn", "text", "note"}
    for name in ("identity", "profile", "event"):
        text = json.dumps(codec.raw_schema(name))
        fields = {field["name"] for field in json.loads(text)["fields"]}
        assert not fields & personal


def test_presence_has_only_the_fields_that_a_notice_needs() -> None:
    fields = {field["name"]: field["type"] for field in codec.raw_schema("presence")["fields"]}
    assert set(fields) == {
        "notice_id", "kind", "team", "partnership", "person", "records", "status", "presented_at", "presented_to",
        "responsible_team", "office_number", "out_of_hours_number", "contacts", "committed_at",
    }  # fmt: skip
