"""Whether a request may be answered, and by which local protocol: deny by default, decided by Cedar.

Decides from this agency's own disclosure protocols alone, which two approvers signed. Each becomes one Cedar permit
whose id is the protocol's, so the policy that decided is the reason that can be shown. A basis is what the asking
side claims. Pure.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

import cedarpy
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from bridge import logs
from bridge.config import ConfigError
from schemas.exchange import Basis, Kind, Purpose

RUNG_OF: Final[dict[str, int]] = {"identity": 4, "summary": 3, "record": 4}
"""Rung that an answer is of: names are read from the record's, everywhere in the desk."""
RESTRICTED: Final = "restricted"
log = logs.get("desk")

_Id = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,63}$")]


class Protocol(BaseModel):
    """What this agency has agreed to disclose.

    Attributes:
        id: Stands in the audit as the reason.
        title: As staff know it.
        legal_basis: The law it rests on.
        to: Agencies that may ask under it.
        purposes: What for.
        kinds: What they may have.
        rung: Highest rung that it discloses.
        needs: Basis that the asking side has to claim; `none` for any.
        automatic: Answered at once, by nobody in particular.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: _Id
    title: str = Field(min_length=1, max_length=200)
    legal_basis: str = Field(min_length=1, max_length=200)
    to: tuple[_Id, ...] = Field(min_length=1)
    purposes: tuple[Purpose, ...] = Field(min_length=1)
    kinds: tuple[Kind, ...] = Field(min_length=1)
    rung: int = Field(ge=0, le=4)
    needs: Basis
    automatic: bool = False


@dataclass(frozen=True)
class Question:
    """What is asked, as the policy needs it; `restricted` where one of the records is."""

    asking: str
    kind: str
    purpose: str
    basis: str
    restricted: bool = False


@dataclass(frozen=True)
class Verdict:
    """What the protocols say: the one that covers it, or none; `automatic` where nobody has to look."""

    protocol: Protocol | None = None
    automatic: bool = False


class Policy:
    """The protocols of one agency, compiled.

    Args:
        agency: This agency.
        protocols: Its protocols.

    Raises:
        ConfigError: Two protocols share an id, or one has the id `restricted`.
    """

    def __init__(self, agency: str, protocols: Sequence[Protocol]) -> None:
        self._agency = agency
        self._protocols = {protocol.id: protocol for protocol in protocols}
        if len(self._protocols) != len(protocols) or RESTRICTED in self._protocols:
            raise ConfigError(f"disclosure protocols: ids must differ from each other and from {RESTRICTED!r}")
        self._policies = cedarpy.PolicySet.from_str(policies(protocols))

    def verdict(self, question: Question) -> Verdict:
        """The protocol that covers a question, one that answers by itself before others; then by id."""
        for automatic in (True, False):
            found = self._permitted(question, automatic=automatic)
            if found:
                return Verdict(self._protocols[found[0]], automatic)
        return Verdict()

    def _permitted(self, question: Question, *, automatic: bool) -> list[str]:
        request: dict[str, Any] = {
            "principal": f"Agency::{_quoted(question.asking)}",
            "action": f"Action::{_quoted(question.kind)}",
            "resource": f"Agency::{_quoted(self._agency)}",
            "context": {"purpose": question.purpose, "basis": question.basis, "rung": RUNG_OF[question.kind],
                        "automatic": automatic, "restricted": question.restricted},
        }  # fmt: skip
        result = cedarpy.is_authorized(request, self._policies, [])
        if result.decision != cedarpy.Decision.Allow:
            return []
        return sorted(result.diagnostics.id_annotations_by_reason.values())


def policies(protocols: Sequence[Protocol]) -> str:
    """The protocols as Cedar, one permit each; nothing about a restricted record leaves unseen."""
    forbid = f"@id({_quoted(RESTRICTED)})\nforbid (principal, action, resource)\n"
    forbid += "when { context.restricted && context.automatic };"
    return "\n".join([forbid, *(_permit(protocol) for protocol in protocols)])


def parse(rows: Sequence[Mapping[str, Any]]) -> tuple[Protocol, ...]:
    """Protocols from the signed document.

    Raises:
        ConfigError: A field is missing, unknown or wrong.
    """
    try:
        return tuple(Protocol.model_validate(row) for row in rows)
    except ValidationError as error:
        first = error.errors(include_input=False)[0]
        message = f"disclosures: {'.'.join(str(part) for part in first['loc']) or 'row'}: {first['msg']}"
        raise ConfigError(message) from None


class Agreed:
    """The policy of the signed document, made anew when that changes; one that cannot be read changes nothing.

    Args:
        agency: This agency.
        rows: The document's disclosures, the same object as long as it is the same document.

    Raises:
        ConfigError: The first reading fails.
    """

    def __init__(self, agency: str, rows: Callable[[], tuple[dict[str, Any], ...]]) -> None:
        self._agency, self._rows = agency, rows
        self._of = rows()
        self._policy = Policy(agency, parse(self._of))

    def policy(self) -> Policy:
        """The policy in force; the same object until the document changes."""
        rows = self._rows()
        if rows is not self._of:
            self._of = rows
            try:
                self._policy = Policy(self._agency, parse(rows))
            except ConfigError as error:
                log.error("disclosures of the signed document are not in force", extra={"reason": str(error)})
        return self._policy


def _permit(protocol: Protocol) -> str:
    actions = ", ".join(f"Action::{_quoted(kind)}" for kind in protocol.kinds)
    asking = ", ".join(f"Agency::{_quoted(agency)}" for agency in protocol.to)
    purposes = ", ".join(_quoted(purpose) for purpose in protocol.purposes)
    conditions = [
        f"[{asking}].contains(principal)", f"[{purposes}].contains(context.purpose)",
        f"context.rung <= {protocol.rung}",
    ]  # fmt: skip
    if not protocol.automatic:
        conditions.append("!context.automatic")
    if protocol.needs != "none":
        conditions.append(f"context.basis == {_quoted(protocol.needs)}")
    head = f"@id({_quoted(protocol.id)})\npermit (principal, action in [{actions}], resource)"
    return f"{head}\nwhen {{ {' && '.join(conditions)} }};"


def _quoted(word: str) -> str:
    return json.dumps(word)
