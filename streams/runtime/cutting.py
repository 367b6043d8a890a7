"""The platform's cut, put together from its keys and registers; what it cuts is decided in streams/outbox.py."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from schemas import crypto
from schemas.dead_letter import SEAL_INFO
from streams.keys import Keyring
from streams.registers import Register
from streams.state import Out


def make_cut(
    keyring: Keyring, seal: Callable[[str, bytes], bytes]
) -> Callable[[Out], Sequence[tuple[str, bytes, bytes]]]:
    """What each receiver may have of an output."""
    from streams.outbox import Cutter  # noqa: PLC0415  (the publisher itself needs nothing of what is cut)

    return Cutter(keyring.entity_key, seal)


def sealer(registers: Mapping[str, Register]) -> Callable[[str, bytes], bytes]:
    """Seals refused bytes back to their agency."""
    keys = {
        name: bytes.fromhex(agency.seal_public)
        for register in registers.values()
        for name, agency in register.agencies.items()
    }
    return lambda agency, plain: crypto.hpke_seal(keys[agency], plain, SEAL_INFO)
