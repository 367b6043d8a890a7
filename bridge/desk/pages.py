"""What a page shows: rows made of what the rung allows, in words.

Decides order, wording and what to do next. Takes cut messages (bridge/desk/rungs.py) and so cannot show more than
they hold. Pure: names and times are given.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from bridge.desk import words
from bridge.desk.config import Config
from bridge.desk.duty.deeds import CLOSED, NOBODY, Standing
from bridge.desk.duty.wording import Held
from bridge.desk.names import Named
from schemas.alert import HANDED_ON

ROWS_MAX: Final = 50  # rows of one page of the inbox
REASONS_SHOWN: Final = 3  # in the inbox; the alert's own page has all
DAY_MS: Final = 24 * 3600 * 1000
SOON_MS: Final = 2 * 3600 * 1000  # a response due within 2 hours is marked


@dataclass(frozen=True)
class Reason:
    """One factor in words; weight and age only from the summary rung. `start`: where all such households begin."""

    text: str
    lowers: bool
    source: str = ""
    weight: float | None = None
    share: int | None = None
    age: str = ""
    start: bool = False


@dataclass(frozen=True)
class Call:
    """Whom to call; `own` is the user's own agency."""

    name: str
    office: str = ""
    out_of_hours: str = ""
    own: bool = False


@dataclass(frozen=True)
class Row:
    """One alert. Empty or None where the rung does not reach; `below`: raised, and under the line again by now."""

    alert_id: str
    reference: str
    state: str
    badge: str
    step_down: bool
    headline: str
    open: bool
    opening: bool
    raised: str
    raised_iso: str
    changed: str
    due: str = ""
    overdue: bool = False
    due_soon: bool = False
    taken: str = ""
    mine: bool = False
    snoozed: str = ""
    closed: str = ""
    lately: str = ""
    people: tuple[Named, ...] = ()
    unnamed: int = 0
    not_known: bool = False
    agencies: tuple[Call, ...] | None = None
    behind: tuple[str, ...] = ()
    reasons: tuple[Reason, ...] = ()
    score: str = ""
    line: str = ""
    clears: str = ""
    picture: str = ""
    horizon: str = ""
    model: str = ""
    correction: str = ""
    handed_on: bool = False
    whose_line: str = ""
    score_permille: int = 0
    line_permille: int = 0
    below: bool = False


@dataclass(frozen=True)
class Presented:
    """One presence notice."""

    notice_id: str
    kind: str
    at: str
    at_iso: str
    status: str = ""
    where: str = ""
    call: Call | None = None
    contacts: int | None = None
    people: tuple[Named, ...] = ()
    unnamed: int = 0
    not_known: bool = False


