"""The controls of one partnership: which are in force, which wait for their time, why others were refused.

Decides when a control may come into force and gives the reason where it may not. A control is judged when it arrives
and once more when its time comes, for the register may have changed meanwhile; a refused one leaves the old one in
force. What follows from one that comes into force is decided in streams/partnership.py.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, MutableMapping
from typing import Any, Final, NamedTuple

import msgspec

from schemas import control, crypto
from streams.alerting.rules import check_rules
from streams.registers import BadControl, parse_register
from streams.state import Spec

APPROVERS_LEAST: Final = 2
AHEAD_MAX_MS: Final = 366 * 24 * 3600 * 1000  # what is signed for later than a year ahead is more likely a slip
AHEAD_MAX_PER_NAME: Final = 8  # versions of one control that wait
REFUSED_KEPT: Final = 5  # newest refusals of a name that are kept to be shown
REASON_MAX_CHARS: Final = 200
TOLD_WHOLE: Final = ("rules",)
"""Controls whose body every agency is told: lines, budget, teams and hours, no secret and nobody's name. The register
holds keys and a linkage model is long: neither is told."""
BODY_TOLD_MAX_BYTES: Final = 64 * 1024  # escaped, far below what a message may have
NEVER: Final = 1 << 62
ORDER: Final = ("register", "rules", "linkage")
"""Controls that something acts on; of one moment, in this order: rules speak of the register's teams."""


