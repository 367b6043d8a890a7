"""Approvers' keys at a desk: which user signs as whom, and the signature itself.

Decides that a key is read from its file when it signs and at no other time, that the file is its owner's alone, and
that it is a key of an approver whom this desk knows. Whether the user may sign now is the page's to say: only in
their own session, after proving again who they are.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from bridge.desk.oversight.controls_kafka import Governor
from bridge.keyfiles import KeyFault, read_key
from schemas import crypto


class Signature(NamedTuple):
    """One approver's, over `schemas.control.statement`."""

    approver: str
    signature: bytes


class ApproverKeys:
    """Keys by user.

    Args:
        files: User id -> private key file.
        approvers: Approver -> Ed25519 public key, hex.

    Raises:
        KeyFault: A file cannot be used, is no approver's key, or two approvers have one key.
    """

    def __init__(self, files: Mapping[str, Path], approvers: Mapping[str, str]) -> None:
        self._files = dict(files)
        self._names = {bytes.fromhex(public): name for name, public in approvers.items()}
        if len(self._names) < len(approvers):
            message = "approvers: two of them have one key, so one person would be two"
            raise KeyFault(message)
        self._public = {name: public for public, name in self._names.items()}
        for user in self._files:
            self.sign(user, b"sightline desk start")  # what cannot sign is said at the start

    def may(self, user: str) -> bool:
        """Whether a user has a key here."""
        return user in self._files

    def sign(self, user: str, statement: bytes) -> Signature:
        """A user's signature.

        Raises:
            KeyFault: Their file cannot be used, or is no approver's key.
        """
        private = read_key(self._files[user])
        name = self._names.get(crypto.sign_public(private))
        if name is None:
            message = f"{self._files[user]}: expected the private key of one of the approvers"
            raise KeyFault(message)
        return Signature(name, crypto.sign(private, statement))

    def verify(self, signed: Signature, statement: bytes) -> bool:
        """Whether a signature is an approver's over these very bytes."""
        public = self._public.get(signed.approver)
        return public is not None and crypto.verify(public, statement, signed.signature)


@dataclass(frozen=True)
class Governance:
    """What a desk changes controls with.

    Attributes:
        keys: Approvers' keys.
        sender: Sends as information governance.
        one_by_one: Held while a draft is looked at and decided, so that two do not decide it at once.
    """

    keys: ApproverKeys
    sender: Governor
    one_by_one: asyncio.Lock = field(default_factory=asyncio.Lock)
