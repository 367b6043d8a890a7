"""The platform's cut, put together from its keys; what it cuts is decided in streams/outbox.py."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from streams.keys import Keyring
from streams.state import Out


def make_cut(keyring: Keyring) -> Callable[[Out], Sequence[tuple[str, bytes, bytes]]]:
    """What each receiver may have of an output."""
    from streams.outbox import Cutter  # noqa: PLC0415  (the publisher itself needs nothing of what is cut)

    return Cutter(keyring.entity_key)
