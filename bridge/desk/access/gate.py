"""The gate: what a signed-in user may see now about a child or household, agency by agency.

Decides which facts the policy is asked with, and nothing else: the policy decides. Every page and every part of one
cuts what it shows by what `reach` returns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from bridge.desk.access import bases
from bridge.desk.access.facts import Assessing, Facts
from bridge.desk.access.policy import BREAK_GLASS, CALL_RUNG, Situation, Verdict, remedies
from bridge.desk.access.protocols import Protocol
from bridge.desk.desk import Desk, User
from bridge.desk.stepup import stepped_up

NOTHING: Final = -1
RECORDS: Final = 4
LOOKED_UP_MS: Final = 12 * 3600 * 1000  # a look-up ties a user to a child for a shift


@dataclass(frozen=True)
class Subject:
    """Whom something is about, as this agency knows it.

    Attributes:
        records: Own record pseudonyms; none where the household is not known here.
        known_to: Agencies that hold something; those of the settings where it is not known.
        household: The agency's own household id; empty where there is none.
        alert: The user's team has an alert or a notice about it.
        review: A suggested link is to be decided.
        request: Another agency asks for it, and that is to be decided.
    """

    records: tuple[bytes, ...] = ()
    known_to: tuple[str, ...] = ()
    household: str = ""
    alert: bool = False
    review: bool = False
    request: bool = False


class Because(NamedTuple):
    """Why an agency's information is open up to a rung."""

    agency: str
    rung: int
    protocol: str
    title: str
    legal_basis: str
    bases: tuple[str, ...]


class Withheld(NamedTuple):
    """That an agency's information is withheld from a rung on, the rule that bars it, and what would open it."""

    agency: str
    rung: int
    barred: str
    remedies: tuple[str, ...]


@dataclass(frozen=True)
class Reach:
    """What a user may see: rungs by agency.

    Attributes:
        own_agency: The user's.
        rungs: Rung of each agency's information; an agency that is not in it is not shown at all.
        joint: Rung of what is made of all agencies' information together, such as a score: the lowest of the others'.
        because: Why, an agency each.
    """

    own_agency: str
    rungs: Mapping[str, int]
    joint: int
    because: tuple[Because, ...] = ()

    def of(self, agency: str) -> int:
        """Rung of an agency's information; -1 where there is none."""
        return self.rungs.get(agency, NOTHING)

    def least(self, agencies: Iterable[str]) -> int:
        """Rung of what may be any one of some agencies' information."""
        return min((self.of(agency) for agency in agencies), default=self.joint)

    @property
    def top(self) -> int:
        """The highest rung of any agency's; -1 where nothing may be seen, not even that there is something."""
        return max(self.rungs.values(), default=NOTHING)

    @property
    def signature(self) -> tuple[Any, ...]:
        """What decides of everything what of it is shown: two of the same show the same."""
        return self.own_agency, self.joint, *sorted(self.rungs.items())

    @property
    def names(self) -> bool:
        """Whether own records may be named."""
        return self.of(self.own_agency) >= RECORDS


async def reach(desk: Desk, user: User, subject: Subject, purpose: str = "") -> Reach:
    """What a user may see now about one subject."""
    return (await reaches(desk, user, (subject,), purpose))[0]


async def reaches(desk: Desk, user: User, subjects: Sequence[Subject], purpose: str = "") -> list[Reach]:
    """What a user may see now about each of many subjects, in their order.

    Args:
        desk: Desk.
        user: Who asks.
        subjects: About whom.
        purpose: What the user said it is for; empty where nothing was asked: then each protocol's own.
    """
    asked = await situations(desk, user, subjects, purpose)
    policy, titles = desk.book.policy(), desk.book.protocols().by_id()
    different = dict.fromkeys(asked)  # most alerts of an inbox are alike
    verdicts = iter(policy.verdicts(one for many in different for one in many))
    made = {many: _reach(desk.config.agency, many, [next(verdicts) for _ in many], titles) for many in different}
    return [made[many] for many in asked]


