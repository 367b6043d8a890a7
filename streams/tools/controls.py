"""`sightline control`: draft a change of rules, sign it as an approver, send it when two have signed.

Writes England's bank holidays into rules that name none: they are signed with the rules, so that a library which
learns of another one changes nothing that was decided.

Decides nothing: what a control may change and whether its signatures hold is decided by the step that receives it.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import holidays
import msgspec

import topology
from schemas import codec, control, crypto
from streams.runtime import kafka, settings

APPROVERS_LEAST: Final = 2
SENT_WITHIN_S: Final = 30.0
HOLIDAY_YEARS: Final = 3  # beside the year in which rules take effect; the Government announces them so far ahead


class Draft(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A control before it is signed, as it goes from hand to hand."""

    partnership: str
    name: str
    version: int
    effective_at: int
    body: str

    def statement(self) -> bytes:
        """What an approver signs."""
        return control.statement(self.partnership, self.name, self.version, self.effective_at, self.body)


class Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One approver's signature of a draft, hex."""

    approver: str
    signature: str


class NotReady(ValueError):
    """A draft or signature that cannot be used; says which."""


def sign(draft: Draft, approver: str, private: bytes) -> Signed:
    """An approver's signature."""
    return Signed(approver, crypto.sign(private, draft.statement()).hex())


def framed(draft: Draft, signed: Sequence[Signed]) -> bytes:
    """The message for the topic of controls.

    Raises:
        NotReady: Fewer than two approvers, or the same one twice.
    """
    if len({one.approver for one in signed}) != len(signed) or len(signed) < APPROVERS_LEAST:
        raise NotReady(f"expected signatures of at least {APPROVERS_LEAST} different approvers")
    approvals = [{"approver": one.approver, "signature": bytes.fromhex(one.signature)} for one in signed]
    return codec.encode("control", {**msgspec.structs.asdict(draft), "approvals": approvals})


def bundle(draft: Draft, signed: Sequence[Signed]) -> str:
    """A signed draft as a file that a desk reads its protocols from.

    Raises:
        NotReady: Fewer than two approvers, or the same one twice.
    """
    framed(draft, signed)  # what the topic would not take, a desk does not get either
    fields = {"version": draft.version, "effective_at": draft.effective_at, "body": draft.body, "approvals": signed}
    return msgspec.json.format(msgspec.json.encode(fields), indent=1).decode() + "\n"


def read_draft(file: Path) -> Draft:
    """Read a draft.

    Raises:
        NotReady: It is none.
    """
    try:
        return msgspec.json.decode(file.read_bytes(), type=Draft)
    except msgspec.MsgspecError as error:
        raise NotReady(f"{file}: {error}") from error


def read_signed(file: Path) -> Signed:
    """Read a signature.

    Raises:
        NotReady: It is none.
    """
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Signed)
        bytes.fromhex(found.signature)
    except (msgspec.MsgspecError, ValueError) as error:
        raise NotReady(f"{file}: {error}") from error
    return found


def bank_holidays(years: Iterable[int]) -> dict[str, Any]:
    """England's bank holidays of some years, as the two fields of the control `rules`."""
    wanted = sorted(set(years))
    days = holidays.country_holidays("GB", subdiv="ENG", years=wanted)
    known = sorted(day.isoformat() for day in days if day.year in wanted)
    return {"holidays": known, "holidays_until": f"{wanted[-1]}-12-31"}


def with_holidays(body: str, effective_at: int) -> str:
    """The body of rules, with England's bank holidays where it says nothing of holidays.

    Raises:
        NotReady: It is no JSON object.
    """
    try:
        rules = msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise NotReady(f"the body of rules: {error}") from error
    if not rules.keys().isdisjoint({"holidays", "holidays_until"}):
        return body
    year = datetime.fromtimestamp(effective_at / 1000, UTC).year
    return msgspec.json.encode(rules | bank_holidays(range(year, year + HOLIDAY_YEARS + 1))).decode()


