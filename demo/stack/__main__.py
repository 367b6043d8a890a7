"""`python -m demo.stack COMMAND`: prepare the cache, or set up the services of docker-compose.yml."""

from __future__ import annotations

import argparse
import sys

from demo.stack import compose
from demo.stack.browser import ensure_browser
from demo.stack.capture import Connector
from demo.stack.prepare import prepare
from demo.stack.processes import StackError

COMMANDS = {
    "prepare": "fetch and check Java's jars, make templates and warm-start archives in the cache",
    "browser": "install a headless Chromium for the browser tests, if it is missing and we may",
    "compose": "write passwords and settings for docker-compose.yml into compose/",
    "apply": "create topics, users, ACLs and databases on its running services",
    "capture": "create publications and grants, once the agencies' tables exist",
}


def main(argv: list[str]) -> int:
    """Run one command; 0 if all is well, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m demo.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, what in COMMANDS.items():
        command = commands.add_parser(name, help=what)
        if name in {"compose", "capture"}:
            command.add_argument("schemas", nargs="+", type=connector, metavar="AGENCY=SCHEMA[,SCHEMA]")
        if name == "apply":
            command.add_argument("--agencies", required=True, type=words, help="agency ids, by comma")
            command.add_argument("--teams", default=(), type=words, help="team ids, by comma")
    options = parser.parse_args(argv)
    try:
        if options.command == "prepare":
            prepare(show)
        elif options.command == "browser":
            ensure_browser(show)
        elif options.command == "compose":
            compose.write(options.schemas)
        elif options.command == "apply":
            compose.apply(options.agencies, options.teams)
        else:
            compose.prepare_capture(options.schemas)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def show(component: str, text: str) -> None:
    """One line of progress."""
    print(f"{component}: {text}", flush=True)


def words(text: str) -> tuple[str, ...]:
    """Ids given by comma."""
    return tuple(text.split(","))


def connector(text: str) -> Connector:
    """`agency=schema,schema`."""
    agency, separator, schemas = text.partition("=")
    if not (agency and separator and schemas):
        message = f"{text!r} is not AGENCY=SCHEMA[,SCHEMA]"
        raise argparse.ArgumentTypeError(message)
    return Connector(agency, words(schemas))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