async def withheld(desk: Desk, user: User, subject: Subject, purpose: str = "") -> tuple[Withheld, ...]:
    """What is withheld of each agency's information and what would open it, agencies in the order of `known_to`."""
    policy = desk.book.policy()
    found = []
    for one in (await situations(desk, user, (subject,), purpose))[0]:
        verdict = policy.verdict(one)
        if verdict.rung < RECORDS:
            for rung in range(verdict.rung + 1, RECORDS + 1):
                open_by = remedies(policy, one, rung, own=one.agency == desk.config.agency)
                found.append(Withheld(one.agency, rung, verdict.barred, open_by))
    return tuple(found)


async def situations(
    desk: Desk, user: User, subjects: Sequence[Subject], purpose: str = ""
) -> list[tuple[Situation, ...]]:
    """What the policy is asked with about each subject, an agency each: own first, then those that hold something."""
    assigned = desk.book.assigned(user.account.protocols)
    rules = desk.config.assessing if any(one.assessment_first for one in assigned) else None
    told = Assessing(rules.opened_by, rules.filed_by, rules.valid_days) if rules else None
    facts = await desk.names.facts([subject.records for subject in subjects], told, desk.now())
    ids = frozenset(one.id for one in assigned)
    return [
        _situations(desk, user, subject, of, Situation("", ids, frozenset(), purpose=purpose))
        for subject, of in zip(subjects, facts, strict=True)
    ]


def _situations(desk: Desk, user: User, subject: Subject, facts: Facts, begun: Situation) -> tuple[Situation, ...]:
    config, wall = desk.config, desk.wall()
    about = bases.keys(subject.records, subject.household)
    written = desk.records.knows(about)  # of most children nobody has written anything: then nothing more is asked
    ties = (("alert", subject.alert), ("review", subject.review), ("request", subject.request))
    relations = {name for name, so in ties if so}
    if facts.teams & set(user.account.teams):
        relations.add("allocated")
    shared = begun._replace(
        relations=frozenset(relations | _tied(desk, user, about) if written else relations),
        assessed=facts.assessed,
        stepped_up=stepped_up(user, wall),
        break_glass=written and bases.glass_holds(desk.records, about, user.account.user, wall),
        restricted=facts.restricted,
        lifted=written and facts.restricted and bases.lifted(desk.records, about, user.account.user, wall),
    )
    others = subject.known_to or tuple(config.agencies)
    return tuple(
        shared._replace(
            agency=agency, bases=bases.standing(desk.records, about, agency, wall) if written else frozenset()
        )
        for agency in dict.fromkeys((config.agency, *others))
    )


def _tied(desk: Desk, user: User, about: tuple[str, ...]) -> set[str]:
    """The tie that the user's own look-up made, while it lasts."""
    since, entries = desk.wall() - LOOKED_UP_MS, [one for key in about for one in desk.records.about("lookup", key)]
    return {"lookup"} if any(one.at >= since and one.user == user.account.user for one in entries) else set()


def _reach(
    own: str, asked: Sequence[Situation], verdicts: Sequence[Verdict], titles: Mapping[str, Protocol]
) -> Reach:  # fmt: skip
    pairs = [(one, verdict) for one, verdict in zip(asked, verdicts, strict=True) if verdict.rung > NOTHING]
    rungs = {one.agency: verdict.rung for one, verdict in pairs}
    others = [rungs.get(one.agency, NOTHING) for one in asked if one.agency != own]
    because = tuple(_because(one, verdict, titles) for one, verdict in pairs)
    return Reach(own, rungs, min(others, default=rungs.get(own, NOTHING)), because)


def _because(one: Situation, verdict: Verdict, titles: Mapping[str, Protocol]) -> Because:
    made = titles.get(verdict.reason)
    if made is None:
        text = "Looked at once in an emergency; governance was told" if verdict.reason == BREAK_GLASS else ""
        return Because(one.agency, verdict.rung, verdict.reason, "Break glass", text, ())
    used = tuple(sorted(one.bases & set(made.bases))) if verdict.rung > made.free_rung else ()
    return Because(one.agency, verdict.rung, made.id, made.title, made.legal_basis, used)


__all__ = ["CALL_RUNG", "Because", "Reach", "Subject", "Withheld", "reach", "reaches", "situations", "withheld"]
