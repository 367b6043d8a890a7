"""Ids of alerts: keyed, stable, never used twice."""

from __future__ import annotations

import hashlib


def alert_id(key: bytes, subject: bytes, rule: tuple[str, int], direction: str, episode: int) -> str:
    """Name of one alert.

    Args:
        key: Key of the partnership's ids, 16 to 64 bytes; without it a subject's id cannot be tried out.
        subject: Household at the moment it was raised.
        rule: Name and version of the rule.
        direction: `escalate` or `step_down`.
        episode: Number of the raise in the partnership; kept in state, never reused.

    Returns:
        32 hexadecimal digits.
    """
    parts = (subject, rule[0].encode(), b"%d" % rule[1], direction.encode(), b"%d" % episode)
    sha = hashlib.blake2b(key=key, digest_size=16, person=b"sightline alert")
    for part in parts:
        sha.update(len(part).to_bytes(2, "big") + part)
    return sha.hexdigest()
