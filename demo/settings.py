"""Settings files of the product's processes in the demo: what an operator would write by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from bridge.desk import accounts
from bridge.keys import register_entry
from demo import access, partnership
from demo.stack import AGENCY, PLATFORM, Stack

SCHEMAS: Final = {
    "council": "carefile", "police": "crimes", "hospital": "pas", "schools": "mis", "homes": "tenancies",
}  # fmt: skip
TICK_S: Final = 3600  # partnership seconds a tick: at 262,800 times real time that is 73 ticks a second
REQUEST_VALID_S: Final = 20 * 24 * 3600  # partnership time: 7 s while the year runs, until it ends without a clock
COMMANDS: Final = {"previewer": ("whatif", "--follow")}
"""Processes whose command is not their name."""
SNAPSHOT_EVERY_S: Final = 20.0  # wall seconds; the run lasts minutes


PASSWORD: Final = "northmere-demo-only"  # noqa: S105  (of the demo's accounts; the desk listens on loopback alone)


def desk(stack: Stack, folder: Path, made: partnership.Made, agency: str) -> dict[str, Any]:
    """Settings of one agency's desk; its accounts and its signed protocols are written beside its store."""
    home = folder / "agencies" / agency
    own = {team: {"name": partnership.TEAM_NAMES[team], "kafka": kafka(stack, f"team-{team}")}
           for team, holder in partnership.TEAMS.items() if holder == agency}  # fmt: skip
    hashed = accounts.hash_password(PASSWORD)
    accounts.write(home / "accounts.json", [
        accounts.Account(
            f"{agency}-{user.login}", user.login, user.name, hashed,
            tuple(own) if user.teams is None else user.teams, user.roles,
            user.protocols,
        )
        for user in access.USERS[agency]
    ])  # fmt: skip
    (home / "protocols.json").write_text(partnership.sign_protocols(made.keys, agency))
    entries = {name: register_entry(made.keys / name) for name in partnership.AGENCIES}
    (home / "partners.json").write_text(json.dumps(entries))  # in earnest exchanged by people, see docs/keys.md
    numbers = {name: f"01632 9600{number:02}" for number, name in enumerate(partnership.AGENCIES)}
    return {
        "partnership": partnership.PARTNERSHIP, "agency": agency, "kafka": kafka(stack, f"desk-{agency}"),
        "teams": own, "team_names": partnership.TEAM_NAMES, "team_agencies": partnership.TEAMS,
        "agencies": {name: {"name": partnership.AGENCY_NAMES[name], "kind": partnership.AGENCIES[name],
                            "office_number": number} for name, number in numbers.items()},
        "redis_url": stack.redis_url, "keys": str(made.keys / agency), "store": str(home / "bridge.sqlite"),
        "accounts": str(home / "accounts.json"), "protocols": str(home / "protocols.json"),
        "approvers": partnership.approvers(made.keys), "records": str(home / "desk.sqlite"),
        "exchange": {"partners": str(home / "partners.json"), "kept": str(home / "exchange.sqlite"),
                     "valid_s": REQUEST_VALID_S},
        "lookup_valid_s": REQUEST_VALID_S,
        **({"governance": governance(stack, made), "summary_template": str(Path(__file__).with_name("summary.yaml"))}
           if agency == "council" else {}),
        "audit": str(home / "audit.jsonl"),
        "secret_file": str(home / "cookie.secret"), "clock": str(folder / "clock.json"), "https": False,
    }  # fmt: skip


def governance(stack: Stack, made: partnership.Made) -> dict[str, Any]:
    """What the council's desk changes controls with; in earnest each key is laid there by its owner."""
    folder = made.keys / "governance"
    keys = {f"council-{login}": str(folder / f"{name}.private") for login, name in access.APPROVERS.items()}
    return {"kafka": kafka(stack, "governance"), "approver_keys": keys}


def kafka(stack: Stack, principal: str, side: str = PLATFORM) -> dict[str, str]:
    """How a process reaches a broker."""
    bootstrap = stack.platform_bootstrap if side == PLATFORM else stack.agency_bootstrap
    return {"bootstrap": bootstrap, "username": principal, "password_file": str(stack.password_file(principal))}


def platform(stack: Stack, folder: Path, made: partnership.Made) -> dict[str, dict[str, Any]]:
    """Settings of the platform's processes by name."""
    keys = str(made.keys / "platform")
    snapshots = str(folder / "snapshots")
    return {
        "intake": {
            "kafka": kafka(stack, "intake"), "registers": {partnership.PARTNERSHIP: str(made.register_file)},
            "clock": str(folder / "clock.json"), "tick_s": TICK_S,
        },
        "worker": {"kafka": kafka(stack, "worker"), "keys": keys, "snapshots": snapshots, "session_timeout_s": 6.0,
                   "instance": "worker-1"},
        "publisher": {"kafka": kafka(stack, "publisher"), "keys": keys},
        "snapshotter": {"kafka": kafka(stack, "snapshotter"), "keys": keys, "snapshots": snapshots,
                        "every_s": SNAPSHOT_EVERY_S},
        "previewer": {"kafka": kafka(stack, "previewer"), "keys": keys, "snapshots": snapshots,
                      "partitions": {partnership.PARTNERSHIP: 0}},
    }  # fmt: skip


def bridge(stack: Stack, folder: Path, made: partnership.Made, agency: str) -> dict[str, Any]:
    """Settings of one agency's bridge."""
    store = folder / "agencies" / agency
    store.mkdir(parents=True, exist_ok=True)
    return {
        "agency": agency,
        "partnership": partnership.PARTNERSHIP,
        "mapping": str(Path(__file__).with_name("world") / "mappings" / f"{agency}.yaml"),
        "keys": str(made.keys / agency),
        "store": str(store / "bridge.sqlite"),
        "clock": str(folder / "clock.json"),
        "enrichment": True,
        "kafka": kafka(stack, f"bridge-{agency}"),
        "sources": [{
            "name": partnership.SOURCES[agency], "kind": "debezium", "prefix": f"cdc.{agency}",
            "kafka": kafka(stack, f"bridge-{agency}", AGENCY),
        }],
    }  # fmt: skip
