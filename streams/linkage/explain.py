"""Why two records are one person, or are not.

Decides the words and numbers of an explanation: weight by field in milli-bits, no value and no encoding in it.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import msgspec

from streams.linkage.compare import Evidence, comparable, evidence, total
from streams.linkage.identity import Shape
from streams.linkage.model import LinkModel

Why = Literal[
    "asserted",
    "held_apart",
    "other_epoch",
    "no_shared_key",
    "linked",
    "through_others",
    "below_edge",
    "split_by_average",
]
"""asserted, held_apart: a person decided so. through_others: not an edge itself, but one person by other records.
split_by_average: an edge, but their groups agree too little on the whole."""


class Explanation(msgspec.Struct, frozen=True):
    """One pair explained.

    Attributes:
        together: Whether the two are one person now.
        why: The deciding reason.
        link: Link score in milli-bits: same person against everything else.
        tie: Same person or household against random, in milli-bits.
        evidence: The lines that add up to them; household and twin enter `link` only as rivals.
        margin: By how much a person must lead them besides, in milli-bits; it is in `link`.
        edge: Threshold of an automatic edge, in milli-bits.
        model: Version of the model.
        digest: SHA-256 of the model.
    """

    together: bool
    why: Why
    link: int
    tie: int
    evidence: tuple[Evidence, ...]
    margin: int
    edge: int
    model: str
    digest: str


class Line(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One line of evidence for a person to read, in milli-bits.

    Attributes:
        name: Field, number or term of the model.
        level: Level reached; -1 = missing in one.
        person: For the same person.
        rival: For the best other explanation.
    """

    name: str
    level: int
    person: int
    rival: int


Rival = Literal["household", "twin", "other"]
"""What a pair is if it is not one person: two of a household, twins, or two with nothing to do with each other."""


class Standing(NamedTuple):
    """How a pair stands in the graph.

    Attributes:
        said: What was asserted of it: must, cannot or nothing.
        candidate: Whether the two share a live blocking key.
        together: Whether they are one person now.
    """

    said: str
    candidate: bool
    together: bool


def explain(model: LinkModel, a: Shape, b: Shape, standing: Standing) -> Explanation:
    """Explain one pair by the model in force."""
    lines = evidence(model, a, b) if comparable(a, b) else ()
    score = total(lines, model.margin)
    return Explanation(
        together=standing.together,
        why=_why(standing, bool(lines), score.link >= model.edge),
        link=score.link,
        tie=score.tie,
        evidence=lines,
        margin=model.margin,
        edge=model.edge,
        model=model.version,
        digest=model.digest,
    )


def against(explanation: Explanation) -> tuple[Rival, tuple[Line, ...]]:
    """The best other explanation of a pair, and each line of evidence for a person and for it."""
    lines = explanation.evidence
    household, twin = sum(line.household for line in lines), sum(line.twin for line in lines)
    if max(household, twin) + explanation.margin <= 0:
        return "other", tuple([Line(line.name, line.level, line.person, 0) for line in lines])
    if household >= twin:
        return "household", tuple([Line(line.name, line.level, line.person, line.household) for line in lines])
    return "twin", tuple([Line(line.name, line.level, line.person, line.twin) for line in lines])


def _why(standing: Standing, same_epoch: bool, strong: bool) -> Why:
    if standing.together:
        if standing.said == "must":
            return "asserted"
        return "linked" if strong and standing.candidate else "through_others"
    if standing.said == "cannot":
        return "held_apart"
    if not same_epoch:
        return "other_epoch"
    if not standing.candidate:
        return "no_shared_key"
    return "split_by_average" if strong else "below_edge"
