"""What a bridge can be watched by: counts, lag and times. No label holds anything that came from a row.

Decides names and labels; counts come from the pipeline.
"""

from __future__ import annotations

from collections import Counter as Counts

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

SECONDS = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 30)


class Metrics:
    """A bridge's metrics.

    Args:
        agency: Label of every series.
    """

    def __init__(self, agency: str) -> None:
        self.registry = CollectorRegistry()
        self._agency = agency
        self._seen: Counts[tuple[str, str]] = Counts()
        self.messages = Counter(
            "sightline_bridge_messages", "Messages by lane (rows included) and outcome",
            ("agency", "lane", "outcome"),
            registry=self.registry,
        )  # fmt: skip
        self.quarantine = Counter(
            "sightline_bridge_quarantine", "Rows, records and events refused, by reason", ("agency", "reason"),
            registry=self.registry,
        )  # fmt: skip
        self.kept = Gauge(
            "sightline_bridge_quarantined", "Rows, records and events now in quarantine", ("agency",),
            registry=self.registry,
        )  # fmt: skip
        self.paused = Gauge(
            "sightline_bridge_paused", "1 while a source is paused because it is mostly bad", ("agency", "source"),
            registry=self.registry,
        )  # fmt: skip
        self.live = Gauge(
            "sightline_bridge_live", "1 once a source has sent its history", ("agency", "source"),
            registry=self.registry,
        )  # fmt: skip
        self.lag = Gauge(
            "sightline_bridge_lag_seconds", "Age of the newest change when it was delivered", ("agency", "source"),
            registry=self.registry,
        )  # fmt: skip
        self.backlog = Gauge(
            "sightline_bridge_backlog_records", "Records written by the connector and not read yet",
            ("agency", "source"), registry=self.registry,
        )  # fmt: skip
        self.encode = Histogram(
            "sightline_bridge_encode_seconds", "Time a batch takes from change to sealed messages", ("agency",),
            buckets=SECONDS, registry=self.registry,
        )  # fmt: skip
        self.publish = Histogram(
            "sightline_bridge_publish_seconds", "Time until the broker has a batch", ("agency",), buckets=SECONDS,
            registry=self.registry,
        )  # fmt: skip

    def count(self, counts: Counts[tuple[str, str]]) -> None:
        """Take the pipeline's counts since its start."""
        for (lane, outcome), number in counts.items():
            more = number - self._seen[lane, outcome]
            if more and lane == "quarantine":
                self.quarantine.labels(self._agency, outcome).inc(more)
            elif more:
                self.messages.labels(self._agency, lane, outcome).inc(more)
        self._seen = Counts(counts)

    def serve(self, port: int) -> None:
        """Answer scrapes on the loopback; 0 = off."""
        if port:
            start_http_server(port, addr="127.0.0.1", registry=self.registry)
