"""What a user decided, sent to the platform.

Decides that a decision counts as made once the broker has it. Does not decide who may decide: that is the page.
"""

from __future__ import annotations

import secrets
from typing import Any, Literal, NamedTuple, Protocol

import topology
from bridge.desk.config import Config
from bridge.desk.send import NotSent, Sender
from schemas import codec
from schemas.control import Action, Response, Verdict

__all__ = ["Choice", "Decision", "KafkaResponder", "NotSent", "Responder", "decision", "link_decision"]


class Responder(Protocol):
    """Sends decisions."""

    def send(self, response: Response) -> None:
        """Return once it is recorded; NotSent where it is not."""


class KafkaResponder:
    """Sends decisions to this agency's topic."""

    def __init__(self, config: Config) -> None:
        self._sender = Sender(config.kafka)
        self._topic = topology.RESPONSES.name.format(agency=config.agency)

    def send(self, response: Response) -> None:
        """Send one decision and wait for the broker.

        Raises:
            NotSent: It was not delivered in time, or refused.
        """
        self._sender.send(self._topic, response["partnership"].encode(), codec.encode("response", response))


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
