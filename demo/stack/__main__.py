"""`python -m demo.stack prepare`: fill the cache. `python -m demo.stack apply`: topics, users and ACLs on a broker.

`apply` is for a broker that somebody else started, such as that of docker-compose.yml.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from demo.stack.admin import Admin
from demo.stack.prepare import prepare
from demo.stack.processes import StackError
from demo.stack.settings import ADMIN_USER, BROKER_USER, CONNECT_USER, capture_user
from demo.stack.topics import agency_acls, topic_table
from schemas.acls import acls, principals


def main(argv: list[str]) -> int:
    """Run one of the two; 0 if all is well, 1 with the reason on standard error."""
    parser = argparse.ArgumentParser(prog="python -m demo.stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("prepare", help="fetch Java's jars, check them, make templates and warm-start archives")
    apply = commands.add_parser("apply", help="create topics, users and ACLs on a running broker")
    apply.add_argument("--bootstrap", required=True, help="host:port of the broker's inner listener (SASL PLAIN)")
    apply.add_argument("--side", choices=("platform", "agency"), required=True, help="which of the two brokers")
    apply.add_argument("--secrets", type=Path, required=True,
                       help="folder with one file of password a user; `broker` is the broker's own")  # fmt: skip
    apply.add_argument("--agencies", required=True, help="agency ids, by comma")
    apply.add_argument("--teams", default="", help="team ids, by comma")
    options = parser.parse_args(argv)
    try:
        if options.command == "prepare":
            prepare(lambda component, text: print(f"{component}: {text}", flush=True))
        else:
            apply_to(options)
    except StackError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def apply_to(options: argparse.Namespace) -> None:
    """Create topics, users and ACLs on the broker that the options name."""
    agencies, teams = tuple(options.agencies.split(",")), tuple(filter(None, options.teams.split(",")))
    admin = Admin(options.bootstrap, {
        "bootstrap.servers": options.bootstrap, "security.protocol": "SASL_PLAINTEXT", "sasl.mechanism": "PLAIN",
        "sasl.username": BROKER_USER, "sasl.password": read(options.secrets / BROKER_USER), "log_level": 3,
    })  # fmt: skip
    if options.side == "platform":
        users = [ADMIN_USER, *principals(agencies, teams)]
        admin.create_topics(topic_table(agencies, teams))
        grants = acls(agencies, teams)
    else:
        users = [CONNECT_USER, *(name for agency in agencies for name in (capture_user(agency), f"bridge-{agency}"))]
        grants = agency_acls(agencies)
    admin.create_users({user: read(options.secrets / user) for user in users})
    admin.create_acls(grants)


def read(path: Path) -> str:
    """A password file's content."""
    try:
        return path.read_text().strip()
    except OSError as error:
        message = f"apply: cannot read {path}: {error.strerror}; put one password file a user there, mode 0600"
        raise StackError(message) from error


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
