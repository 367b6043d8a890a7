"""The body of a change of rules: from a form or from text, and what differs from the rules in force.

Decides how a body is written, so that the bytes signed are the fields shown, and which choices are refused before the
platform is asked. Pure. Words for numbers that cannot be are the platform's own (schemas/rules.py).
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from schemas.rules import DEFAULTS, RESPOND_HOURS, faults, respond_fault

LABELS: Final[Mapping[str, tuple[str, str]]] = {
    "budget_per_1000_month": ("Budget of alerts", "Per 1,000 children a month, above 0 and at most 100"),
    "raise_at": ("Line that raises", "A probability from 0.005 to 0.9; 0 lets the budget steer it"),
    "clear_ratio": ("Line that clears", "As a share of the line that raises, 0.05 to 0.95"),
    "clear_dwell_days": ("Days before a clear", "At or below the line that clears, 1 to 365"),
    "step_down_ratio": (
        "Line that steps down",
        "As a share of the line that raises, 0.01 to 0.9 of the one above",
    ),
    "step_down_dwell_days": ("Days before a step-down", "At or below the line that steps down, 1 to 365"),
}
"""Numbers that people change, with label and hint, in the order of the form."""
RESPOND: Final = "respond_hours:"  # and the team: the field of the hours in which it answers
TEAMS_MAX: Final = 24  # teams with a field each; a form has no room for more, and they are changed as text
BODY_MAX_CHARS: Final = 12_000  # a form of the desk holds no more
HOLDS: Final = "{} (left out)"
NOTHING: Final = "not set"
_ABSENT: Final = object()


class Bad(ValueError):
    """A change that cannot be drafted; says why, in words for who drafts it."""


class Difference(NamedTuple):
    """One field that a change alters."""

    field: str
    old: str
    new: str


def chosen(body: str) -> dict[str, float]:
    """Numbers of `LABELS` and hours of teams as they hold under a body, by the name of their field in the form."""
    rules = parsed(body)
    found = {name: rules.get(name, DEFAULTS[name]) for name in LABELS}
    for team in rules["teams"][:TEAMS_MAX]:
        found[RESPOND + team["name"]] = team.get("respond_hours", RESPOND_HOURS)
    return found


def as_texts(numbers: Mapping[str, float]) -> dict[str, str]:
    """Numbers as the form shows them, not a digit less: what is sent back as it was is no change."""
    return {name: str(int(value)) if value == int(value) else repr(value) for name, value in numbers.items()}


def with_numbers(body: str, form: Mapping[str, str]) -> str:
    """A body with the numbers of a form; what the form leaves as it holds is left as it is written.

    Raises:
        Bad: One is no number, or cannot be.
    """
    rules, held = parsed(body), chosen(body)
    for name, old in held.items():
        new = _number(name, form.get(name, ""))
        if new == old:
            continue
        if name.startswith(RESPOND):
            (team,) = (team for team in rules["teams"] if RESPOND + team["name"] == name)
            team["respond_hours"] = new
        else:
            rules[name] = new
    return written(rules, body)


def from_text(text: str, body: str) -> str:
    """A body that somebody wrote.

    Raises:
        Bad: It is no JSON object of that form, or a number cannot be.
    """
    if len(text) > BODY_MAX_CHARS:
        raise Bad(f"Expected at most {BODY_MAX_CHARS:,} characters. Longer rules are signed with sightline control")
    return written(parsed(text), body)


def written(rules: Mapping[str, Any], body: str) -> str:
    """The bytes that are signed: fields in order, each once.

    Raises:
        Bad: A number cannot be, or nothing differs from `body`.
    """
    for name, default in DEFAULTS.items():
        value = rules.get(name, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Bad(f"{name}: expected a number")
    for team in rules["teams"]:
        hours = team.get("respond_hours", RESPOND_HOURS)
        if not isinstance(hours, int) or isinstance(hours, bool):
            raise Bad(f"{team['name']}: respond_hours: expected a whole number")
        if why := respond_fault(hours):
            raise Bad(f"{team['name']}: {why}")
    if found := faults({**DEFAULTS, **rules}):
        raise Bad("; ".join(found))
    new = json.dumps(rules, sort_keys=True)
    if not differences(body, new):
        raise Bad("Nothing is changed")
    return new


def parsed(text: str) -> dict[str, Any]:
    """The fields of a body.

    Raises:
        Bad: It is no JSON object with teams, or has a number that is none.
    """
    try:
        rules = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError):
        raise Bad("The rules: expected JSON") from None
    teams = rules.get("teams") if isinstance(rules, dict) else None
    if not isinstance(teams, list) or not all(_is_team(one) for one in teams):
        raise Bad("The rules: expected an object with a list of teams, each with its name")
    if len({one["name"] for one in teams}) < len(teams):
        raise Bad("The rules: a team is named twice")
    return dict(rules)


def differences(old: str, new: str) -> tuple[Difference, ...]:
    """What a change alters, field by field; teams one by one, the fields of the form first."""
    return tuple(_differences(parsed(old), parsed(new)))


def _differences(was: dict[str, Any], then: dict[str, Any]) -> Iterator[Difference]:
    names = [*LABELS, *sorted({*was, *then} - {*LABELS, "teams"})]
    for name in names:
        if not _same(_held(was, name), _held(then, name)):
            yield Difference(LABELS[name][0] if name in LABELS else name, *_pair(was, then, name))
    before, after = ({team["name"]: team for team in rules["teams"]} for rules in (was, then))
    for team in sorted({*before, *after}):
        if team not in before or team not in after:
            yield Difference(
                f"Team {team}", *("in the rules" if team in one else "no team" for one in (before, after))
            )
            continue
        one, other = before[team], after[team]
        for name in sorted({*one, *other}):
            if not _same(_held(one, name), _held(other, name)):
                yield Difference(f"Team {team}: {name}", *_pair(one, other, name))
    if [*before] != [*after] and {*before} == {*after}:
        yield Difference("Order of teams", ", ".join(before), ", ".join(after))


def _held(fields: Mapping[str, Any], name: str) -> Any:
    default = RESPOND_HOURS if name == "respond_hours" else DEFAULTS.get(name, _ABSENT)
    return fields.get(name, default)


def _same(one: Any, other: Any) -> bool:
    """Whether the platform reads two values alike: 14 is 14.0, but 1 is not true, and null is not nothing."""
    if one is _ABSENT or other is _ABSENT:
        return one is other
    numbers = all(isinstance(value, int | float) and not isinstance(value, bool) for value in (one, other))
    return bool(one == other) if numbers else json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)


def _pair(was: Mapping[str, Any], then: Mapping[str, Any], name: str) -> tuple[str, str]:
    one, other = was.get(name), then.get(name)
    if isinstance(one, list) and isinstance(other, list) and all(isinstance(item, str) for item in (*one, *other)):
        gone, come = (sorted({*a} - {*b}) for a, b in ((one, other), (other, one)))
        if gone or come:
            return (f"without: {', '.join(gone)}" if gone else f"{len(one)} entries",
                    f"with: {', '.join(come)}" if come else f"{len(other)} entries")  # fmt: skip
    return _shown(was, name), _shown(then, name)


def _shown(fields: Mapping[str, Any], name: str) -> str:
    if name in fields:
        value = fields[name]
        return value if isinstance(value, str) and value else json.dumps(value, sort_keys=True, ensure_ascii=False)
    held = _held(fields, name)
    return NOTHING if held is _ABSENT else HOLDS.format(as_texts({"": held})[""])


def _number(name: str, text: str) -> float:
    """A number of the form, whole where days or hours are counted."""
    whole = name.startswith(RESPOND) or isinstance(DEFAULTS[name], int)
    label = f"{name.removeprefix(RESPOND)}: hours to answer in" if name.startswith(RESPOND) else LABELS[name][0]
    try:
        value: float = int(text) if whole else float(text)
    except ValueError:
        raise Bad(f"{label}: expected a {'whole ' if whole else ''}number") from None
    if not math.isfinite(value):
        raise Bad(f"{label}: expected a number")
    return value


def _is_team(one: Any) -> bool:
    return isinstance(one, dict) and isinstance(one.get("name"), str)


def _no_number(_: str) -> None:
    raise ValueError
