"""The platform's keyring and the approvers' signing pairs: made as files.

Decides what a platform folder holds (docs/keys.md); streams/keys.py reads it. Nothing here leads to a name.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from bridge.keyfiles import KeyFault, check_id, new_folder, read_json, replace_json, write_key, write_pair, write_text
from schemas import crypto


def make_platform(folder: Path | str) -> bytes:
    """Make the platform's keyring: state key, entity key and the pair that payload keys are sealed to.

    Args:
        folder: New or empty folder.

    Returns:
        The public half that every agency needs.

    Raises:
        KeyFault: Keys are already there.
    """
    root = new_folder(folder)
    write_key(root / "state.key", secrets.token_bytes(crypto.KEY_BYTES))
    write_key(root / "entity.key", secrets.token_bytes(crypto.KEY_BYTES))
    private, public = crypto.hpke_keypair()
    write_key(root / "platform.key", private)
    write_key(root / "platform.public", public)
    write_text(root / "governance.json", "{}\n", os.O_EXCL)
    return public


def make_governance(folder: Path | str, name: str) -> bytes:
    """Make one approver's signing pair, to be held by that person alone.

    Args:
        folder: Where; one folder can hold several, as `<name>.private` and `<name>.public`.
        name: The approver, as controls name them.

    Returns:
        The public half, for `trust`.

    Raises:
        KeyFault: That approver has keys here already, or the name is not usable.
    """
    check_id(name)
    root = new_folder(folder)
    pair = crypto.sign_keypair()
    write_pair(root, name, pair)
    return pair[1]


def trust(platform_folder: Path | str, name: str, public: bytes) -> None:
    """Let the platform know an approver's public half.

    Args:
        platform_folder: A folder made by `make_platform`.
        name: The approver.
        public: Their Ed25519 public half.

    Raises:
        KeyFault: No platform keys are here, or another key of that approver is: a change begins by taking the old
            line out of governance.json on purpose.
    """
    check_id(name)
    file = Path(platform_folder) / "governance.json"
    known = read_json(file, "no platform keys here; make them with `keys platform`")
    if known.get(name, public.hex()) != public.hex():
        error = f"{file}: another key of {name} is here"
        raise KeyFault(error)
    replace_json(file, {**known, name: public.hex()})
