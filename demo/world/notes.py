"""Free text as staff write it: names, addresses, and here and there a phrase that means something, or its denial.

Decides wording only. Everything in here is invented; the identifiers in it are planted, so that a leak shows.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from demo.world.kinds import BY_NAME
from demo.world.people import Person

RISK_SHARE: Final = 0.10  # of notes say something a lexicon should find
NEGATED_SHARE: Final = 0.10  # of notes deny it
HISTORY_SHARE: Final = 0.06  # of notes speak of long ago or of somebody else
TEXT_SHARE: Final = 0.6  # of rows with a text column have a text

PHRASES: Final = {
    "violence": ("domestic abuse", "hit by a parent", "threatened with a knife"),
    "missing": ("missing from home", "out late with older males"),
    "injury": ("unexplained bruising", "unexplained injury"),
    "mental_health": ("self-harm", "suicidal thoughts", "low mood"),
    "attendance": ("persistent absence", "school refusal"),
    "welfare": ("neglect", "arrived hungry", "inadequate clothing"),
    "housing": ("rent arrears", "risk of eviction", "overcrowded"),
    "contact": ("previous contacts with the service",),
    "protective": ("engaging well with support", "supportive grandparent"),
    "referral": ("referred by the school",),
}
OPENINGS: Final = (
    "Spoke to {name} at {address}.", "{name} attended with parent.", "T/C from {name}, {address}.",
    "Seen: {name}. Lives at {address}.", "{name} known to this service.", "Home visit to {address}, {name} present.",
)  # fmt: skip
NEUTRAL: Final = (
    "Advice given.",
    "To review in two weeks.",
    "Letter sent home.",
    "No further action today.",
    "Will call back.",
)


def note(random: np.random.Generator, person: Person, address: str, kind: str) -> str | None:
    """A note about one event.

    Args:
        random: Where wording comes from.
        person: Whom it is about.
        address: Their address as one line.
        kind: What happened, so that the phrase fits.

    Returns:
        Text, or None where nobody wrote any.
    """
    if random.random() >= TEXT_SHARE:
        return None
    name = f"{person.given} {person.surname}"
    parts = [OPENINGS[random.integers(len(OPENINGS))].format(name=name, address=address)]
    phrases = PHRASES[BY_NAME[kind].family]
    phrase = phrases[random.integers(len(phrases))]
    chance = random.random()
    if chance < RISK_SHARE:
        parts.append(f"{person.given} disclosed {phrase}.")
    elif chance < RISK_SHARE + NEGATED_SHARE:
        parts.append(f"No evidence of {phrase}.")
    elif chance < RISK_SHARE + NEGATED_SHARE + HISTORY_SHARE:
        parts.append(f"Mother has a history of {phrase} as a child.")
    parts.append(NEUTRAL[random.integers(len(NEUTRAL))])
    return " ".join(parts)
