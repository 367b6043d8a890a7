"""Why two records may be one person, or are, in words: fields and how they compare, never a value.

Decides wording and order only. Takes cut rows (bridge/desk/rungs.py). Pure.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from bridge.desk import words
from bridge.desk.config import Config
from bridge.desk.names import Named
from bridge.desk.pages import Call, call

ORDER: Final = ("same", "a slip apart", "somewhat alike", "different", "missing")


@dataclass(frozen=True)
class Suggested:
    """One suggested link. Empty where the rung does not reach."""

    suggestion_id: str
    reference: str
    since: str
    agencies: tuple[Call, ...] = ()
    within: bool = False
    strength: str = ""
    rival: str = ""
    note: str = ""
    compared: tuple[str, ...] = ()
    people: tuple[Named, ...] = ()
    unnamed: int = 0


@dataclass(frozen=True)
class Pair:
    """Two records of one person, and what says so; `own`: how many of the two are the agency's."""

    agencies: str
    why: str
    compared: tuple[str, ...] = ()
    people: tuple[Named, ...] = ()
    id: str = ""
    own: int = 0


def suggested(cut: Mapping[str, Any], names: Mapping[bytes, Named], config: Config, now: int) -> Suggested:
    """One suggestion in words.

    Args:
        cut: Suggestion, cut to the user's rung.
        names: Names of its own records, as far as they were read.
        config: Settings, for names and numbers of agencies.
        now: Partnership time, ms.
    """
    made: dict[str, Any] = {
        "suggestion_id": cut["suggestion_id"],
        "reference": cut["suggestion_id"][:8],
        "since": words.moment(cut["as_of_at"], now),
    }
    if "agencies" in cut:
        others = [agency for agency in cut["agencies"] if agency != config.agency]
        made |= {"agencies": tuple(call(agency, config) for agency in others), "within": not others}
    if "link_milli" in cut:
        made |= {
            "strength": words.strength(cut["link_milli"]),
            "rival": words.RIVALS.get(cut["rival"], ""),
            "note": "Their other records agree less." if cut["why"] == "split_by_average" else "",
            "compared": compared(cut["evidence"]),
        }
    records = own_records(cut)
    made |= {
        "people": tuple(names[record] for record in records if record in names),
        "unnamed": sum(1 for record in records if record not in names),
    }
    return Suggested(**made)


def pairs(cut: Mapping[str, Any], names: Mapping[bytes, Named], config: Config) -> tuple[tuple[Pair, ...], ...]:
    """What holds each person of a household together, in words."""
    return tuple(tuple(_pair(pair, names, config) for pair in person) for person in cut.get("people", ()))


def pair_id(pair: Mapping[str, Any]) -> str:
    """By what a page and its form mean the same pair; another where what holds it together has changed."""
    said = json.dumps(pair, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def find_pair(cut: Mapping[str, Any], of: str) -> Mapping[str, Any] | None:
    """The pair of an id, where the user sees it."""
    return next((pair for person in cut.get("people", ()) for pair in person if pair_id(pair) == of), None)


def own_records(row: Mapping[str, Any]) -> tuple[bytes, ...]:
    """Own record pseudonyms of a suggestion or a pair."""
    return tuple(bytes.fromhex(record) for record in row.get("records", ()))


def compared(evidence: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Fields by how they compare, what agrees first.

    Example:
        >>> compared([{"name": "given", "level": 7}, {"name": "surname", "level": 7}, {"name": "dob", "level": 6}])
        ('given name, surname: same', 'birth date: a slip apart')
    """
    found: dict[str, list[str]] = {}
    for line in evidence:
        if line["name"] in words.FIELDS:
            found.setdefault(words.likeness(line["name"], line["level"]), []).append(words.field(line["name"]))
        elif line["name"] == "swap" and line["level"] > 0:
            found.setdefault("a slip apart", []).append("given name and surname stand in each other's place")
    return tuple(f"{', '.join(found[likeness])}: {likeness}" for likeness in ORDER if likeness in found)


def _pair(pair: Mapping[str, Any], names: Mapping[bytes, Named], config: Config) -> Pair:
    one, other = (config.agency_name(agency) for agency in pair["agencies"])
    return Pair(
        agencies=f"{one}, two records" if one == other else f"{one} and {other}",
        why="A person decided so." if pair["why"] == "asserted" else "",
        compared=() if pair["why"] == "asserted" else compared(pair["evidence"]),
        people=tuple(names[record] for record in own_records(pair) if record in names),
        id=pair_id(pair),
        own=len(own_records(pair)),
    )