class ControlRow(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A control as it was signed."""

    version: int
    effective_at: int
    body: str


class Refusal(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """Why a version of a control did not come into force, and when that was decided (ms)."""

    version: int
    at: int
    reason: str


SPECS: Final = (Spec("controls_ahead", ControlRow), Spec("controls_refused", tuple[Refusal, ...]))
"""By `name/version`, and by name. The table `controls` itself, by name, is the first of a partnership."""


class Due(NamedTuple):
    """A control whose time has come."""

    name: str
    row: ControlRow


class Controls:
    """Rows of controls. All of its state is in tables.

    Args:
        partnership: Its name.
        tables: Has `controls` and the tables of `SPECS`.
        check_linkage: Judges the body of a linkage model; ValueError says what is wrong.
    """

    def __init__(
        self, partnership: str, tables: Mapping[str, MutableMapping[str, Any]], check_linkage: Callable[[str], object]
    ) -> None:
        self._partnership = partnership
        self._check_linkage = check_linkage
        self._in_force: MutableMapping[str, ControlRow] = tables["controls"]
        self._ahead: MutableMapping[str, ControlRow] = tables["controls_ahead"]
        self._refused: MutableMapping[str, tuple[Refusal, ...]] = tables["controls_refused"]
        self.next_at = NEVER
        self._look_ahead()

    def accept(self, message: Mapping[str, Any], governance: Mapping[str, bytes], now: int) -> ControlRow | None:
        """Judge a control that arrives.

        Args:
            message: A schemas.control.Control.
            governance: Approver -> Ed25519 public key.
            now: Partnership time (ms).

        Returns:
            Its row; None where this very control is known already.

        Raises:
            BadControl: It cannot come into force; says why.
        """
        self._check_signed(message, governance)
        name = message["name"]
        row = ControlRow(message["version"], message["effective_at"], message["body"])
        held, waiting = self._in_force.get(name), self._ahead.get(_key(name, row.version))
        if row in (held, waiting):
            return None
        if held is not None and row.version <= held.version:
            raise BadControl(f"version {row.version} is not newer than {held.version}, which is in force")
        if waiting is not None:
            raise BadControl(f"another version {row.version} waits already")
        if row.effective_at > now + AHEAD_MAX_MS:
            raise BadControl(f"effective_at is more than {AHEAD_MAX_MS // 86_400_000} days ahead")
        if row.effective_at > now and sum(one.name == name for one in self._waiting()) >= AHEAD_MAX_PER_NAME:
            raise BadControl(f"{AHEAD_MAX_PER_NAME} versions wait already")
        self.check(name, row, now)
        return row

    def check(self, name: str, row: ControlRow, now: int) -> None:
        """Judge a body as of its time.

        Raises:
            BadControl: It cannot come into force; says why.
        """
        at = max(now, row.effective_at)
        try:
            if name == "register":
                parse_register(row.body)
            elif name == "rules":
                check_rules(row.body, self._teams_at(at), at)
            elif name == "linkage":
                self._check_linkage(row.body)
            else:
                raise BadControl(f"nothing acts on a control of this name, only on {', '.join(ORDER)}")
        except ValueError as error:
            raise BadControl(str(error)) from error

    def wait(self, name: str, row: ControlRow) -> None:
        """Keep a control until its time."""
        self._ahead[_key(name, row.version)] = row
        self._look_ahead()

    def due(self, now: int) -> Iterator[Due]:
        """Controls whose time has come, each once, in order of time, of `ORDER` and of version."""
        while self.next_at <= now:
            first = min(self._waiting(), key=_order)
            del self._ahead[_key(first.name, first.row.version)]
            self._look_ahead()
            yield first

    def enter(self, name: str, row: ControlRow) -> None:
        """Keep a control as the one in force; older versions that waited never come into force."""
        self._in_force[name] = row
        for one in self._waiting():
            if one.name == name and one.row.version <= row.version:
                del self._ahead[_key(name, one.row.version)]
        self._look_ahead()

    def refuse(self, name: str, version: int, reason: str, now: int) -> None:
        """Keep why a version was refused, to be shown."""
        kept = (*self._refused.get(name, ()), Refusal(version, now, reason[:REASON_MAX_CHARS]))
        self._refused[name] = kept[-REFUSED_KEPT:]

    def names(self) -> list[str]:
        """Names that there is something to say about, sorted."""
        return sorted({*self._in_force, *self._refused, *(one.name for one in self._waiting())})

    def shown(self, name: str) -> dict[str, Any]:
        """What governance is told about a control: versions, times, reasons of ours; of some the body in force."""
        held = self._in_force.get(name)
        waiting = sorted((one.row.effective_at, one.row.version) for one in self._waiting() if one.name == name)
        return {
            "name": name,
            "in_force": held and {"version": held.version, "effective_at": held.effective_at},
            "waiting": [{"version": version, "effective_at": at} for at, version in waiting],
            "refused": [msgspec.structs.asdict(refusal) for refusal in self._refused.get(name, ())],
            **({"body": _told(held)} if name in TOLD_WHOLE else {}),
        }

    def _check_signed(self, message: Mapping[str, Any], governance: Mapping[str, bytes]) -> None:
        if message["partnership"] not in {"", self._partnership}:
            raise BadControl("it is signed for another partnership")
        statement = control.statement(
            message["partnership"], message["name"], message["version"], message["effective_at"], message["body"]
        )
        approvals = message["approvals"]
        if len({approval["approver"] for approval in approvals}) != len(approvals):
            raise BadControl("the same approver signed twice")
        if len(approvals) < APPROVERS_LEAST:
            raise BadControl(f"expected {APPROVERS_LEAST} different approvers, got {len(approvals)}")
        for place, approval in enumerate(approvals, 1):
            public = governance.get(approval["approver"])
            if public is None:
                raise BadControl(f"approver {place} of {len(approvals)} is not known to this platform")
            if not crypto.verify(public, statement, approval["signature"]):
                raise BadControl(f"the signature of approver {place} of {len(approvals)} is wrong")

    def _teams_at(self, at: int) -> dict[str, str]:
        """Team -> agency in the register that will be in force at a moment, as far as is known now."""
        row = self._in_force.get("register")
        for one in sorted(self._waiting(), key=_order):
            if one.name == "register" and one.row.effective_at <= at and (not row or one.row.version > row.version):
                row = one.row
        if row is None:
            raise BadControl("there is no register yet: it comes first")
        return {name: team.agency for name, team in parse_register(row.body).teams.items()}

    def _waiting(self) -> list[Due]:
        return [Due(key.rpartition("/")[0], row) for key, row in self._ahead.items()]

    def _look_ahead(self) -> None:
        self.next_at = min((row.effective_at for row in self._ahead.values()), default=NEVER)


def _told(held: ControlRow | None) -> str | None:
    """A body as it was signed; None where there is none or it is too long."""
    fits = held is not None and len(msgspec.json.encode(held.body)) <= BODY_TOLD_MAX_BYTES
    return held.body if held is not None and fits else None


def _key(name: str, version: int) -> str:
    return f"{name}/{version}"


def _order(due: Due) -> tuple[int, int, int]:
    return due.row.effective_at, ORDER.index(due.name), due.row.version
