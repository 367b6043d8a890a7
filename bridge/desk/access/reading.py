"""What a user sees, on which basis, and what is withheld and why, in words.

Decides wording only. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

from bridge.desk import words
from bridge.desk.access.gate import Because, Reach, Withheld
from bridge.desk.access.policy import ASSESSMENT_FIRST, CALL_RUNG, RESTRICTED
from bridge.desk.config import Config

RUNGS: Final = (
    "that there is something",
    "who knows the family and whom to call",
    "categories of what was seen",
    "a summary with the figures",
    "the record",
)
OTHERS: Final = "Other agencies"
BARS: Final = {
    ASSESSMENT_FIRST: "your own assessment comes first",
    RESTRICTED: "a child is restricted",
}
BASES: Final = {"consent": "consent", "determination": "a determination that seeking consent would harm the child",
                "duty": "a duty"}  # fmt: skip
REMEDIES: Final = {
    "step_up": "you confirm who you are",
    "assessed": "your assessment is filed in your own system",
    "consent": "consent is given",
    "determination": "it is determined that seeking consent would harm the child",
    "duty": "a duty to share is recorded",
    "lifted": "a second person lifts the restriction",
    "allocated": "the child is allocated to your team",
    "break_glass": "in an emergency you look at once, and governance reviews it",
}


@dataclass(frozen=True)
class Reason:
    """Whose information, how far, on which basis."""

    agency: str
    rung: str
    why: str


def of(may: Reach, closed: Iterable[Withheld], config: Config) -> dict[str, Any]:
    """What the template access/reach.html shows."""
    return {"because": because(may, config), "withheld": withheld(closed, may, config)}


def because(may: Reach, config: Config) -> tuple[Reason, ...]:
    """Why information is open, in words, agencies together where it is the same; one not to be named is of others."""
    told: dict[tuple[str, str], list[str]] = {}
    for one in may.because:
        told.setdefault((_capital(RUNGS[one.rung]), _why(one)), []).append(_agency(one.agency, may, config))
    return tuple(Reason(_together(agencies), rung, why) for (rung, why), agencies in told.items())


def withheld(closed: Iterable[Withheld], may: Reach, config: Config) -> tuple[str, ...]:
    """What is withheld and what would open it, a sentence each way of opening.

    Rungs and agencies to which the same applies are told together.
    """
    told: dict[tuple[str, str, tuple[str, ...]], list[int]] = {}
    for one in closed:
        told.setdefault((one.agency, one.barred, one.remedies), []).append(one.rung)
    alike: dict[str, list[str]] = {}
    for (agency, barred, ways), rungs in told.items():
        alike.setdefault(_sentence(rungs, barred, ways), []).append(_agency(agency, may, config))
    return tuple(f"{_together(agencies)}: {said}" for said, agencies in alike.items())


def _together(agencies: Iterable[str]) -> str:
    """Agencies, those that may not be named last and once."""
    named = dict.fromkeys(agencies)
    return words.joined([*(one for one in named if one != OTHERS), *([OTHERS] if OTHERS in named else ())])


def _agency(agency: str, may: Reach, config: Config) -> str:
    named = agency == config.agency or may.of(agency) >= CALL_RUNG
    return config.agency_name(agency) if named else OTHERS


def _why(one: Because) -> str:
    with_ = f"With {words.joined([BASES[name] for name in one.bases])}" if one.bases else ""
    return ". ".join(part for part in (one.title, one.legal_basis, with_) if part) + "."


def _sentence(rungs: list[int], barred: str, ways: tuple[str, ...]) -> str:
    what = words.joined([RUNGS[rung] for rung in dict.fromkeys(rungs)])
    why = f", because {BARS[barred]}" if barred in BARS else ""
    if not ways:  # nothing alone opens it; once the bar is gone, something may
        then = "Whether it opens once that has changed is said here then" if why else "Your protocols do not open it"
        return f"{what}{why}. {then}."
    return f"{what}{why}. It opens when {' or when '.join(REMEDIES[way] for way in ways)}."


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
