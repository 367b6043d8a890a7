"""`sightline audit`: whether a desk's audit still is what it was, and what this agency kept of another's.

Decides what is compared and what is said of it. A chain shows a change inside it; only a head that somebody else kept
shows that all of it was written anew, or that its end is gone. What a head is: bridge/desk/exchange.
"""

from __future__ import annotations

import argparse
import json
import sqlite3
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from bridge.config import ConfigError
from bridge.desk import config as configs
from bridge.desk.audit import entries, verify
from bridge.desk.exchange.asker import HEADS_MAX
from bridge.desk.exchange.kept import Kept
from bridge.desk.exchange.rows import HEAD, Head
from bridge.keyfiles import KeyFault, read_key
from bridge.keys import AgencyKeys
from schemas import crypto
from schemas.exchange import Disclosure, statement

HOLDS, BROKEN, UNUSABLE = 0, 1, 2
MAX_BYTES: Final = 64 * 1024 * 1024  # a file of heads is far smaller


def main(argv: list[str]) -> int:
    """Run one of the words.

    Returns:
        0 where the audit holds, 1 where it is broken, 2 where something cannot be read or is no head of this agency.
    """
    args = _parser().parse_args(argv)
    try:
        config = configs.load(args.config) if args.config else None
        return _heads(config, args.of) if args.word == "heads" else _verify(config, args.file, args.heads)
    except (ConfigError, KeyFault, OSError, sqlite3.Error, ValueError) as error:
        sys.stderr.write(f"sightline audit: {error}\n")
        return UNUSABLE


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline audit", description="The audit of a desk.")
    words = parser.add_subparsers(dest="word", required=True)
    check = words.add_parser("verify", help="name the first break of the chain")
    check.add_argument("file", nargs="?", type=Path, help="audit file (default: that of the settings)")
    check.add_argument("--config", type=Path, metavar="FILE", help="settings of the desk: its own heads are compared")
    check.add_argument("--heads", type=Path, metavar="FILE", action="append", default=[],
                       help="heads that another agency kept of this one: what its `audit heads` prints")  # fmt: skip
    heads = words.add_parser("heads", help="print what this desk kept of another agency's audit")
    heads.add_argument("--config", type=Path, metavar="FILE", required=True, help="settings of the desk")
    heads.add_argument("--of", metavar="AGENCY", required=True)
    return parser


def _verify(config: configs.Config | None, file: Path | None, others: list[Path]) -> int:
    if file is None:
        if config is None:
            raise ValueError("verify: expected an audit file or --config")
        file = config.audit
    kept = _kept(config, config.agency) if config is not None and config.exchange is not None else []
    heads = [*kept, *(head for path in others for head in _read(path))]
    if config is not None:
        _check_ours(config, heads)
    known: dict[int, str] = {}
    for head in heads:
        if known.setdefault(head.number, head.hash) != head.hash:
            sys.stdout.write(f"line {head.number}: two heads were handed out for it: the file was written anew\n")
            return BROKEN
    found = verify(file, known)
    if found is not None:
        sys.stdout.write(f"line {found.line}: {found.reason}\n")
        return BROKEN
    sys.stdout.write(f"{sum(1 for _ in entries(file))} lines hold; {len(known)} heads compared\n")
    return HOLDS


def _heads(config: configs.Config | None, agency: str) -> int:
    found = _kept(config, agency) if config is not None else []
    sys.stdout.write(json.dumps([msgspec.structs.asdict(head) for head in found], indent=1) + "\n")
    return HOLDS


def _kept(config: configs.Config, agency: str) -> list[Head]:
    """Heads that this desk keeps of an agency, its own included, by line.

    Raises:
        ValueError: The settings have no exchange, or its store is not there.
    """
    if config.exchange is None or not config.exchange.kept.is_file():
        raise ValueError("no heads are kept here: the settings have no exchange, or its desk has not run")
    store = Kept(config.exchange.kept, AgencyKeys.load(config.keys).agency_key)
    try:
        found = [head for head in store.newest(HEAD, Head, HEADS_MAX) if head.agency == agency]
    finally:
        store.close()
    return sorted(found, key=lambda head: (head.number, head.at))


def _read(path: Path) -> list[Head]:
    if path.stat().st_size > MAX_BYTES:
        error = f"{path}: expected at most {MAX_BYTES} bytes"
        raise ValueError(error)
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Head])
    except msgspec.DecodeError:
        error = f"{path}: expected heads as `sightline audit heads` prints them"
        raise ValueError(error) from None


def _check_ours(config: configs.Config, heads: Iterable[Head]) -> None:
    """Refuse a head that this agency never signed: it would say of a good audit that it is broken.

    Raises:
        ValueError: There is one.
    """
    publics = [read_key(path) for path in sorted(config.keys.glob("sign*.public"))]
    for head in heads:
        said = statement(_letter(head))
        ours = (head.partnership, head.agency) == (config.partnership, config.agency)
        if not ours or not any(crypto.verify(key, said, bytes.fromhex(head.signature)) for key in publics):
            error = f"the head of line {head.number} is not signed by {config.agency}"
            raise ValueError(error)


def _letter(head: Head) -> Disclosure:
    """The letter that a head came in."""
    return {
        "request_id": b"", "partnership": head.partnership, "agency": head.agency, "to": "", "kind": "heads",
        "sealed": b"", "head_number": head.number, "head_hash": head.hash, "answered_at": head.at, "expires_at": 0,
        "signature": b"",
    }  # fmt: skip
