"""The sections of a case: what is told of it, in words, the same for page, print and export.

Decides wording, order, and by what a line is known again. Takes what gather.py cut, and so cannot show more. Pure.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final

from bridge.desk import ahead, pages, words
from bridge.desk.cases.gather import Told
from bridge.desk.cases.template import Kind, Part, Template
from bridge.desk.config import Config

DAY_MS: Final = 24 * 3600 * 1000
MARK_BYTES: Final = 6  # a line known again: one in 10^14 pairs would be taken for another
TITLES: Final[dict[Kind, str]] = {
    "who": "Who, from our own records",
    "standing": "Where we stand",
    "alerts": "Alerts",
    "timeline": "Timeline of our own records",
    "factors": "What was seen, by all agencies",
    "relationships": "Who belongs together",
    "trajectory": "How strong the pattern is, and where it is heading",
    "presence": "Presence",
    "withheld": "What you see here, and why",
    "disclosed": "What other agencies disclosed",
    "changed": "What changed since you last read this",
}
EMPTY: Final[dict[Kind, str]] = {
    "who": "Names are not part of what you may see.",
    "standing": "Nothing of it is part of what you may see.",
    "alerts": "No alert of your teams.",
    "timeline": "Nothing in this period that you may see.",
    "factors": "Nothing that you may see.",
    "relationships": "No other record of ours is tied to this one.",
    "trajectory": "Nothing that you may see.",
    "presence": "No contact has been reported.",
    "withheld": "Nothing is withheld.",
    "disclosed": "Nothing was disclosed to us.",
    "changed": "Nothing.",
}
OF_ALL: Final[frozenset[Kind]] = frozenset({"alerts", "factors", "trajectory", "presence", "disclosed"})
"""Made of every agency's information: no part of a summary of own records alone."""
MARKED: Final[tuple[Kind, ...]] = (
    "alerts", "presence", "standing", "factors", "timeline", "disclosed", "relationships",
)  # fmt: skip
"""Whose lines are known again, in the order in which a change is told."""
EVENTS: Final = {
    "contact_nfa": "Contact, no further action",
    "referral": "Referral",
    "assessment": "Assessment",
    "need_or_plan": "Assessment: in need, or a protection plan",
    "early_help": "Early help session",
}
STATUSES: Final = {
    "protection_plan": "Child protection plan",
    "looked_after": "Looked after",
    "in_need": "Child in need",
    "early_help": "Early help",
}
BANDS: Final = {"unborn": "Unborn", "adult": "Adult", "unknown": "Age not known"}
TIES: Final = {"mother": "mother of {of}", "unborn child": "unborn child of {of}", "same household": "same household"}


@dataclass(frozen=True)
class Item:
    """One line.

    Attributes:
        title: What it is.
        when: Time or day in words; empty where it has none.
        detail: More of it, a phrase each.
        texts: Free texts of the own records.
        link: Address of its own page.
        lowers: A factor that lowers the score.
        mark: By what it is known again.
        new: Not there when the reader last read this.
    """

    title: str
    when: str = ""
    detail: tuple[str, ...] = ()
    texts: tuple[str, ...] = ()
    link: str = ""
    lowers: bool = False
    mark: str = ""
    new: bool = False


@dataclass(frozen=True)
class Section:
    """One section, in the order and under the heading of the template.

    Attributes:
        kind: What it holds.
        title: Heading.
        items: Lines.
        more: How many lines the template's limit or period leaves out.
        empty: What to say where there is no line.
        heading: Where it is heading, of a trajectory.
        suggested: What the records suggest, of a trajectory.
        because: Whose information is shown and on which basis, of what is withheld.
        withheld: What is not shown and what would open it, likewise.
    """

    kind: Kind
    title: str
    items: tuple[Item, ...] = ()
    more: int = 0
    empty: str = ""
    heading: ahead.Heading | None = None
    suggested: ahead.Suggestions | None = None
    because: tuple[Any, ...] = ()
    withheld: tuple[str, ...] = ()


def made(told: Told, template: Template, config: Config, now: int, before: frozenset[str] | None) -> list[Section]:
    """The sections of a case.

    Args:
        told: The case, cut.
        template: Which sections, in which order.
        config: Settings, for names of agencies and teams.
        now: Partnership time, ms.
        before: Marks of the lines that the reader has seen; None where they never read this.
    """
    lines = {kind: _marked(kind, told, config, now, before) for kind in MARKED}
    lines["changed"] = _changed(lines, before)
    found = []
    for part in template.sections:
        if part.kind in OF_ALL and told.scope.kind != "all":
            continue
        items = lines[part.kind] if part.kind in lines else LINES[part.kind](told, config, now)
        kept = items
        if part.kind == "timeline":
            kept = _timely(told, items, part, now - template.period_days * DAY_MS)
        shown = kept[: part.limit]
        title = part.title or TITLES[part.kind]
        section = Section(part.kind, title, shown, len(items) - len(shown), EMPTY[part.kind])
        found.append(_with_figures(section, told, config, now, before is None))
    return found


