"""What a user decided, sent to the platform.

Decides that a decision counts as made once the broker has it. Does not decide who may decide: that is the page.
"""

from __future__ import annotations

import secrets
import threading
from typing import Any, Final, Literal, NamedTuple, Protocol

from confluent_kafka import KafkaError, KafkaException, Message, Producer

import topology
from bridge.desk.config import Config
from schemas import codec
from schemas.control import Action, Response, Verdict

DELIVERY_S: Final = 8.0  # a user waits no longer for "recorded"


class NotSent(RuntimeError):
    """The decision did not reach the broker."""


class Responder(Protocol):
    """Sends decisions."""

    def send(self, response: Response) -> None:
        """Return once it is recorded; NotSent where it is not."""


class KafkaResponder:
    """Sends decisions to this agency's topic."""

    def __init__(self, config: Config) -> None:
        settings: dict[str, Any] = {
            **config.kafka.client(),
            "enable.idempotence": True,
            "delivery.timeout.ms": int(DELIVERY_S * 1000),
            "linger.ms": 0,
            "log_level": 3,
        }
        self._producer = Producer(settings)
        self._topic = topology.RESPONSES.name.format(agency=config.agency)
        self._lock = threading.Lock()

    def send(self, response: Response) -> None:
        """Send one decision and wait for the broker.

        Raises:
            NotSent: It was not delivered in time, or refused.
        """
        reports: list[KafkaError | None] = []

        def reported(error: KafkaError | None, _: Message) -> None:
            reports.append(error)

        with self._lock:
            try:
                value = codec.encode("response", response)
                self._producer.produce(self._topic, value, response["partnership"].encode(), on_delivery=reported)
                self._producer.flush(DELIVERY_S + 1)
            except (KafkaException, BufferError) as error:
                raise NotSent(type(error).__name__) from None
        if reports != [None]:
            raise NotSent(reports[0].name() if reports and reports[0] is not None else "no report")


class Choice(NamedTuple):
    """What was decided about which suggestion."""

    action: Literal["must_link", "cannot_link"]
    suggestion_id: str


class Decision(NamedTuple):
    """What was decided about an alert.

    Attributes:
        action: As in the response.
        records: Own records of the link that is disputed; None for those of the alert.
        until_at: End of a snooze, ms; 0 for none.
        verdict: At close.
    """

    action: Action = "acknowledge"
    records: tuple[bytes, ...] | None = None
    until_at: int = 0
    verdict: Verdict = "none"


def decision(config: Config, alert: dict[str, Any], user: str, decided: Decision, decided_at: int) -> Response:
    """That a user has decided something about an alert."""
    return {
        **_blank(config, alert["team"], user, decided_at),
        "action": decided.action,
        "alert_id": alert["alert_id"],
        "records": list(alert["records"] if decided.records is None else decided.records),
        "until_at": decided.until_at or None,
        "verdict": decided.verdict,
    }


def link_decision(config: Config, team: str, user: str, choice: Choice, decided_at: int) -> Response:
    """That a user has decided whether the records of a suggestion are one person."""
    return {**_blank(config, team, user, decided_at), "action": choice.action, "alert_id": choice.suggestion_id}


def _blank(config: Config, team: str, user: str, decided_at: int) -> Response:
    return {
        "response_id": secrets.token_bytes(16),
        "partnership": config.partnership,
        "agency": config.agency,
        "team": team,
        "user": user,
        "action": "acknowledge",
        "alert_id": "",
        "records": [],
        "until_at": None,
        "verdict": "none",
        "decided_at": decided_at,
    }
