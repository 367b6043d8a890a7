"""How codes, numbers and times read to a duty worker.

Decides wording only. An alert is about a *pattern*: the words for it never say more than the figures do. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import date, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

from schemas.alert import HANDED_ON, MOVED, OUT_OF_HOURS, TAKEN_OVER, UNREAD

LONDON: Final = ZoneInfo("Europe/London")
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400

TERMS: Final = frozenset({"agencies", "volume", "base"})
"""Parts of a score that are no factor family: nothing newest stands behind them."""
FAMILIES: Final = {
    "violence": "Violence or domestic abuse",
    "missing": "Missing episodes",
    "injury": "Injuries",
    "mental_health": "Mental health of a child or carer",
    "attendance": "School absence or exclusion",
    "welfare": "Welfare concerns",
    "housing": "Housing trouble: arrears, notices, complaints",
    "contact": "Contacts with services",
    "protective": "Protective evidence: engagement, good attendance, calm",
    "agencies": "Which agencies, and how many of them at once",
    "volume": "How much of it",
    "base": "Where a household of this kind starts",
}
KINDS: Final = {
    "police": "police",
    "health": "health",
    "education": "school",
    "social_care": "social care",
    "housing": "housing",
}
STATES: Final = {
    "raised": "New",
    "updated": "Updated",
    "cleared": "Cleared",
    "retracted": "Withdrawn",
}
PRESENCE: Final = {
    "plan": "On a child protection plan",
    "looked_after": "Looked after",
    "within_12_months": "On a plan or looked after within the last 12 months",
    "known": "Known: call before anything else",
}

CORRECTIONS: Final = {
    OUT_OF_HOURS: "sent to you because the team it is for is not at work",
    UNREAD: "nobody answered it in time",
    MOVED: "the child is with another team now",
    TAKEN_OVER: "the team it is for has it now",
}
"""Why who has an alert changed."""

FIELDS: Final = {
    "given": "given name",
    "middle": "middle name",
    "surname": "surname",
    "dob": "birth date",
    "number": "house number",
    "street": "street",
    "postcode": "postcode",
    "place": "place",
    "email": "e-mail",
    "code": "NHS number, digit by digit",
    "nhs": "NHS number",
    "upn": "pupil number",
    "uprn": "property number",
}
TOKENS: Final = frozenset({"nhs", "upn", "uprn"})
"""Compared whole: the same or not."""
SAME_LEVEL, CLOSE_LEVEL, ALIKE_LEVEL = 7, 5, 3  # of 7: how alike two values must be to be called so
STRONG_MILLI: Final = 3_000  # from eight to one
RIVALS: Final = {
    "household": "If they are two people, they are most likely of one household.",
    "twin": "If they are two people, they are most likely twins.",
    "other": "If they are two people, they most likely have nothing to do with each other.",
}
OUTCOMES: Final = {
    "need_or_plan": "Found to be in need, or to need a protection plan, after a referral",
    "protection_plan": "Put on a child protection plan",
    "re_referral": "Referred again within 12 months of the end of an episode or assessment",
    "early_help": "Stepped down from need or a plan to early help",
}
"""What professionals may decide about a child."""
DECISIONS: Final = (
    "These are decisions that professionals took in the past about children with records like these: "
    "they are not harm, and what is decided here a person decides."
)
REASONS: Final = {
    "own_record": "Our own record shows it",
    "asked_agency": "The other agency was asked",
    "asked_family": "The family was asked",
    "document": "A document was seen",
}
"""Why a person decided about a suggested link: closed words, kept in the audit."""


ACTIONS: Final = {
    "alert": "Alert read", "bases": "Bases read", "break_glass": "Looked at once, in an emergency",
    "look_up": "Looked somebody up", "look_up_answer": "Answer to a look-up read",
    "read_answer": "Answer of another agency read", "read_request": "Request to another agency read",
    "access_log": "Access log read", "governance": "Governance page read", "review": "Emergency reviewed",
    "sign_in": "Signed in", "sign_out": "Signed out", "step_up": "Confirmed who they are",
}  # fmt: skip
"""Actions of the audit whose code does not say it by itself."""


def family(code: str) -> str:
    """A factor family or a term of the model.

    Example:
        >>> family("injury"), family("something_new")
        ('Injuries', 'Something new')
    """
    return FAMILIES.get(code, code.replace("_", " ").capitalize())


def moment(at: int, now: int) -> str:
    """A time as a clock on the wall shows it, with the day where it is not today.

    Args:
        at: ms since 1970-01-01 UTC.
        now: Likewise.

    Example:
        >>> moment(1_700_000_000_000, 1_700_000_100_000)
        'today 22:13'
    """
    then, today = (datetime.fromtimestamp(ms / 1000, LONDON) for ms in (at, now))
    days = (today.date() - then.date()).days
    if days == 0:
        return f"today {then:%H:%M}"
    if days == 1:
        return f"yesterday {then:%H:%M}"
    if days == -1:
        return f"tomorrow {then:%H:%M}"
    year = "" if then.year == today.year else f" {then.year}"
    return f"{then:%a} {then.day} {then:%b}{year}, {then:%H:%M}"


def day(at: int) -> str:
    """A day as a calendar shows it.

    Example:
        >>> day(1_700_000_000_000)
        '14 November 2023'
    """
    then = datetime.fromtimestamp(at / 1000, LONDON)
    return f"{then.day} {then:%B %Y}"


def date_(iso_date: str) -> str:
    """A day as a calendar shows it, from its ISO form.

    Example:
        >>> date_("2025-11-27")
        '27 November 2025'
    """
    then = date.fromisoformat(iso_date)
    return f"{then.day} {then:%B %Y}"


def action(code: str) -> str:
    """What somebody did, as the audit has it.

    Example:
        >>> action("break_glass"), action("name_inbox")
        ('Looked at once, in an emergency', 'Names read: inbox')
    """
    if code.startswith("name_"):
        return f"Names read: {code.removeprefix('name_').replace('_', ' ')}"
    if code.startswith("read_") and code not in ACTIONS:
        return f"Read without names: {code.removeprefix('read_').replace('_', ' ')}"
    return ACTIONS.get(code, code.replace("_", " ").capitalize())


def clock(at: int) -> str:
    """The time of day, to the second."""
    return f"{datetime.fromtimestamp(at / 1000, LONDON):%H:%M:%S}"


def iso(at: int) -> str:
    """A time for machines, UTC."""
    return datetime.fromtimestamp(at / 1000, ZoneInfo("UTC")).strftime("%Y-%m-%dT%H:%M:%SZ")


def duration(seconds: int) -> str:
    """A length of time in its largest whole unit.

    Example:
        >>> duration(59), duration(3 * 3600 + 5), duration(86_400)
        ('under a minute', '3 hours', '1 day')
    """
    for unit_s, unit in ((DAY_S, "day"), (HOUR_S, "hour"), (MINUTE_S, "minute")):
        if seconds >= unit_s:
            count = seconds // unit_s
            return f"{count} {unit}{'s' if count > 1 else ''}"
    return "under a minute"


def percent(ppm: int) -> str:
    """A share in percent, one decimal.

    Example:
        >>> percent(142_000)
        '14.2 %'
    """
    return f"{ppm / 10_000:.1f} %"


def in_hundred(ppm: int) -> str:
    """A probability as a count that people can picture.

    Example:
        >>> in_hundred(142_000), in_hundred(4_000)
        ('about 14 in 100', 'fewer than 1 in 100')
    """
    return f"{of_hundred(ppm)} in 100"


def of_hundred(ppm: int) -> str:
    """A probability as a count of 100, where the 100 are named elsewhere.

    Example:
        >>> of_hundred(142_000), of_hundred(4_000)
        ('about 14', 'fewer than 1')
    """
    count = round(ppm / 10_000)
    return f"about {count}" if count else "fewer than 1"


def outcome(code: str) -> str:
    """What professionals may decide about a child.

    Example:
        >>> outcome("protection_plan"), outcome("looked_after")
        ('Put on a child protection plan', 'Looked after')
    """
    return OUTCOMES.get(code, code.replace("_", " ").capitalize())


def joined(words: list[str]) -> str:
    """A list as a sentence has it.

    Example:
        >>> joined(["police", "health", "school"])
        'police, health and school'
    """
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}" if words else ""


def correction(text: str) -> str:
    """Why an alert was withdrawn or changed.

    Example:
        >>> correction("joined 0123456789abcdef")
        'two households turned out to be one: see alert 01234567'
    """
    if text in CORRECTIONS:
        return CORRECTIONS[text]
    kind, _, other = text.partition(" ")
    return f"two households turned out to be one: see alert {other[:8]}" if kind == "joined" and other else text


def badge(state: str, direction: str, taken: bool) -> str:
    """State in a word or two."""
    if state in ("raised", "updated"):
        return "Taken" if taken else "Step down" if direction == "step_down" else STATES[state]
    return STATES[state]


def headline(direction: str, state: str, route: str = "") -> str:
    """What an alert says, in one line that holds for every rung."""
    if state == "cleared" and route in HANDED_ON:
        return "No longer with this team"
    if state == "retracted":
        return "Withdrawn: what this stood on was corrected"
    if state == "cleared":
        return "The pattern has gone back below the line"
    if direction == "step_down":
        return "The pattern has been calm for long enough to consider stepping down"
    return f"A pattern has crossed {whose_line(route)} line"


def whose_line(route: str) -> str:
    """Whose line an alert is about: one that is copied to a team at work crossed the line of the one it is for.

    Example:
        >>> whose_line(""), whose_line("out of hours")
        ("your team's", "another team's")
    """
    return "another team's" if route == OUT_OF_HOURS else "your team's"


def lags(feeds: Iterable[Mapping[str, Any]], name: Callable[[str], str]) -> tuple[str, ...]:
    """Feeds that are behind and for how long.

    Args:
        feeds: `agency` and `behind_s` of each.
        name: Name of an agency.
    """
    return tuple(f"{name(lag['agency'])}: nothing new for {duration(lag['behind_s'])}" for lag in feeds)


def field(code: str) -> str:
    """What was compared.

    Example:
        >>> field("dob"), field("shoe_size")
        ('birth date', 'shoe size')
    """
    return FIELDS.get(code, code.replace("_", " "))


def likeness(code: str, level: int) -> str:
    """How two values compare, without either of them.

    Args:
        code: Field or number.
        level: As the platform gives it: 0 to 7, for a number 0 or 1, -1 where one is missing.

    Example:
        >>> [likeness("dob", level) for level in (7, 6, 3, 0, -1)], likeness("nhs", 1)
        (['same', 'a slip apart', 'somewhat alike', 'different', 'missing'], 'same')
    """
    if level < 0:
        return "missing"
    if code in TOKENS:
        return "same" if level else "different"
    steps = ((SAME_LEVEL, "same"), (CLOSE_LEVEL, "a slip apart"), (ALIKE_LEVEL, "somewhat alike"), (0, "different"))
    return next(text for least, text in steps if level >= least)


def strength(link_milli: int) -> str:
    """How strong a suggested link is, as the model has it.

    Args:
        link_milli: Thousandths of a bit for one person against everything else.

    Example:
        >>> strength(3_300), strength(2_000)
        ('Strong: about 91 in 100 such pairs are one person', 'Fair: about 80 in 100 such pairs are one person')
    """
    count = min(99, round(100 / (1 + 2.0 ** (-link_milli / 1000))))
    return f"{'Strong' if link_milli >= STRONG_MILLI else 'Fair'}: about {count} in 100 such pairs are one person"
