"""Rows of what an agency's desk keeps, and what operators' tools read."""

from __future__ import annotations

from typing import Literal, TypedDict

from schemas.alert import AlertFactor, FeedLag


class View(TypedDict):
    """See avro/view.avsc. `body` is JSON by kind."""

    kind: Literal["household", "link", "insight", "freshness", "model", "suggestion", "control", "request", "lookup"]
    key: str
    as_of_at: int
    body: str | None


class LinkChange(TypedDict):
    """See avro/link_change.avsc."""

    partnership: str
    changed_at: int
    cause: str
    model: str
    before: list[list[bytes]]
    after: list[list[bytes]]


class Score(TypedDict):
    """See avro/score.avsc."""

    partnership: str
    household: str
    as_of_at: int
    score_ppm: int
    model: str
    factors: list[AlertFactor]
    behind: list[FeedLag]
