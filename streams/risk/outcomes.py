"""What can be predicted: for each outcome, which child is a subject for it when, and when it began.

Decides both from kept facts alone: statuses, referrals and outcome events. Everything is dated by when it began to be
decided, the referral where there was one, and a child about whom it is being decided is no subject: a score that
waits for the record of a decision only predicts the filing (RISK section 10). All of these are decisions by
professionals; none of them is harm. Does not decide which of them a partnership asks for (streams/alerting/rules.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import pairwise
from typing import Final, NamedTuple

import msgspec

from streams.risk.features import DAY_MS
from streams.risk.household import ASSESSING_MS, OPENING_MS, Child, closes

ALERTING: Final = "need_or_plan"  # the one that alerts rest on
YEAR_MS: Final = 365 * DAY_MS  # a referral so soon after an episode or assessment ended is one more: a re-referral
STEP_DOWN_MS: Final = 30 * DAY_MS  # early help so soon after a spell of need or plan follows from it
HORIZON_DAYS_MAX: Final = 730
GRACE_DAYS_MAX: Final = 365
KEY_BYTES: Final = 4
_NEED: Final = frozenset({"in_need", "protection_plan"})

Spans = list[tuple[int, int]]


class Outcome(NamedTuple):
    """An outcome.

    Attributes:
        says: In words, for people.
        subject: Whether a child is a subject for it at a moment (ms).
        onsets: When it began for a child (ms), in order.
    """

    says: str
    subject: Callable[[Child, int], bool]
    onsets: Callable[[Child], tuple[int, ...]]


class Target(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An outcome within a horizon.

    Attributes:
        outcome: One of `OUTCOMES`.
        horizon_days: How far ahead a probability looks.
        label_days: How far ahead the label that is learned looks: known sooner (RISK section 4).
        grace_days: Longest time from an onset to its being known.
    """

    outcome: str
    horizon_days: int = 180
    label_days: int = 60
    grace_days: int = 70

    @property
    def key(self) -> bytes:
        """Prefix of all its rows, `KEY_BYTES`: 3 bits of outcome, 10 of horizon, 10 of label, 9 of grace."""
        number = PLACES[self.outcome] << 29 | self.horizon_days << 19 | self.label_days << 9 | self.grace_days
        return number.to_bytes(KEY_BYTES, "big")

    @property
    def label_ms(self) -> int:
        """How far the label looks."""
        return self.label_days * DAY_MS

    @property
    def horizon_ms(self) -> int:
        """How far the probability looks."""
        return self.horizon_days * DAY_MS

    @property
    def grace_ms(self) -> int:
        """How long after that it may become known."""
        return self.grace_days * DAY_MS


def _not_open(child: Child, at: int) -> bool:
    return not child.open_at(at)


def _need_onsets(child: Child) -> tuple[int, ...]:
    return child.onsets


def _plans(child: Child) -> Spans:
    """Plans, each from the referral that led to it; from its start where none did."""
    return [
        (min((onset for onset in child.onsets if onset <= start <= onset + OPENING_MS), default=start), end)
        for kind, start, end in child.statuses
        if kind == "protection_plan"
    ]


def _no_plan(child: Child, at: int) -> bool:
    return not _within(child.assessed, at) and not _within(_plans(child), at)


def _plan_onsets(child: Child) -> tuple[int, ...]:
    return tuple(sorted(start for start, _ in _plans(child)))


def _episodes(child: Child) -> Spans:
    """A child's own episodes and assessments, joined where they touch."""
    spans = [
        *child.spells,
        *((onset, closes(onset, child.spells)) for onset in child.onsets),
        *((at, at + ASSESSING_MS) for at in child.referrals),
    ]
    joined: Spans = []
    for start, end in sorted(spans):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        else:
            joined.append((start, end))
    return joined


def _lately_closed(child: Child, at: int) -> bool:
    if child.open_at(at):
        return False
    return any(end <= at < end + YEAR_MS for _, end in _episodes(child))


def _again(child: Child) -> tuple[int, ...]:
    episodes, referred = _episodes(child), frozenset(child.referrals)
    return tuple(
        start for (_, ended), (start, _) in pairwise(episodes) if start in referred and start < ended + YEAR_MS
    )


def _spans(child: Child, kinds: frozenset[str]) -> Spans:
    return [(start, end) for kind, start, end in child.statuses if kind in kinds]


_HELP: Final = frozenset({"early_help"})


def _helped_up(child: Child, at: int) -> bool:
    return _within(_spans(child, _NEED), at) and not _within(_spans(child, _HELP), at)


def _help_onsets(child: Child) -> tuple[int, ...]:
    need = _spans(child, _NEED)
    starts = (start for start, _ in _spans(child, _HELP))
    return tuple(sorted(at for at in starts if any(start < at <= end + STEP_DOWN_MS for start, end in need)))


def _within(spans: Spans | tuple[tuple[int, int], ...], at: int) -> bool:
    return any(start <= at < end for start, end in spans)


OUTCOMES: Final[Mapping[str, Outcome]] = {
    ALERTING: Outcome(
        "professionals decide, after a referral, that a child is in need or needs a protection plan",
        _not_open,
        _need_onsets,
    ),
    "protection_plan": Outcome("professionals put a child on a protection plan", _no_plan, _plan_onsets),
    "re_referral": Outcome(
        "a child is referred again within 12 months of the end of an episode or assessment", _lately_closed, _again
    ),
    "early_help": Outcome(
        "professionals step a child down from need or a plan to early help", _helped_up, _help_onsets
    ),
}
"""By name; the order is part of keys and never changes. At most eight."""
PLACES: Final = {name: place for place, name in enumerate(OUTCOMES)}
