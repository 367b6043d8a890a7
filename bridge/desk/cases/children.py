"""My children: the records that are allocated to a team, those who need it most first.

Decides the order, and that it is made of nothing that the user may not see. The caller has audited the read.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.desk import ahead, pages, words
from bridge.desk.access.gate import Reach, Subject, reaches
from bridge.desk.cases.sections import EVENTS, STATUSES
from bridge.desk.desk import Desk, User
from bridge.desk.duty.wording import Held
from bridge.desk.inbox import CLOSED, keys_about
from bridge.desk.names import Named, People
from bridge.desk.rungs import SUMMARY, cut_alert, cut_event, cut_household, cut_profile
from bridge.desk.views import about_alert

ROWS_MAX: Final = 50  # children of one page

NOBODY: Final = Held()  # who has an alert is said on its own page


@dataclass(frozen=True)
class Child:
    """One child. Empty where the rung does not reach."""

    record: str
    named: Named | None
    standing: tuple[str, ...]
    newest: str
    score: str
    heading: str
    behind: tuple[str, ...]
    alerts: tuple[pages.Row, ...]


class Cut(NamedTuple):
    """What the user may see of one child, before names and events."""

    record: bytes
    may: Reach
    profile: Mapping[str, Any]
    household: Mapping[str, Any]
    alerts: tuple[Mapping[str, Any], ...]


async def listed(desk: Desk, user: User, team: str, page: int) -> tuple[list[Child], int]:
    """One page of a team's children.

    Args:
        desk: Desk.
        user: Who asks; the team is theirs.
        team: Team.
        page: From 1.

    Returns:
        Children, those in need first; and how many there are that the user may see something of.
    """
    cuts = [cut for cut in await _cuts(desk, user, team) if cut.may.top >= 0]
    cuts.sort(key=_need)
    some = cuts[(page - 1) * ROWS_MAX : page * ROWS_MAX]
    records = tuple(cut.record for cut in some if cut.may.names)
    names = await desk.names.read(user.account.user, "children", team, records)
    newest = await desk.names.ask(lambda people: [_newest(people, cut) for cut in some])
    now = desk.now()
    return [_child(desk, cut, event, names, now) for cut, event in zip(some, newest, strict=True)], len(cuts)


async def _cuts(desk: Desk, user: User, team: str) -> list[Cut]:
    profiles = await desk.names.ask(lambda people: people.allocated(team))
    by_record = {bytes(profile["pseudonym"]): profile for profile in profiles}
    records = sorted(by_record)
    homes = await desk.inbox.homes([record.hex() for record in records])
    ids = {record: homes[record.hex()][0] for record in records if record.hex() in homes}
    rows = dict(homes.values())
    alerts = await _alerts(desk, user, team, records, sorted(set(ids.values())))
    about = {
        record: tuple(key for key in keys_about(ids.get(record, ""), (record,)) if key in alerts)
        for record in records
    }
    persons = [Subject((record,), (), ids.get(record, ""), alert=bool(about[record])) for record in records]
    order = sorted(rows)
    wholes = [_whole(home, rows[home], any(about[record] for record in records if ids.get(record) == home))
              for home in order]  # fmt: skip
    may = await reaches(desk, user, [*persons, *wholes])
    said = {home: cut_household(rows[home], one, desk.config)
            for home, one in zip(order, may[len(persons) :], strict=True)}  # fmt: skip
    return [
        Cut(record, one, cut_profile(by_record[record], one), said.get(ids.get(record, ""), {}),
            tuple({cut["alert_id"]: cut for key in about[record] for cut in alerts[key]}.values()))
        for record, one in zip(records, may[: len(persons)], strict=True)
    ]  # fmt: skip


def _whole(home: str, row: Mapping[str, Any], alerted: bool) -> Subject:
    return Subject(tuple(bytes.fromhex(one) for one in row.get("records", ())), (), home, alert=alerted)


async def _alerts(
    desk: Desk, user: User, team: str, records: Sequence[bytes], homes: Sequence[str]
) -> dict[str, list[Mapping[str, Any]]]:
    """Open alerts of the team, cut, by what they are found by."""
    keys = [*keys_about("", records), *(key for home in homes for key in keys_about(home, ()))]
    found = [one for one in await desk.inbox.alerts_about(team, keys) if one["state"] not in CLOSED]
    may = await reaches(desk, user, [about_alert(alert) for alert in found])
    by_key: dict[str, list[Mapping[str, Any]]] = {}
    for alert, reach in zip(found, may, strict=True):
        if cut := cut_alert(alert, reach, desk.config):
            for key in keys_about(alert["household"], alert["records"]):
                by_key.setdefault(key, []).append(cut)
    return by_key


def _need(cut: Cut) -> tuple[bool, int, int, bytes]:
    """Escalations first, the newest first; then by score, as far as it may be seen."""
    raised = [alert["raised_at"] for alert in cut.alerts if alert["direction"] == "escalate"]
    return not raised, -max(raised, default=0), -int(cut.household.get("score_ppm", 0)), cut.record


def _newest(people: People, cut: Cut) -> Mapping[str, Any]:
    """The newest event of a child, where the rung reaches."""
    if cut.may.of(cut.may.own_agency) < SUMMARY:
        return {}
    events = people.events_of(cut.record)
    return cut_event(events[0], cut.may) if events else {}


def _child(desk: Desk, cut: Cut, event: Mapping[str, Any], names: Mapping[bytes, Named], now: int) -> Child:
    heading = ahead.heading(cut.household, desk.config, now)
    last = heading.steps[-1] if heading else None
    spells = [one for one in cut.profile.get("statuses", ()) if one["ended_at"] is None or one["ended_at"] > now]
    kind = event.get("kind", "")
    return Child(
        cut.record.hex(),
        names.get(cut.record),
        tuple(dict.fromkeys(STATUSES.get(one["kind"], one["kind"]) for one in spells)),
        f"{EVENTS.get(kind, kind.replace('_', ' ').capitalize())}, {words.moment(event['occurred_at'], now)}"
        if kind
        else "",
        words.percent(cut.household["score_ppm"]) if "score_ppm" in cut.household else "",
        f"{last.expected} {last.when}" if last else "",
        words.lags(cut.household.get("behind", ()), desk.config.agency_name),
        tuple(pages.row(alert, {}, NOBODY, desk.config, now) for alert in cut.alerts),
    )
