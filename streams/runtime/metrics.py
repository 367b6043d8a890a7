"""Every metric of the platform, in one list.

Decides names, units and labels (RELIABILITY section 7). A label is a partnership, an agency, a partition, a reason,
an outcome or a figure; never anything that stands for a person.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Final, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

disable_created_metrics()  # type: ignore[no-untyped-call]  # a start time for each series doubles what is scraped
REGISTRY: Final = CollectorRegistry()
ALL: Final[list[Counter | Gauge | Histogram]] = []
_SECONDS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)

_M = TypeVar("_M", Counter, Gauge, Histogram)


def _add(metric: _M) -> _M:
    ALL.append(metric)
    return metric


def _counter(name: str, what: str, *labels: str) -> Counter:
    return _add(Counter(name, what, labels, registry=REGISTRY))


def _gauge(name: str, what: str, *labels: str) -> Gauge:
    return _add(Gauge(name, what, labels, registry=REGISTRY))


def _seconds(name: str, what: str, *labels: str) -> Histogram:
    return _add(Histogram(name, what, labels, buckets=_SECONDS, registry=REGISTRY))


EVENTS = _counter("sightline_events_total", "Messages by what became of them", "stage", "agency", "outcome")
DEAD_LETTERS = _counter("sightline_dlq_total", "Messages refused by intake", "agency", "reason")
TICKS = _counter("sightline_ticks_total", "Clock ticks appended to the journal", "partition")
SOURCE_PAUSED = _gauge("sightline_source_paused", "1 while an agency's topics are paused as mostly bad", "agency")
COMMITS = _counter("sightline_commit_records_total", "Commit records acknowledged", "partition")
COMMIT_SECONDS = _seconds("sightline_commit_seconds", "Commit record handed to the client until acknowledged")
STEP_SECONDS = _seconds("sightline_step_seconds", "One chunk through step")
FOLD_SECONDS = _seconds("sightline_fold_seconds", "Bringing a partition's memory to the end of its log")
FENCED = _counter("sightline_fenced_total", "Commits that found another writer's record before them", "partition")
REJECTED = _counter("sightline_records_rejected_total", "Commit records the chain rule refused", "partition")
SKIPS = _counter("sightline_skip_detected_total", "Holes between the journal and its reader", "place")
PAUSES = _counter("sightline_process_pauses_total", "Times the whole process stood still over half a session")
LOOP_DELAY = _gauge("sightline_loop_delay_seconds", "Age of the event loop's last turn")
LAG = _gauge("sightline_lag_records", "Records between a reader and the end of its log", "topic", "partition")
LAG_SECONDS = _gauge("sightline_lag_seconds", "Age of the record read last (broker's clock)", "topic", "partition")
STATE_KEYS = _gauge("sightline_state_keys", "Rows of folded state", "partition")
SNAPSHOT_AGE = _gauge("sightline_snapshot_age_seconds", "Age of the newest snapshot", "partition")
SNAPSHOTS = _counter("sightline_snapshots_total", "Snapshots written", "partition")
CHAIN_VERIFIED = _gauge("sightline_chain_verified_offset", "Commits verified up to this offset", "partition")
MISMATCHES = _counter("sightline_replay_digest_mismatch_total", "Replays whose state or outputs differ", "partition")
PUBLISHED = _counter("sightline_published_total", "Records sent to readers", "kind")
ALERTS = _counter("sightline_alerts_total", "Alert records sent to teams", "kind")
TRANSACTION_SECONDS = _seconds("sightline_transaction_seconds", "One publisher transaction, begin to committed")
EVENT_TO_ALERT = _seconds("sightline_event_to_alert_seconds", "Record in commits until readable by its team")
PREVIEWS = _counter("sightline_previews_total", "Drafts of rules answered, by what became of them", "outcome")
PREVIEW_SECONDS = _gauge("sightline_preview_seconds", "What the last draft that was run took")
RELAY_BACKLOG = _gauge("sightline_relay_backlog", "Commits not yet published", "partition")
_OF: Final = ("partnership", "outcome", "horizon_days")
MODEL_FIGURE = _gauge("sightline_model_figure", "How good it is; NaN withheld", *_OF, "cases", "scorer", "figure")
MODEL_CASES = _gauge("sightline_model_cases", "Cases that figures rest on; NaN withheld", *_OF, "cases", "count")
MODEL_REVIEW = _gauge("sightline_model_review", "1 while the counting rule is ahead and people should look", *_OF)
MODEL_DRIFT = _gauge("sightline_model_drift", "Scores beside those of the first weeks", "partnership", "figure")
PENDING = _gauge("sightline_alerts_pending", "Alerts that wait for room in the budget", "partnership")
BEHIND = _gauge("sightline_feed_behind_seconds", "Age of a feed past its limit, 0 within", "partnership", "agency")
HOLIDAYS = _gauge("sightline_holidays_left_seconds", "Until bank holidays are not known any more", "partnership")
BUILD = _gauge("sightline_build_info", "1; the version is the label", "version")


def serve(port: int, address: str = "127.0.0.1") -> None:
    """Serve `/metrics` on a port of its own; 0 is off."""
    BUILD.labels(version("sightline")).set(1)
    if port:
        start_http_server(port, addr=address, registry=REGISTRY)
