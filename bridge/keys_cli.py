"""`sightline keys`: make keys, hand the linkage key from bridge to bridge, show what is there.

Decides only how people ask; bridge/keys.py does it. Prints public halves, epochs and check values, never a key.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

from bridge import keys, platform_keys
from bridge.keyfiles import KeyFault, read_key

_ABOUT = """\
Who makes what:
  platform operator   sightline keys platform    --folder keys/platform
  each approver       sightline keys governance  --folder keys/governance --name alice
  platform operator   sightline keys trust       --folder keys/platform --name alice --public <hex>
  each agency         sightline keys agency      --folder keys/council --agency council --partnership northmere \\
                                                 --platform <hex or file>
  one agency          sightline keys linkage     --folder keys/council
  every other agency  sightline keys entry       --folder keys/police > police.json    (for the register)
  that one agency     sightline keys hand-out    --folder keys/council --to police.json > parcel.json
  every other agency  sightline keys accept      --folder keys/police --parcel parcel.json --from council.json
A parcel may travel by any channel. Entries must come from the signed register or be compared by telephone: `show`.
To change the linkage key: `linkage` again, hand it out to all, then `use --epoch 2` at each.
"""


def main(argv: list[str]) -> int:
    """Run `sightline keys`.

    Args:
        argv: Arguments after `keys`.

    Returns:
        0, or 2 with one line on standard error that says what to do.
    """
    arguments = _parser().parse_args(argv)
    try:
        result = arguments.run(arguments)
    except (KeyFault, OSError) as error:
        sys.stderr.write(f"keys: {error}\n")
        return 2
    sys.stdout.write(result if isinstance(result, str) else json.dumps(result, indent=1) + "\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="sightline keys",
        description="Make and hand out keys. Files are readable by their owner alone; layout: docs/keys.md.",
        epilog=_ABOUT,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, help_: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=help_, description=help_)
        sub.add_argument("--folder", type=Path, required=True, help="key folder")
        sub.set_defaults(run=run)
        return sub

    agency = command("agency", _agency, "make an agency's own keys")
    agency.add_argument("--agency", required=True, help="agency id")
    agency.add_argument("--partnership", required=True, help="partnership id")
    agency.add_argument("--platform", required=True, help="the platform's public key: hexadecimal, or a file of it")
    command("platform", _platform, "make the platform's keyring; prints its public key")
    approver = command("governance", _governance, "make an approver's signing key; prints its public key")
    approver.add_argument("--name", required=True, help="the approver")
    trusted = command("trust", _trust, "let the platform know an approver's public key")
    trusted.add_argument("--name", required=True, help="the approver")
    trusted.add_argument("--public", required=True, help="hexadecimal, or a file of it")
    command("linkage", _linkage, "make the partnership's next linkage key at this bridge")
    command("entry", lambda a: keys.register_entry(a.folder), "print the agency's line for the register")
    out = command("hand-out", _hand_out, "seal a linkage key to another bridge")
    out.add_argument("--to", type=Path, required=True, help="the receiver's entry (JSON)")
    out.add_argument("--epoch", type=int, help="which key; the newest without it")
    taken = command("accept", _accept, "take a linkage key that another bridge handed out")
    taken.add_argument("--parcel", type=Path, required=True, help="as hand-out printed it")
    taken.add_argument("--from", dest="giver", type=Path, required=True, help="the giver's entry (JSON)")
    use = command("use", _use, "put a linkage key in force")
    use.add_argument("--epoch", type=int, required=True, help="its epoch")
    turn = command("rotate", _rotate, "replace the signing or sealing pair; prints the new entry")
    turn.add_argument("kind", choices=("sign", "seal"), help="which pair")
    command("show", _show, "show what a folder holds, by fingerprints and check values")
    return parser


def _agency(a: argparse.Namespace) -> dict[str, str]:
    keys.make_agency(a.folder, a.agency, a.partnership, _public(a.platform))
    return keys.register_entry(a.folder)


def _platform(a: argparse.Namespace) -> str:
    return platform_keys.make_platform(a.folder).hex() + "\n"


def _governance(a: argparse.Namespace) -> str:
    return platform_keys.make_governance(a.folder, a.name).hex() + "\n"


def _trust(a: argparse.Namespace) -> str:
    public = _public(a.public)
    platform_keys.trust(a.folder, a.name, public)
    return f"{a.name} {keys.fingerprint(public)}\n"


def _linkage(a: argparse.Namespace) -> str:
    return f"epoch {keys.make_linkage(a.folder)}\n"


def _hand_out(a: argparse.Namespace) -> dict[str, Any]:
    return keys.hand_out(a.folder, _json(a.to), a.epoch)


def _accept(a: argparse.Namespace) -> str:
    return f"epoch {keys.accept(a.folder, _json(a.parcel), _json(a.giver))}\n"


def _use(a: argparse.Namespace) -> str:
    keys.activate(a.folder, a.epoch)
    return f"epoch {a.epoch}\n"


def _rotate(a: argparse.Namespace) -> dict[str, str]:
    keys.rotate(a.folder, a.kind)
    return keys.register_entry(a.folder)


def _show(a: argparse.Namespace) -> dict[str, Any]:
    if not (a.folder / "agency.json").exists():
        publics = sorted(a.folder.glob("*.public"))
        if not publics:
            error = f"{a.folder}: no keys here"
            raise KeyFault(error)
        return {"public": {path.stem: keys.fingerprint(read_key(path)) for path in publics}}
    return keys.show(a.folder)


def _public(text: str) -> bytes:
    """A public half, given as hexadecimal or as a file that holds it."""
    if Path(text).is_file():
        return read_key(Path(text))
    try:
        return bytes.fromhex(text)
    except ValueError:
        raise KeyFault("expected a public key: 64 hexadecimal digits, or a file that holds them") from None


def _json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    if not isinstance(content, dict):
        error = f"{path}: expected a JSON object"
        raise KeyFault(error)
    return content