@dataclass(frozen=True)
class Inbox:
    """Rows of one team by what is to be done with them."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    mine: list[dict[str, Any]] = field(default_factory=list)
    taken: list[dict[str, Any]] = field(default_factory=list)
    snoozed: list[dict[str, Any]] = field(default_factory=list)
    closed: list[dict[str, Any]] = field(default_factory=list)


def sort(alerts: Iterable[dict[str, Any]], standings: Mapping[str, Standing], user: str, now: int) -> Inbox:
    """Alerts by what is to be done: nobody has it yet, the user has it, a colleague has it, snoozed, closed.

    Those waiting come escalations first, then by the response clock, the opening caseload last; the snoozed by when
    they come back; the others newest first.

    Args:
        alerts: Alerts of a team.
        standings: How each stands, by id; none where nobody did anything.
        user: User id of who reads.
        now: Partnership time, ms.
    """
    inbox = Inbox()
    for alert in alerts:
        _place(inbox, alert, standings.get(alert["alert_id"], NOBODY), user, now).append(alert)
    inbox.waiting.sort(key=urgency)
    inbox.snoozed.sort(key=lambda alert: (standings[alert["alert_id"]].snoozed_until_at, alert["alert_id"]))
    for rest in (inbox.mine, inbox.taken, inbox.closed):
        rest.sort(key=lambda alert: (-alert["changed_at"], alert["alert_id"]))
    return inbox


def _place(
    inbox: Inbox, alert: Mapping[str, Any], standing: Standing, user: str, now: int
) -> list[dict[str, Any]]:  # fmt: skip
    if alert["state"] in CLOSED or standing.closed:
        return inbox.closed
    if standing.sleeps(alert["version"], now):
        return inbox.snoozed
    if not standing.holder:
        return inbox.waiting
    return inbox.mine if standing.holder == user else inbox.taken


def urgency(alert: Mapping[str, Any]) -> tuple[bool, bool, float, int, str]:
    """What the most urgent of some alerts is the smallest by."""
    due = alert["respond_by_at"] if alert["respond_by_at"] is not None else float("inf")
    return alert["opening"], alert["direction"] == "step_down", due, -alert["changed_at"], alert["alert_id"]


def row(
    cut: Mapping[str, Any], names: Mapping[bytes, Named], held: Held, config: Config, now: int
) -> Row:  # fmt: skip
    """One alert in words.

    Args:
        cut: Alert, cut to the user's rung.
        names: Names of its records, as far as they were read.
        held: How it stands with the team.
        config: Settings, for names and numbers of agencies.
        now: Partnership time, ms.
    """
    due = cut["respond_by_at"]
    open_ = cut["state"] not in CLOSED and not held.closed
    badge = words.badge(cut["state"], cut["direction"], bool(held.name))
    made: dict[str, Any] = {
        "alert_id": cut["alert_id"],
        "reference": cut["alert_id"][:8],
        "state": cut["state"],
        "badge": "Closed" if held.closed else "Snoozed" if held.snoozed and open_ else badge,
        "step_down": cut["direction"] == "step_down",
        "headline": words.headline(cut["direction"], cut["state"], cut["route"]),
        "open": open_,
        "opening": cut["opening"],
        "raised": words.moment(cut["raised_at"], now),
        "raised_iso": words.iso(cut["raised_at"]),
        "changed": words.moment(cut["changed_at"], now) if cut["version"] > 1 else "",
        "taken": held.name,
        "mine": held.mine,
        "snoozed": held.snoozed if open_ else "",
        "closed": held.closed,
        "lately": held.lately,
        "correction": words.correction(cut["route"]),
        "handed_on": cut["state"] == "cleared" and cut["route"] in HANDED_ON,
        "whose_line": words.whose_line(cut["route"]),
    }
    if due is not None and open_ and not (held.name or held.snoozed):
        late = due <= now
        made |= {"due": words.moment(due, now), "overdue": late, "due_soon": not late and due - now <= SOON_MS}
    if cut.get("known_to"):  # empty where the platform cut this agency below the rung
        made |= _who(cut, config)
    if cut.get("threshold_ppm"):  # 0 likewise
        made |= _summary(cut, now)
    elif "families" in cut:
        made["reasons"] = tuple(
            Reason(words.family(code), lowers) for code, lowers in cut["families"] if code != "base"
        )
    if "records" in cut:
        made |= _people(cut["records"], names)
    return Row(**made)


def _who(cut: Mapping[str, Any], config: Config) -> dict[str, Any]:
    behind = words.lags(cut["behind"], config.agency_name)
    calls = tuple(call(agency, config) for agency in cut["known_to"])
    return {"behind": behind, "agencies": calls, "not_known": not cut["here"]}


def call(agency: str, config: Config) -> Call:
    """Name and numbers of an agency."""
    contact, own = config.agencies.get(agency), agency == config.agency
    if contact is None:
        return Call(config.agency_name(agency), own=own)
    return Call(contact.name, contact.office_number, contact.out_of_hours_number, own)


def _summary(cut: Mapping[str, Any], now: int) -> dict[str, Any]:
    factors = sorted(cut["factors"], key=lambda factor: factor["family"] == "base")  # it is the start, not a reason
    most = max((abs(factor["weight_milli"]) for factor in factors if factor["family"] != "base"), default=0)
    since = max(0, now - cut["changed_at"]) // DAY_MS  # ages are as of this version of the alert
    score, line = cut["score_ppm"], cut["threshold_ppm"]
    scale = max(score, line, 1) * 5 // 4
    return {
        "reasons": tuple(_weighed(factor, most, since) for factor in factors),
        "score": words.percent(score),
        "line": words.percent(line),
        "clears": words.percent(cut["clears_at_ppm"]),
        "picture": words.in_hundred(score),
        "horizon": words.duration(cut["horizon_days"] * words.DAY_S),
        "model": cut["model"],
        "correction": words.correction(cut["correction"]),
        "score_permille": 1000 * score // scale,
        "line_permille": 1000 * line // scale,
        "below": cut["direction"] != "step_down" and score < line,
    }


def _weighed(factor: Mapping[str, Any], most: int, since: int) -> Reason:
    weight, family = factor["weight_milli"], factor["family"]
    source = words.KINDS.get(factor["agency_kind"], "")
    newest = "" if family in words.TERMS else age(factor["age_days"], since)
    share = min(100, round(100 * abs(weight) / most)) if most and family != "base" else 0
    return Reason(words.family(family), weight < 0, source, weight / 1000, share, newest, family == "base")


def age(days: int, since: int) -> str:
    """How long ago the newest of something was, in words.

    Args:
        days: As it was said; negative where there is none.
        since: Days since it was said.
    """
    if days < 0:
        return ""
    days += since
    return "today" if days == 0 else "yesterday" if days == 1 else f"{days} days ago"


def _people(records: Iterable[bytes], names: Mapping[bytes, Named]) -> dict[str, Any]:
    records = tuple(records)
    return {
        "people": tuple(names[record] for record in records if record in names),
        "unnamed": sum(1 for record in records if record not in names),
    }


def _call_about(cut: Mapping[str, Any], config: Config) -> Call:
    """Whom to call: the responsible team where a child presented here, else those it presented to."""
    if cut["kind"] == "presented":
        return call(cut["presented_to"], config)
    team = cut["responsible_team"]
    theirs = config.team_agencies.get(team, config.agency)
    of = f", {config.agency_name(theirs)}" if theirs != config.agency else ""
    return Call(config.team_name(team) + of, cut["office_number"], cut["out_of_hours_number"])


def presented(cut: Mapping[str, Any], names: Mapping[bytes, Named], config: Config, now: int) -> Presented:
    """One presence notice in words.

    Args:
        cut: Notice, cut to the user's rung.
        names: Names of its records, as far as they were read.
        config: Settings, for names of agencies and teams.
        now: Partnership time, ms.
    """
    made: dict[str, Any] = {
        "notice_id": cut["notice_id"],
        "kind": cut["kind"],
        "at": words.moment(cut["presented_at"], now),
        "at_iso": words.iso(cut["presented_at"]),
        "contacts": cut.get("contacts"),
    }
    if "presented_to" in cut:
        made["where"] = config.agency_name(cut["presented_to"])
        made["call"] = _call_about(cut, config)
    if "status" in cut:
        made["status"] = words.PRESENCE.get(cut["status"], cut["status"])
    if "records" in cut:
        made |= _people(cut["records"], names)
        made["not_known"] = not cut["records"]
    return Presented(**made)