def marks(told: Told, config: Config, now: int) -> tuple[str, ...]:
    """Marks of all lines that the reader has before them."""
    return tuple(dict.fromkeys(item.mark for kind in MARKED for item in LINES[kind](told, config, now)))


def _marked(kind: Kind, told: Told, config: Config, now: int, before: frozenset[str] | None) -> tuple[Item, ...]:
    items = LINES[kind](told, config, now)
    return tuple(replace(item, new=before is not None and item.mark not in before) for item in items)


def _changed(lines: Mapping[Kind, tuple[Item, ...]], before: frozenset[str] | None) -> tuple[Item, ...]:
    if before is None:
        return ()
    new = [(kind, item) for kind in MARKED for item in lines[kind] if item.new]
    return tuple(replace(item, detail=(TITLES[kind], *item.detail), texts=()) for kind, item in new)


def _with_figures(section: Section, told: Told, config: Config, now: int, first: bool) -> Section:
    if section.kind == "trajectory":
        heading = ahead.heading(told.household, config, now)
        return replace(section, heading=heading, suggested=ahead.suggested(told.household, config, now))
    if section.kind == "withheld":
        return replace(section, because=told.reach["because"], withheld=told.reach["withheld"])
    if section.kind == "changed" and first:
        return replace(section, empty="You read this for the first time.")
    if section.kind == "who" and not told.case.subject.records:
        return replace(section, empty="Not known to us: our agency holds no record of this household.")
    return section


def _timely(told: Told, items: tuple[Item, ...], part: Part, since: int) -> tuple[Item, ...]:
    events = [event for _, event in _events(told)]
    pairs = zip(items, events, strict=True)
    return tuple(item for item, event in pairs
                 if event["occurred_at"] >= since and (not part.kinds or event["kind"] in part.kinds))  # fmt: skip


