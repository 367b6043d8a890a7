"""The other agencies' public keys, from a file of this agency's own.

Decides what such a file looks like. The keys come from each agency's register entry by a way outside the platform and
are compared by telephone (docs/keys.md): who could put a key of their own here would read every answer.
"""

from __future__ import annotations

import json
from pathlib import Path

from bridge.config import ConfigError
from bridge.desk.exchange.letters import Partner
from schemas.crypto import KEY_BYTES


def load(path: Path, own: str) -> dict[str, Partner]:
    """Partners by agency; an entry of this agency's own is passed over.

    Args:
        path: JSON: agency -> `sign_public` and `seal_public`, hexadecimal, as `sightline keys entry` prints them.
        own: This agency.

    Raises:
        ConfigError: The file cannot be read, or an entry has no such keys.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        partners = {agency: _partner(agency, entry) for agency, entry in content.items()}
    except OSError as error:
        message = f"{path}: cannot be read ({error.strerror})"
        raise ConfigError(message) from None
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"{path}: expected agency -> sign_public and seal_public, {KEY_BYTES} bytes in hexadecimal each"
        raise ConfigError(message) from None
    partners.pop(own, None)
    return partners


def _partner(agency: str, entry: dict[str, str]) -> Partner:
    sign, seal = bytes.fromhex(entry["sign_public"]), bytes.fromhex(entry["seal_public"])
    if len(sign) != KEY_BYTES or len(seal) != KEY_BYTES:
        raise ValueError
    return Partner(agency, sign, seal)
