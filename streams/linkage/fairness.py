"""How good the links of each coded group are, by the model's own probabilities and by what people decided.

Decides what is counted: for each record its expected false links (1 - p over automatic links inside its person) and
expected missed links (p over ties to other people), as whole numbers that are added and taken away again, so that the
sums are exact without ever counting all records. The group takes no part in matching, and this none in either. A
miscalibrated model hides its own errors here; only what people decide can show them. Does not publish
(streams/insights).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, MutableMapping
from decimal import Context
from typing import Any, Final, Literal

import msgspec
from msgspec.structs import force_setattr

from streams.linkage.compare import link_of, packed
from streams.linkage.graph import LinkGraph
from streams.linkage.kernels import OFFSET
from streams.state import Spec

MILLION: Final = 1_000_000
STEP_BITS: Final = 4  # the table has a row for each 16 milli-bits: within .6 % of the odds
LIMIT: Final = 20_000  # milli-bits, one in a million: beyond, p is 0 or 1

Decision = Literal["found", "apart", "undone"]
"""found: a suggestion was confirmed, the link was missed. apart: it was denied, rightly not linked. undone: a person
took an automatic link apart, it was false."""


def _table() -> tuple[int, ...]:
    exact = Context(prec=40)  # decimals, because a float's power may differ in its last digit from machine to machine
    odds = exact.power(2, exact.divide((1 << STEP_BITS) // 2 - LIMIT, 1000))  # in the middle of the first step
    ratio = exact.power(2, exact.divide(1 << STEP_BITS, 1000))
    found = []
    for _ in range(2 * LIMIT >> STEP_BITS):
        found.append(int(exact.divide(exact.multiply(MILLION, odds), exact.add(1, odds)).to_integral_value()))
        odds = exact.multiply(odds, ratio)
    return tuple(found)


_PPM: Final = _table()
_LEAST: Final = packed(-LIMIT, -OFFSET)


def probability_ppm(link: int) -> int:
    """Probability that a pair is one person, from its link score.

    Args:
        link: Milli-bits.

    Returns:
        Parts per million.

    Example:
        >>> probability_ppm(-30_000), probability_ppm(1), probability_ppm(5_000), probability_ppm(30_000)
        (0, 501386, 969697, 1000000)
    """
    if link < -LIMIT:
        return 0
    return _PPM[(link + LIMIT) >> STEP_BITS] if link < LIMIT else MILLION


class Share(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What one record adds to the sums of its group; kept so that exactly this is taken away again.

    Attributes:
        people: 1 for the smallest record of a person, else 0.
        links, false_ppm, missed_ppm: As in `Sums`.
    """

    group: str
    people: int
    links: int
    false_ppm: int
    missed_ppm: int


class Sums(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Sums of one group; a link counts once at each of its two records.

    Attributes:
        records: Records with any automatic link or any that may be missing.
        people: People whose smallest record is one of them.
        links: Automatic links within people.
        false_ppm: Expected false ones among them, in millionths.
        missed_ppm: Expected links that were not made, in millionths.
        found: Records of suggestions that people confirmed.
        apart: Records of suggestions that people denied.
        undone: Records of automatic links that people took apart.
    """

    records: int = 0
    people: int = 0
    links: int = 0
    false_ppm: int = 0
    missed_ppm: int = 0
    found: int = 0
    apart: int = 0
    undone: int = 0


NONE: Final = Sums()


def share(row: Share) -> None:
    """Let a group's name be one object."""
    force_setattr(row, "group", sys.intern(row.group))


SPECS: Final = (Spec("link_shares", Share, share), Spec("link_quality", Sums))


class Fairness:
    """The sums of one partnership.

    Args:
        shares: Rows by record; none where it adds nothing.
        sums: Rows by group.
        group: Coded group of a record; None where it has no profile, then it is not counted.
    """

    def __init__(
        self, shares: MutableMapping[bytes, Share], sums: MutableMapping[str, Sums],
        group: Callable[[bytes], str | None],
    ) -> None:  # fmt: skip
        self._shares = shares
        self._sums = sums
        self._group = group

    def look(self, graph: LinkGraph, records: Iterable[bytes]) -> None:
        """Count some records again, those that are gone included."""
        change: dict[str, list[int]] = {}
        for record in records:
            before, after = self._shares.get(record), self._share(graph, record)
            if before == after:
                continue
            if before is not None:
                _add(change, before, -1)
            if after is not None:
                _add(change, after, 1)
                self._shares[record] = after
            else:
                del self._shares[record]
        for group, (number, people, links, false_ppm, missed_ppm) in change.items():
            self._change(
                group, records=number, people=people, links=links, false_ppm=false_ppm, missed_ppm=missed_ppm
            )  # fmt: skip

    def decided(self, records: Iterable[bytes], decision: Decision) -> None:
        """Count what a person decided about two records."""
        for record in records:
            group = self._group(record)
            if group is not None:
                self._change(group, **{decision: 1})

    def _share(self, graph: LinkGraph, record: bytes) -> Share | None:
        group = self._group(record) if record in graph.identities else None
        ties = graph.ties(record) if group is not None else None
        if group is None or not ties:
            return None
        links = false_ppm = missed_ppm = 0
        person, said, edge = graph.members(record), graph.said(record), graph.model.edge
        for other, weighed in ties.items():
            if weighed < _LEAST or other in said:
                continue
            link = link_of(weighed)
            if other not in person:
                missed_ppm += probability_ppm(link)
            elif link >= edge:
                links += 1
                false_ppm += MILLION - probability_ppm(link)
        if not links and not missed_ppm:
            return None
        return Share(group, int(person[0] == record), links, false_ppm, missed_ppm)

    def _change(self, group: str, **by: int) -> None:
        row = self._sums.get(group, NONE)
        new: Any = {name: getattr(row, name) + change for name, change in by.items()}
        after = msgspec.structs.replace(row, **new)
        if after == NONE:
            del self._sums[group]
        elif after != row:
            self._sums[group] = after


def _add(change: dict[str, list[int]], row: Share, sign: int) -> None:
    sums = change.setdefault(row.group, [0] * 5)
    for place, value in enumerate((1, row.people, row.links, row.false_ppm, row.missed_ppm)):
        sums[place] += sign * value
