"""One entry of the one ordered history."""

from __future__ import annotations

from typing import Literal, TypedDict


class Journal(TypedDict):
    """See avro/journal.avsc. Times are partnership time, ms since 1970-01-01 UTC."""

    kind: Literal["tick", "message"]
    received_at: int
    partnership: str
    origin: str
    body: bytes