def _who(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del now
    if not told.may.names:
        return ()
    people = [(one, told.names[one.record]) for one in told.own if one.record in told.names]
    found = [
        Item(named.name, detail=_some(f"born {named.born}" if named.born else "",
                                      f"our reference {named.key}" if named.key else "", _name(one.source)),
             link=f"/people/{one.record.hex()}")
        for one, named in people
    ]  # fmt: skip
    unnamed = len(told.own) - len(people)
    if unnamed:
        found.append(Item(f"{unnamed} more record{'s' if unnamed > 1 else ''} that our own store cannot name"))
    del config
    return tuple(found)


def _standing(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    found: list[Item] = []
    for one in told.own:
        of, profile, rid = _of(told, one.record), one.profile, one.record.hex()
        if profile.get("restricted"):
            found.append(_item(f"Restricted{of}: call before anything else", rid))
        if profile.get("allocation"):
            team = config.team_name(profile["allocation"])
            found.append(_item(f"Allocated to {team}{of}", rid, profile["allocation"]))
        if profile.get("age_band"):
            band = profile["age_band"]
            found.append(_item(f"{BANDS.get(band, f'Age {band}')}{of}", rid, band))
        for spell in sorted(profile.get("statuses", ()), key=lambda one: (-one["started_at"], one["kind"])):
            found.append(_spell(spell, of, rid, now))
    return tuple(found)


def _spell(spell: Mapping[str, Any], of: str, rid: str, now: int) -> Item:
    title = f"{STATUSES.get(spell['kind'], _name(spell['kind']))}{of}"
    ended = spell["ended_at"]
    when = f"since {day(spell['started_at'])}" if ended is None or ended > now else (
        f"{day(spell['started_at'])} to {day(ended)}"
    )  # fmt: skip
    return replace(_item(title, rid, spell["kind"], str(spell["started_at"]), str(ended)), when=when)


def _alerts(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config, now
    return tuple(
        replace(
            _item(row.headline, row.alert_id, str(version)),
            when=row.raised,
            detail=_some(row.badge, f"score {row.score}, line {row.line}" if row.score else "",
                         f"{row.taken} has it" if row.taken else "", f"reference {row.reference}"),
            link=f"/alerts/{row.alert_id}",
        )
        for version, row in told.alerts
    )  # fmt: skip


def _events(told: Told) -> list[tuple[bytes, Mapping[str, Any]]]:
    pairs = [(one.record, event) for one in told.own for event in one.events if "occurred_at" in event]
    return sorted(pairs, key=lambda pair: (-pair[1]["occurred_at"], str(pair[1]["kind"]), pair[0]))


def _timeline(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config
    many = len(told.own) > 1
    found = []
    for record, event in _events(told):
        families = [factor["family"] for factor in event.get("factors", ())]
        seen = words.joined(list(dict.fromkeys(words.family(one) for one in families)))
        named = told.names.get(record) if many else None
        item = _item(EVENTS.get(event["kind"], _name(event["kind"])), record.hex(), str(event["occurred_at"]),
                     event["kind"], *families, *event.get("texts", ()))  # fmt: skip
        detail = _some(named.name if named else "", seen, _name(event.get("source", "")))
        found.append(replace(item, when=words.moment(event["occurred_at"], now), detail=detail,
                             texts=tuple(event.get("texts", ()))))  # fmt: skip
    return tuple(found)


def _factors(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config
    since = max(0, now - told.household.get("as_of_at", now)) // DAY_MS
    found = []
    for part in sorted(told.household.get("parts", ()), key=lambda part: -abs(part.get("weight_milli", 0))):
        family, weight = part["family"], part.get("weight_milli")
        if family == "base":
            continue  # where a household of this kind starts: no reason
        source = words.KINDS.get(part["agency_kind"], "")
        age = "" if family in words.TERMS else pages.age(part["age_days"], since)
        detail = _some(source, "lowers it" if part["lowers"] else "",
                       f"part in the score {weight / 1000:+.2f}" if weight is not None else "")  # fmt: skip
        item = _item(words.family(family), family, part["agency_kind"])
        found.append(replace(item, when=f"newest {age}" if age else "", detail=detail, lowers=part["lowers"]))
    return tuple(found)


def _trajectory(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config
    if "score_ppm" not in told.household:
        return ()
    score = told.household["score_ppm"]
    detail = _some(words.in_hundred(score), f"model {told.household.get('model', '')}")
    return (Item(f"Score {words.percent(score)}", f"as of {words.moment(told.household['as_of_at'], now)}", detail),)


def _relationships(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config, now
    found = []
    for kin in told.kin:
        named, of = told.names.get(kin.record), told.names.get(kin.of)
        tie = TIES[kin.tie].format(of=of.name if of else "this child" if kin.tie == "mother" else "this person")
        item = _item(named.name if named else "Another record of ours", kin.record.hex(), kin.tie, kin.of.hex())
        link = f"/people/{kin.record.hex()}" if kin.open else ""
        born = f"born {named.born}" if named and named.born else ""
        found.append(replace(item, detail=_some(tie, born), link=link))
    return tuple(found)


def _presence(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del config, now
    return tuple(
        replace(
            _item("Presented" if one.kind == "presented" else "Known: call", one.notice_id),
            when=one.at,
            detail=_some(f"at {one.where}" if one.where else "", one.status,
                         f"call {one.call.name} {one.call.office}".strip() if one.call else ""),
        )
        for one in told.notices
    )  # fmt: skip


def _disclosed(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    return tuple(
        replace(_item(one.what, one.id), when=words.moment(one.at, now), detail=(config.agency_name(one.agency),),
                texts=one.texts)
        for one in told.disclosed
    )  # fmt: skip


def _none(told: Told, config: Config, now: int) -> tuple[Item, ...]:
    del told, config, now
    return ()


LINES: Final[dict[Kind, Callable[[Told, Config, int], tuple[Item, ...]]]] = {
    "who": _who, "standing": _standing, "alerts": _alerts, "timeline": _timeline, "factors": _factors,
    "relationships": _relationships, "trajectory": _trajectory, "presence": _presence, "disclosed": _disclosed,
    "withheld": _none, "changed": _none,
}  # fmt: skip


def day(at: int) -> str:
    """A day in words, from ms.

    Example:
        >>> day(1_764_000_000_000)
        '24 Nov 2025'
    """
    then = datetime.fromtimestamp(at / 1000, words.LONDON)
    return f"{then.day} {then:%b %Y}"


def _of(told: Told, record: bytes) -> str:
    """Whose it is, where several are told of and they may be named."""
    named = told.names.get(record)
    return f", {named.name}" if named and len(told.own) > 1 else ""


def _item(title: str, *known_by: str) -> Item:
    digest = hashlib.blake2b("\0".join(known_by).encode(), digest_size=MARK_BYTES)
    return Item(title, mark=digest.hexdigest())


def _some(*parts: str) -> tuple[str, ...]:
    return tuple(part for part in parts if part)


def _name(code: str) -> str:
    return code.replace("_", " ").capitalize()


def systems(names: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """Systems by code and name, as a choice."""
    return tuple((one, _name(one)) for one in names)
