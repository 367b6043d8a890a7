"""Prints the map: the wiring as text, Mermaid or JSON, and the ACLs derived from it.

Decides how the map looks, never what is on it (topology.py) or who may do what (schemas/acls.py).
"""

from __future__ import annotations

import argparse
import dataclasses
import json

import topology
from schemas import acls

_WINGS = {"bridge": "an agency's own machines", "streams": "the platform (never sees a name)"}


def text() -> str:
    """The wiring as lines: each topic with its writers, readers, key and retention, then each agent."""
    lines = ["topics"]
    for topic in topology.TOPICS:
        kept = "newest per key" if topic.compacted else f"{topic.retention_s // 86400} days"
        lines.append(f"  {topic.name:<22} {' + '.join(writers(topic)):<20} -> {', '.join(topic.readers)}")
        lines.append(f"  {'':<22} key {topic.key}; kept {kept}; {topic.what}")
    lines.append("agents")
    for agent in topology.AGENTS:
        lines.append(f"  {agent.name:<22} {agent.what}")
    return "\n".join(lines)


def writers(topic: topology.Topic) -> tuple[str, ...]:
    """All roles that write a topic."""
    also = tuple(role for role, names in topology.ALSO_WRITES.items() if topic.name in names)
    return (topic.writer, *also)


def mermaid() -> str:
    """The wiring as a Mermaid flow chart: agents are boxes by wing, topics are the stores between them."""
    lines = ["flowchart LR"]
    for wing, title in _WINGS.items():
        lines.append(f'  subgraph {wing}["{title}"]')
        lines += [f"    {agent.name}" for agent in topology.AGENTS if agent.wing == wing]
        lines.append("  end")
    lines += [f'  {_node(topic.name)}[("{_label(topic.name)}")]' for topic in topology.TOPICS]
    for agent in topology.AGENTS:
        lines += [f"  {_node(name)} --> {agent.name}" for name in agent.reads]
        lines += [f"  {agent.name} --> {_node(name)}" for name in agent.writes]
    return "\n".join(lines)


def _node(name: str) -> str:
    return "t_" + name.replace("-", "_").replace("{", "").replace("}", "")


def _label(name: str) -> str:
    return name.replace("{", "<").replace("}", ">").replace("<", "&lt;").replace(">", "&gt;")


def as_json() -> str:
    """The map as JSON: topics, agents and views, every field."""
    return json.dumps(
        {
            "topics": [dataclasses.asdict(topic) for topic in topology.TOPICS],
            "agents": [dataclasses.asdict(agent) for agent in topology.AGENTS],
            "views": [dataclasses.asdict(view) for view in topology.VIEWS_KINDS],
        },
        indent=1,
    )


def acl_lines(agencies: tuple[str, ...], teams: tuple[str, ...]) -> str:
    """The ACLs for these agencies and teams, one a line: principal, operation, resource."""
    return "\n".join(" ".join(map(str, rule)) for rule in acls.acls(agencies, teams))


def main(argv: list[str]) -> int:
    """`sightline topology`."""
    parser = argparse.ArgumentParser(prog="sightline topology", description="Print the wiring.")
    parser.add_argument("what", nargs="?", choices=("text", "mermaid", "json", "acls"), default="text")
    parser.add_argument("--agencies", default="council,police,hospital,schools,homes", help="for acls, by comma")
    parser.add_argument("--teams", default="mash", help="for acls, by comma")
    options = parser.parse_args(argv)
    if options.what == "acls":
        print(acl_lines(tuple(options.agencies.split(",")), tuple(options.teams.split(","))))  # noqa: T201  (its job)
    else:
        print({"text": text, "mermaid": mermaid, "json": as_json}[options.what]())  # noqa: T201  (its job)
    return 0
