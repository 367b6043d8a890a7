"""The `sightline` command: finds the wing that a command belongs to and runs it.

Decides only which entry point answers to which word. A wing is imported when its command runs, so that an agency
that installed `[bridge]` never imports the platform.
"""

from __future__ import annotations

import importlib
import sys
from typing import Final, NamedTuple


class Command(NamedTuple):
    """A word, the module whose `main(argv)` answers to it, and what it is for."""

    module: str
    extra: str
    what: str


COMMANDS: Final[dict[str, Command]] = {
    "demo": Command("demo.run", "demo", "the whole mission on real components, on this machine"),
    "bridge": Command("bridge.cli", "bridge", "an agency's bridge: run, preview what would leave, factors in notes"),
    "keys": Command("bridge.keys_cli", "bridge", "make keys and hand them out"),
    "desk": Command("bridge.desk.serve", "bridge", "serve the duty desk to an agency's own staff"),
    "audit": Command("bridge.desk.audit_cli", "bridge", "verify a desk's audit, print what it kept of another's"),
    "intake": Command("streams.runtime.intake", "platform", "check what bridges send and put it in one order"),
    "worker": Command("streams.runtime.worker", "platform", "link, score and alert: the partnership agent"),
    "publisher": Command("streams.runtime.publisher", "platform", "cut outputs to protocol, send each exactly once"),
    "snapshotter": Command("streams.tools.snapshotter", "platform", "fold commits into snapshots, verify as it goes"),
    "verify": Command("streams.tools.verify", "platform", "walk the chain of commits and name the first break"),
    "replay": Command("streams.tools.replay", "platform", "rebuild from the journal and compare"),
    "linkage": Command("streams.tools.linkage", "platform", "fit a linkage model and show what it would change"),
    "whatif": Command("streams.tools.whatif", "platform", "run other rules over the history, beside today's"),
    "model": Command("streams.tools.card", "platform", "card: an algorithmic transparency record of what runs"),
    "control": Command("streams.tools.controls", "platform", "draft, sign and send a change of rules"),
    "topology": Command("schemas.picture", "bridge", "print the wiring, or the ACLs derived from it"),
}


def usage() -> str:
    """One line a command."""
    lines = ["usage: sightline COMMAND [options]      (sightline COMMAND --help for its options)", ""]
    lines += [f"  {name:<12} {command.what}" for name, command in COMMANDS.items()]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run one command.

    Returns:
        Its exit status; 2 for an unknown command, 3 where the extra it needs is not installed.
    """
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in {"-h", "--help", "help"}:
        print(usage())
        return 0
    command = COMMANDS.get(arguments[0])
    if command is None:
        print(f"sightline: no command {arguments[0]!r}\n\n{usage()}", file=sys.stderr)
        return 2
    try:
        module = importlib.import_module(command.module)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in {"bridge", "streams", "demo", "schemas"}:
            raise
        print(
            f"sightline {arguments[0]}: {error.name} is not installed; pip install 'sightline[{command.extra}]'",
            file=sys.stderr,
        )
        return 3
    return int(module.main(arguments[1:]))


if __name__ == "__main__":
    sys.exit(main())