def _years(text: str) -> range:
    first, _, last = text.partition("-")
    return range(int(first), int(last or first) + 1)


def _holidays(options: argparse.Namespace) -> str:
    if not 0 < len(options.years) <= 50:
        raise NotReady("expected years as 2027-2030, the later one last")
    return msgspec.json.encode(bank_holidays(options.years)).decode() + "\n"


def _draft(options: argparse.Namespace) -> str:
    if options.name not in control.NAMES:
        raise NotReady(f"no control is called {options.name}; there are {', '.join(control.NAMES)}")
    at = options.effective_at if options.effective_at is not None else time.time_ns() // 1_000_000
    body = options.body.read_text(encoding="utf-8")
    if options.name == "rules":
        body = with_holidays(body, at)
    made = Draft(options.partnership, options.name, options.version, at, body)
    return msgspec.json.encode(made).decode() + "\n"


def _sign(options: argparse.Namespace) -> str:
    (file,) = sorted(options.folder.glob("*.private")) or [options.folder / "<name>.private"]
    made = sign(read_draft(options.draft), file.stem, bytes.fromhex(file.read_text(encoding="ascii").strip()))
    return msgspec.json.encode(made).decode() + "\n"


def _bundle(options: argparse.Namespace) -> str:
    return bundle(read_draft(options.draft), [read_signed(file) for file in options.signed])


def _send(options: argparse.Namespace) -> str:
    draft = read_draft(options.draft)
    value = framed(draft, [read_signed(file) for file in options.signed])
    producer = kafka.producer(settings.load(options.config, settings.Operator).kafka)
    failed: list[str] = []
    producer.produce(topology.CONTROLS.name, value, control.place(draft.partnership, draft.name),
                     on_delivery=lambda error, _: failed.append(str(error)) if error else None)  # fmt: skip
    if producer.flush(SENT_WITHIN_S) or failed:
        raise NotReady(f"{topology.CONTROLS.name}: not taken: {failed[0] if failed else 'no answer'}")
    return f"{draft.name} {draft.version} of {draft.partnership} is sent\n"


def main(argv: list[str]) -> int:
    """`sightline control`."""
    parser = argparse.ArgumentParser(prog="sightline control", description="Rules that change by two signatures.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = commands.add_parser("draft", help="print a draft of a control, to be signed")
    one.add_argument("--partnership", required=True)
    one.add_argument("--name", required=True, help=", ".join(control.NAMES))
    one.add_argument("--version", required=True, type=int, help="greater than the one in force")
    one.add_argument("--body", required=True, type=Path,
                     help="file with the rules, register or model; rules without holidays get England's")  # fmt: skip
    one.add_argument("--effective-at", type=int, help="ms since 1970-01-01 UTC; now where left out")
    one.set_defaults(run=_draft)
    one = commands.add_parser("holidays", help="print England's bank holidays as rules have them")
    one.add_argument("--years", required=True, type=_years, help="such as 2027-2030")
    one.set_defaults(run=_holidays)
    one = commands.add_parser("sign", help="print an approver's signature of a draft")
    one.add_argument("--draft", required=True, type=Path)
    one.add_argument("--folder", required=True, type=Path, help="the approver's key folder")
    one.set_defaults(run=_sign)
    one = commands.add_parser("bundle", help="print a draft with two signatures, as a desk reads its protocols")
    one.add_argument("--draft", required=True, type=Path)
    one.add_argument("--signed", required=True, type=Path, action="append", help="once for each approver")
    one.set_defaults(run=_bundle)
    one = commands.add_parser("send", help="send a draft that two approvers have signed")
    one.add_argument("--draft", required=True, type=Path)
    one.add_argument("--signed", required=True, type=Path, action="append", help="once for each approver")
    one.add_argument("--config", required=True, help="settings file of an operator (JSON)")
    one.set_defaults(run=_send)
    options = parser.parse_args(argv)
    try:
        sys.stdout.write(options.run(options))
    except (NotReady, OSError, ValueError, settings.SettingsError) as error:
        sys.stderr.write(f"sightline control: {error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
