"""How good a grouping is, where the truth is known.

Decides the figures that benchmarks, the demo and a fit's review report. Counts all true pairs, those that blocking
never proposed included.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from typing import NamedTuple


class Quality(NamedTuple):
    """Shares in [0, 1]; 1.0 where there was nothing to get wrong."""

    precision: float
    recall: float

    @property
    def f1(self) -> float:
        """Harmonic mean of the two; 0.0 if both are 0."""
        total = self.precision + self.recall
        return 2 * self.precision * self.recall / total if total else 0.0


def of_pairs(pairs: Iterable[tuple[bytes, bytes]], truth: Mapping[bytes, Hashable]) -> Quality:
    """Quality of single pairs, each given once."""
    right = wrong = 0
    for one, other in pairs:
        if truth[one] == truth[other]:
            right += 1
        else:
            wrong += 1
    return _quality(right, right + wrong, _pairs(Counter(truth.values())))


def of_groups(group: Mapping[bytes, Hashable], truth: Mapping[bytes, Hashable]) -> Quality:
    """Quality of all pairs that share a group.

    Args:
        group: Group of each record.
        truth: True group of each of the same records.
    """
    both = _pairs(Counter((group[record], truth[record]) for record in truth))
    return _quality(both, _pairs(Counter(group[record] for record in truth)), _pairs(Counter(truth.values())))


def b_cubed(group: Mapping[bytes, Hashable], truth: Mapping[bytes, Hashable]) -> Quality:
    """Mean over records of how pure and how whole a record's group is.

    Source:
        Bagga and Baldwin 1998, doi:10.3115/980451.980859.
    """
    made = Counter(group[record] for record in truth)
    true = Counter(truth.values())
    both = Counter((group[record], truth[record]) for record in truth)
    precision = sum(count * count / made[name] for (name, _), count in both.items())
    recall = sum(count * count / true[name] for (_, name), count in both.items())
    return Quality(precision / len(truth), recall / len(truth)) if truth else Quality(1.0, 1.0)


def exact(group: Mapping[bytes, Hashable], truth: Mapping[bytes, Hashable]) -> float:
    """Share of true groups that came out whole and alone."""
    made, true = Counter(group[record] for record in truth), Counter(truth.values())
    both = Counter((group[record], truth[record]) for record in truth)
    return sum(made[name] == count == true[who] for (name, who), count in both.items()) / len(true) if true else 1.0


def _pairs(sizes: Counter[Hashable]) -> int:
    return sum(size * (size - 1) // 2 for size in sizes.values())


def _quality(right: int, made: int, true: int) -> Quality:
    return Quality(right / made if made else 1.0, right / true if true else 1.0)
