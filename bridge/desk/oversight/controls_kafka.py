"""Drafts and signed controls on their way to the platform, as information governance.

Decides which topic and key each has. Does not decide what is sent, nor who may.
"""

from __future__ import annotations

from typing import Protocol

import topology
from bridge.config import Kafka
from bridge.desk.send import Sender
from schemas import codec
from schemas.control import Control, place
from schemas.preview import Draft


class Governor(Protocol):
    """Sends to the platform."""

    def control(self, control: Control) -> None:
        """Return once a signed control is recorded; send.NotSent where it is not."""

    def draft(self, draft: Draft) -> None:
        """Return once a draft is where the platform's previewer reads; send.NotSent where it is not."""


class KafkaGovernor:
    """Sends with the credentials of information governance.

    Args:
        kafka: Broker and principal.
    """

    def __init__(self, kafka: Kafka) -> None:
        self._sender = Sender(kafka)

    def control(self, control: Control) -> None:
        """See Governor."""
        key, value = place(control["partnership"], control["name"]), codec.encode("control", control)
        self._sender.send(topology.CONTROLS.name, key, value)

    def draft(self, draft: Draft) -> None:
        """See Governor."""
        self._sender.send(topology.DRAFTS.name, draft["draft_id"].encode(), codec.encode("draft", draft))
