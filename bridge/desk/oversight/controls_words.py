"""A draft, what the platform says it would have changed, and what became of it: in words.

Decides wording only. Takes counts and codes, never anything about anybody. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from bridge.desk import words
from bridge.desk.oversight.controls_body import Difference, differences
from bridge.desk.oversight.controls_drafts import Draft, stale

ROWS: Final[Mapping[str, str]] = {
    "alerts": "Alerts", "alerts_a_week": "Alerts a week", "busiest_week": "Alerts in the busiest week",
    "per_1000_month": "Alerts per 1,000 children a month", "opening": "Opening caseload",
    "queued": "Had to wait for room in the budget", "raised_again": "Raised again within 30 days",
    "known": "Alerts of which it is known what came of them", "true": "True: an outcome followed in time",
    "precision": "Share that was true", "early_days": "Days from a true alert to the outcome, median",
    "not_yet_known": "Alerts of which it is not known yet", "not_yet_known_true": "Of these, with an outcome so far",
    "caught": "Families with an outcome that an alert came before", "step_downs": "Step-downs",
    "step_downs_a_week": "Step-downs a week", "step_downs_known": "Step-downs of which it is known what came of them",
    "step_downs_calm": "Of these, without an outcome in time", "line_at_start": "Line that raises, at the start",
    "line_at_end": "Line that raises, at the end",
}  # fmt: skip
MEASURES: Final = {"alerts": "Alerts", "known": "Known", "true": "True", "caught": "Caught"}
WITHHELD: Final = "not shown"
NONE: Final = "–"
WHY: Final = {
    "refused": "The platform would refuse these rules",
    "not_possible": "The history does not allow a comparison",
    "unavailable": "It could not be run now",
}


@dataclass(frozen=True)
class Shown:
    """What a what-if says: its outcome as in a preview, a headline, tables as lines of cells, what it rests on."""

    outcome: str
    headline: str
    reason: str
    as_of: str
    over: str
    rows: tuple[tuple[str, ...], ...] = ()
    groups: tuple[tuple[str, ...], ...] = ()
    rests_on: tuple[str, ...] = ()


@dataclass(frozen=True)
class Line:
    """A draft in a list."""

    id: str
    title: str
    state: str
    by: str
    open: bool


def preview(found: Mapping[str, Any], now: int) -> Shown:
    """A preview in words.

    Args:
        found: A schemas.preview.Preview.
        now: Partnership time, ms.
    """
    as_of = words.moment(found["as_of_at"], now) if found["as_of_at"] else ""
    if found["outcome"] != "compared":
        return Shown(found["outcome"], WHY[found["outcome"]], found["reason"], as_of, "")
    told = json.loads(found["body"])
    rows = {name: (today, changed) for name, today, changed in told["rows"]}
    return Shown(
        "compared", _headline(rows), "", as_of, _over(told),
        tuple((text, _number(rows[name][0]), _number(rows[name][1]), _difference(*rows[name]))
              for name, text in ROWS.items() if name in rows),
        tuple(_group(group) for group in told["groups"]),
        _rests_on(told),
    )  # fmt: skip


def status(draft: Draft, row: Mapping[str, Any] | None, now: int) -> str:
    """How a draft stands.

    Args:
        draft: Draft.
        row: The row of the control, as the platform told it last.
        now: Partnership time, ms.
    """
    if draft.withdrawn is not None:
        return "Withdrawn"
    if draft.sent is not None:
        return _answered(draft, row or {"in_force": None, "waiting": [], "refused": []}, now)
    if draft.second is not None:
        return "Signed by two, not sent yet"
    return "Can no longer be signed" if stale(draft, row) else "Waits for a second signature"


def line(draft: Draft, row: Mapping[str, Any] | None, name: Callable[[str], str], now: int, wall: int) -> Line:
    """A draft in the list of drafts; `name` gives a user's name."""
    return Line(
        draft.entry.id, f"Rules, version {draft.version}", status(draft, row, now),
        f"{name(draft.entry.user)}, {words.moment(draft.entry.at, wall)}",
        draft.withdrawn is None and draft.sent is None,
    )  # fmt: skip


def changes(draft: Draft) -> tuple[Difference, ...]:
    """What it alters."""
    return differences(draft.base_body, draft.body)


def takes_effect(draft: Draft, now: int) -> str:
    """From when."""
    if draft.effective_at <= now:
        return "at once, for its time has passed"
    at = datetime.fromtimestamp(draft.effective_at / 1000, words.LONDON)
    return f"{at.day} {at:%B %Y, %H:%M}, London time"


def _answered(draft: Draft, row: Mapping[str, Any], now: int) -> str:
    held, version = row["in_force"], draft.version
    known = draft.sent.body["refusals"] if draft.sent else []
    for one in reversed(row["refused"]):
        if one["version"] == version and [one["version"], one["at"]] not in known:
            return f"Refused {words.moment(one['at'], now)}: {one['reason']}"
    if held and held["version"] == version and row.get("body") in (None, draft.body):
        return f"In force since {words.moment(held['effective_at'], now)}"
    if held and held["version"] >= version:
        return f"Not in force: version {held['version']} is, of another draft"
    if any(one["version"] == version for one in row["waiting"]):
        return f"Comes into force {words.moment(draft.effective_at, now)}"
    return "Sent; the platform has not answered yet"


def _headline(rows: Mapping[str, tuple[Any, Any]]) -> str:
    week = (rows["alerts_a_week"][1] or 0) - (rows["alerts_a_week"][0] or 0)
    true = (rows["true"][1] or 0) - (rows["true"][0] or 0)
    return f"{_more(week, 'alerts a week')}, {_more(true, 'true')} over the whole time."


def _more(difference: float, what: str) -> str:
    if not difference:
        return f"As many {what}" if what != "true" else "as many true"
    amount = f"{abs(difference):,.1f}".removesuffix(".0")
    return f"{amount} {'more' if difference > 0 else 'fewer'} {what}"


def _over(told: Mapping[str, Any]) -> str:
    first, last = (words.day(told[name]) for name in ("start_at", "until_at"))
    short = f" ({told['asked_weeks']} asked for: history is no longer)" if told["weeks"] < told["asked_weeks"] else ""
    return f"{told['weeks']} weeks{short}, {first} to {last}, {told['children']:,} children"


def _rests_on(told: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        f"Of {told['outcomes']:,} families with an outcome, {told['only_today']:,} are caught by today's rules alone "
        f"and {told['only_changed']:,} by the changed ones alone.",
        f"True means an outcome of a child of the household within {told['horizon_days']} days; it is known "
        f"{told['grace_days']} days after those.",
        f"In this time people were sent {told['sent']:,} alerts and answered {told['answered']:,}; after "
        f"{told['answered_outcomes']:,} of these an outcome still followed.",
        *told["assumes"],
    )  # fmt: skip


def _group(group: Mapping[str, Any]) -> tuple[str, ...]:
    pairs = (f"{_cell(group[name][0])} → {_cell(group[name][1])}" for name in MEASURES)
    return group["group"] or "not recorded", _cell(group["children"]), _cell(group["outcomes"]), *pairs


def _cell(value: int | None) -> str:
    return WITHHELD if value is None else f"{value:,}"


def _number(value: float | None) -> str:
    return NONE if value is None else f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


def _difference(today: float | None, changed: float | None) -> str:
    if today is None or changed is None:
        return NONE
    change = changed - today
    if isinstance(change, int):
        return f"{change:+,}" if change else "0"
    return f"{change:+.2f}" if round(change, 2) else "0"
