"""Judges a run against the world's truth: what was caught, how early, how often wrong.

Decides how each figure is counted. Pure: truth and what the run said in, figures out. Every figure counts the live
phase; the opening caseload is apart.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import combinations, zip_longest
from math import comb
from statistics import median
from typing import Any, Final, NamedTuple

DAY_MS: Final = 24 * 3600 * 1000
OUTCOME_WITHIN_MS: Final = 180 * DAY_MS  # an alert was right if the household has an outcome so soon after
MONTHS: Final = 12  # length of the live phase


class Told(NamedTuple):
    """One version of an alert, with the truth about whom it concerns.

    Attributes:
        alert_id: Of the alert.
        state: raised, updated, cleared or retracted.
        direction: escalate or step_down.
        household: True household of the child it is about; -1 where truth knows none.
        changed_at: Partnership time, ms.
        opening: Part of the opening caseload.
        latency_s: Database commit to alert readable, wall time; None where time alone caused it.
        known_here: The alerted team's agency holds a record of the household.
    """

    alert_id: str
    state: str
    direction: str
    household: int
    changed_at: int
    opening: bool
    latency_s: float | None
    known_here: bool


def alert_figures(truth: Mapping[str, Any], told: Sequence[Told]) -> dict[str, Any]:
    """Figures about alerts.

    Args:
        truth: World.truth().
        told: Every alert version in the order it became readable.

    Returns:
        The figures of the same names in DEMO_JSON.
    """
    raised = [alert for alert in told if alert.state == "raised" and not alert.opening]
    up = [alert for alert in raised if alert.direction == "escalate"]
    down = [alert for alert in raised if alert.direction == "step_down"]
    outcomes: dict[int, list[int]] = defaultdict(list)
    for outcome in truth["outcomes"]:
        outcomes[outcome["household"]].append(outcome["onset_at"])
    right = sum(any(alert.changed_at < at <= alert.changed_at + OUTCOME_WITHIN_MS for at in outcomes[alert.household])
                for alert in up)  # fmt: skip
    figures: dict[str, Any] = {"alerts_total": len(up), "step_down_alerts": len(down)}
    leads: list[float] = []
    for kind in ("slow", "sudden"):
        stories = _planted(truth, kind)
        caught = [(story, alert) for story in stories if (alert := _first(up, story))]
        figures |= {f"{kind}_planted": len(stories), f"{kind}_caught": len(caught)}
        leads += [(_known_otherwise(story) - alert.changed_at) / DAY_MS for story, alert in caught]
    recoveries = _planted(truth, "recovery")
    figures |= {
        "step_downs_planted": len(recoveries),
        "step_downs_caught": sum(any(alert.household == story["household"] and alert.changed_at > story["end_at"]
                                     for alert in down) for story in recoveries),
        "alert_precision": round(right / len(up), 3) if up else 0.0,
        "alerts_per_1000_children_month": round(len(up) / truth["children_at_t0"] * 1000 / MONTHS, 2),
        "lead_days_median": round(median(leads), 1) if leads else 0.0,
        "lookalikes_planted": len(_planted(truth, "lookalike")),
        "lookalikes_flagged": sum(_first(up, story) is not None for story in _planted(truth, "lookalike")),
        "opening_alerts": len({alert.alert_id for alert in told if alert.opening}),
        "not_known_here": sum(not alert.known_here for alert in up),
        "retracted": len({alert.alert_id for alert in told if alert.state == "retracted"}),
    }  # fmt: skip
    return figures


def _planted(truth: Mapping[str, Any], kind: str) -> list[Mapping[str, Any]]:
    return [story for story in truth["stories"] if story["kind"] == kind and story["planted"]]


def _first(up: Sequence[Told], story: Mapping[str, Any]) -> Told | None:
    """First escalation for the story's household after its first event and before its end."""
    found = (alert for alert in up if alert.household == story["household"]
             and story["first_at"] < alert.changed_at < story["end_at"])  # fmt: skip
    return min(found, key=lambda alert: alert.changed_at, default=None)


def _known_otherwise(story: Mapping[str, Any]) -> int:
    """When the story would have come to light without us: the best single agency's rule, or the outcome."""
    rule_at = story["rule_at"]
    return min(story["end_at"], rule_at) if rule_at is not None else int(story["end_at"])


def link_figures(clusters: Iterable[Iterable[bytes]], person: Mapping[bytes, int]) -> dict[str, float]:
    """Pairwise precision and recall of links between live records.

    Args:
        clusters: Record pseudonyms of each cluster.
        person: True person of every record that exists at the end.
    """
    linked = right = 0
    for cluster in clusters:
        people = Counter(person[rid] for rid in cluster if rid in person)
        linked += comb(sum(people.values()), 2)
        right += sum(comb(size, 2) for size in people.values())
    true_pairs = sum(comb(size, 2) for size in Counter(person.values()).values())
    return {
        "link_precision": round(right / linked, 4) if linked else 0.0,
        "link_recall": round(right / true_pairs, 4) if true_pairs else 0.0,
    }


def false_links(clusters: Iterable[Sequence[bytes]], person: Mapping[bytes, int]) -> list[tuple[bytes, bytes]]:
    """Pairs that were linked and are not one person: for looking at."""
    return [(a, b) for cluster in clusters for a, b in combinations(cluster, 2)
            if a in person and b in person and person[a] != person[b]]  # fmt: skip


def percentile(values: Sequence[float], share: float) -> float:
    """Value that this share of the values does not exceed; 0.0 of none."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))], 3)


class Compared(NamedTuple):
    """What readers got against what a single-threaded replay of the journal gives."""

    lost: int
    duplicated: int
    wrong: int
    reordered: int


def compare(expected: Mapping[str, Sequence[tuple[bytes, bytes]]],
            got: Mapping[str, Sequence[tuple[bytes, bytes]]]) -> Compared:  # fmt: skip
    """Compare topics message by message, without deduplication.

    Args:
        expected: Topic -> (key, value) in order, from the replay.
        got: The same as read by subscribers (read committed).
    """
    lost = duplicated = wrong = reordered = 0
    for topic in sorted({*expected, *got}):
        want, have = list(expected.get(topic, ())), list(got.get(topic, ()))
        if want == have:
            continue
        wanted, had = Counter(want), Counter(have)
        lost += sum((wanted - had).values())
        extra = had - wanted
        repeats = sum(min(number, had[message] - 1) for message, number in extra.items() if message in wanted)
        duplicated += repeats
        wrong += sum(extra.values()) - repeats
        if wanted == had:
            reordered += sum(a != b for a, b in zip(want, have, strict=True))
    return Compared(lost, duplicated, wrong, reordered)


Messages = Mapping[str, Sequence[tuple[bytes, bytes]]]


def differences(expected: Messages, got: Messages) -> dict[str, list[tuple[int, str, str]]]:
    """Where `compare` found something: topic -> up to ten (place, expected, got), in hexadecimal; for looking at."""
    found = {}
    for topic in sorted({*expected, *got}):
        pairs = enumerate(zip_longest(expected.get(topic, ()), got.get(topic, ()), fillvalue=(b"", b"")))
        unlike = [(place, want[1].hex(), have[1].hex()) for place, (want, have) in pairs if want != have]
        if unlike:
            found[topic] = unlike[:10]
    return found
