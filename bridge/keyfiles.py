"""Key files on disk: one line of hexadecimal each, readable by their owner alone.

Decides how a secret is written and when one is refused: a file that others could read is an error, not a warning.
Does not know what any key is for (bridge/keys.py).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from schemas.crypto import KEY_BYTES
from schemas.envelope import ID_MAX_CHARS


class KeyFault(ValueError):
    """A key folder or parcel that cannot be used; says which file and what to do, never a key."""


def read_key(path: Path) -> bytes:
    """Read one key file.

    Args:
        path: One line of 64 hexadecimal digits.

    Returns:
        32 bytes.

    Raises:
        KeyFault: It is missing, not a key, or not public and readable by others.
    """
    try:
        if path.suffix != ".public" and path.stat().st_mode & 0o077:
            error = f"{path}: readable by others than its owner; chmod 600 it, and replace it if others could log in"
            raise KeyFault(error)
        key = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        text = f"{path}: cannot be read ({error.strerror})"
        raise KeyFault(text) from None
    except ValueError as error:
        if isinstance(error, KeyFault):
            raise
        text = f"{path}: expected one line of hexadecimal"
        raise KeyFault(text) from None
    if len(key) != KEY_BYTES:
        text = f"{path}: expected {KEY_BYTES} bytes, got {len(key)}"
        raise KeyFault(text)
    return key


def write_key(path: Path, key: bytes) -> None:
    """Write one key file, owner-only, never over another.

    Raises:
        KeyFault: The file exists, or the key is not 32 bytes.
    """
    if len(key) != KEY_BYTES:
        error = f"{path}: expected a key of {KEY_BYTES} bytes, got {len(key)}"
        raise KeyFault(error)
    write_text(path, key.hex() + "\n", os.O_EXCL)


def write_text(path: Path, text: str, flag: int) -> None:
    """Write a file that only its owner can read, and wait until it is on the disk.

    Args:
        path: File.
        text: ASCII.
        flag: `os.O_EXCL` for a new file, `os.O_TRUNC` to write over.

    Raises:
        KeyFault: It exists and must not.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | flag, 0o600)
    except FileExistsError:
        error = f"{path}: exists already; keys are never written over"
        raise KeyFault(error) from None
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())


def new_folder(folder: Path | str) -> Path:
    """Make a folder that only its owner can enter, if it is not there."""
    root = Path(folder)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    return root


def read_json(file: Path, otherwise: str) -> dict[str, Any]:
    """Read a small JSON object.

    Raises:
        KeyFault: It cannot be read; the text says where, then `otherwise`.
    """
    try:
        content: dict[str, Any] = json.loads(file.read_text(encoding="ascii"))
    except (OSError, ValueError):
        error = f"{file.parent}: {otherwise}"
        raise KeyFault(error) from None
    return content


def replace_json(file: Path, content: Mapping[str, Any]) -> None:
    """Replace a small JSON object, whole or not at all."""
    draft = file.with_suffix(".new")
    write_text(draft, json.dumps(content, indent=1) + "\n", os.O_TRUNC)
    draft.replace(file)


def write_pair(folder: Path, name: str, pair: tuple[bytes, bytes]) -> None:
    """Write `<name>.private` and `<name>.public`, never over others."""
    write_key(folder / f"{name}.private", pair[0])
    write_key(folder / f"{name}.public", pair[1])


def check_id(name: str) -> None:
    """Refuse what would not do as an id, a file name and part of a topic's name.

    Raises:
        KeyFault: It is not 1 to 64 of a-z, 0-9 and hyphen.
    """
    plain = name.isascii() and name.replace("-", "").isalnum() and name == name.lower()
    if not plain or not 1 <= len(name) <= ID_MAX_CHARS:
        error = f"expected an id of 1 to {ID_MAX_CHARS} of a-z, 0-9 and hyphen, got {len(name)} other characters"
        raise KeyFault(error)
