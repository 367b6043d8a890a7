"""The platform's keys, as values. No key here leads to a name; `sightline keys platform` makes the files."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Keyring:
    """What a platform process may hold.

    Attributes:
        state_key: 32 bytes; seals commits and snapshots.
        platform_private: 32 bytes; opens the payload keys that bridges seal to the platform.
        entity_key: 32 bytes; makes entity ids, another for each agency.
        governance: Approver -> Ed25519 public key, 32 bytes.
    """

    state_key: bytes = field(repr=False)
    platform_private: bytes = field(repr=False)
    entity_key: bytes = field(repr=False)
    governance: dict[str, bytes]

    @classmethod
    def load(cls, folder: Path) -> Keyring:
        """Read a platform key folder.

        Raises:
            OSError: A file is missing or unreadable.
            ValueError: A file does not hold 64 hex digits.
        """
        approvers = json.loads((folder / "governance.json").read_text())
        return cls(
            state_key=_key(folder / "state.key"),
            platform_private=_key(folder / "platform.key"),
            entity_key=_key(folder / "entity.key"),
            governance={name: bytes.fromhex(public) for name, public in approvers.items()},
        )


def _key(path: Path) -> bytes:
    key = bytes.fromhex(path.read_text().strip())
    if len(key) != 32:
        raise ValueError(f"{path.name}: expected 32 bytes as hex, got {len(key)}")
    return key
