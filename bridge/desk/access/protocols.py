"""Sharing protocols: whose information may be seen, for what, how far, and on which basis.

Decides which records there are and that two approvers signed them. A user is assigned protocols by name
(accounts.py); what follows from them is policy.py's matter.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from bridge.config import ConfigError
from schemas import crypto
from schemas.control import statement

APPROVERS_LEAST: Final = 2
NAME: Final = "protocols"  # of the control, as its approvers sign it
ANY: Final = "*"
Rung = Annotated[int, Field(ge=0, le=4)]
Basis = Literal["consent", "determination", "duty"]
Relation = Literal["alert", "allocated", "lookup", "request", "review"]
Purpose = Literal["safeguarding", "early_help", "supervision", "assurance", "planning"]
Kind = Literal["identity", "summary", "record"]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Protocol(_Model):
    """One sharing protocol.

    Attributes:
        id: Name by which it is assigned and given as a reason.
        title: As staff know it.
        purpose: What the information may be used for.
        legal_basis: The law it rests on, in words.
        agencies: Whose information; `*` is every agency's.
        rung: Highest rung it can open.
        free_rung: Highest rung that it opens without a basis recorded for the child.
        bases: What opens the rungs above `free_rung`; any one of them.
        relations: What must tie the user to the child; any one of them: an alert or a notice of their team, an
            allocation to it, their look-up, a request that came here, a suggested link to decide.
        assessment_first: Until the own assessment is filed only the rung of whom to call, whatever else is assigned.
        step_up_rung: From this rung on the user proves again who they are; 5 is never.
    """

    id: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{1,40}$")
    title: str = Field(min_length=1, max_length=120)
    purpose: Purpose
    legal_basis: str = Field(min_length=1, max_length=300)
    agencies: tuple[str, ...] = Field(min_length=1)
    rung: Rung
    free_rung: Rung = 4
    bases: tuple[Basis, ...] = ()
    relations: tuple[Relation, ...] = Field(
        default=("alert", "allocated", "lookup", "request", "review"), min_length=1
    )
    assessment_first: bool = False
    step_up_rung: int = Field(default=5, ge=0, le=5)

    def covers(self, agency: str) -> bool:
        """Whether it is about an agency's information."""
        return ANY in self.agencies or agency in self.agencies


class Protocols(_Model):
    """All protocols of an agency, as two approvers signed them.

    Attributes:
        version: Of the document.
        protocols: For the agency's own users.
        disclosures: What the agency answers to others, see bridge/desk/exchange/decide.py.
    """

    version: int = 0
    protocols: tuple[Protocol, ...] = ()
    disclosures: tuple[dict[str, Any], ...] = ()

    def by_id(self) -> Mapping[str, Protocol]:
        """Protocols by their id."""
        return {one.id: one for one in self.protocols}


def load(path: Path, partnership: str, approvers: Mapping[str, str]) -> Protocols:
    """Protocols from a signed document.

    Args:
        path: JSON: `version`, `effective_at`, `body` (text of the protocols, JSON) and `approvals` (approver and
            signature, hex, over schemas.control.statement).
        partnership: Partnership they are of.
        approvers: Approver -> Ed25519 public key, hex.

    Raises:
        ConfigError: It cannot be read, is not signed by two approvers that are known, or a field is wrong.
    """
    try:
        signed = json.loads(path.read_text(encoding="utf-8"))
        version, body = int(signed["version"]), str(signed["body"])
        said = statement(partnership, NAME, version, int(signed["effective_at"]), body)
        valid = {
            one["approver"]
            for one in signed["approvals"]
            if one["approver"] in approvers
            and crypto.verify(bytes.fromhex(approvers[one["approver"]]), said, bytes.fromhex(one["signature"]))
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        message = f"{path}: expected signed protocols: version, effective_at, body and approvals ({error!r})"
        raise ConfigError(message) from None
    if len(valid) < APPROVERS_LEAST:
        message = f"{path}: expected valid signatures of {APPROVERS_LEAST} approvers, found {len(valid)}"
        raise ConfigError(message)
    return parse(body, version, str(path))


def parse(body: str, version: int, where: str = "protocols") -> Protocols:
    """Protocols from the text that was signed.

    Raises:
        ConfigError: A field is missing, unknown or wrong, or an id is there twice.
    """
    try:
        found = Protocols.model_validate({**json.loads(body), "version": version})
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        message = f"{where}: {'.'.join(str(part) for part in first['loc']) or 'body'}: {first['msg']}"
        raise ConfigError(message) from None
    except (ValueError, TypeError) as error:
        message = f"{where}: the body is not JSON ({error})"
        raise ConfigError(message) from None
    if len(found.by_id()) < len(found.protocols):
        message = f"{where}: a protocol's id is there twice"
        raise ConfigError(message)
    return found


class Signed:
    """The signed protocols of one file, read again when it changes; a document that is refused changes nothing.

    Raises:
        ConfigError: The first reading fails.
    """

    def __init__(self, path: Path, partnership: str, approvers: Mapping[str, str]) -> None:
        self._path, self._partnership, self._approvers = path, partnership, approvers
        self._protocols = load(path, partnership, approvers)
        self._read_at = path.stat().st_mtime_ns
        self.refused = ""

    def now(self) -> Protocols:
        """Protocols in force; `refused` says why a newer document is not."""
        try:
            changed_at = self._path.stat().st_mtime_ns
            if changed_at != self._read_at:
                self._read_at = changed_at
                found = load(self._path, self._partnership, self._approvers)
                if found.version < self._protocols.version:
                    message = f"version {found.version} is older than {self._protocols.version}, which is in force"
                    raise ConfigError(message)
                self._protocols, self.refused = found, ""
        except (OSError, ConfigError) as error:
            self.refused = str(error)
        return self._protocols
