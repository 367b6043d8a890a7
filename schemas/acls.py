"""Who may do what on the platform's broker, derived from the map. Pure; imports the map only.

Least privilege: a role writes the topics that name it as writer, reads those that name it as reader, and joins
only consumer groups that bear its own name. Whoever writes from inside a transaction has a transactional id of
its own name. Read and write each imply describe; nobody here may create, alter or delete anything.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from topology import ALSO_WRITES, TOPICS, Topic, expand

TRANSACTIONAL = ("publisher",)  # roles that write in transactions


class Acl(NamedTuple):
    """One permission.

    Fields:
        principal: Kafka user, without `User:`.
        resource: `topic`, `group` or `transactional_id`.
        name: Of the resource; a trailing `*` means every name that begins so.
        operation: `read` or `write`.
    """

    principal: str
    resource: str
    name: str
    operation: str


def principals(agencies: tuple[str, ...], teams: tuple[str, ...]) -> tuple[str, ...]:
    """Every user that holds a permission, in the order of the map; `admin`, who administers, is none of them."""
    roles: dict[str, None] = {}
    for topic in TOPICS:
        for role in (*writers(topic), *topic.readers):
            roles |= dict.fromkeys(expand(role.replace("-*", "-{agency}"), agencies, teams))
    return tuple(roles)


def acls(agencies: tuple[str, ...], teams: tuple[str, ...]) -> list[Acl]:
    """All permissions of a partnership.

    Args:
        agencies: Agency ids, as in the register.
        teams: Team ids, as in the register.

    Returns:
        Distinct permissions, sorted.

    Example:
        >>> [acl.name for acl in acls(("police",), ("mash",)) if acl.principal == "team-mash"][-2:]
        ['alerts-mash', 'presence-mash']
    """
    found = {acl for topic in TOPICS for acl in _of_topic(topic, agencies, teams)}
    for principal in principals(agencies, teams):
        found |= {Acl(principal, "group", name, "read") for name in own_names(principal)}
        if principal in TRANSACTIONAL:
            found |= {Acl(principal, "transactional_id", name, "write") for name in own_names(principal)}
    return sorted(found)


def own_names(principal: str) -> tuple[str, str]:
    """Groups and transactional ids of a principal: its name, and whatever begins with its name and a dot."""
    return principal, f"{principal}.*"


def writers(topic: Topic) -> tuple[str, ...]:
    """Roles that write a topic: its writer, and those whose output leaves through it too."""
    return topic.writer, *(role for role, names in ALSO_WRITES.items() if topic.name in names)


def _of_topic(topic: Topic, agencies: tuple[str, ...], teams: tuple[str, ...]) -> Iterator[Acl]:
    for name, agency, team in _instances(topic.name, agencies, teams):
        own = ((agency,) if agency else agencies, (team,) if team else teams)
        for role in writers(topic):
            yield from (Acl(principal, "topic", name, "write") for principal in expand(role, *own))
        for role in topic.readers:
            everyone = role.endswith("-*")  # any agency's, not only the one whose topic it is
            names = expand(role.replace("-*", "-{agency}"), agencies, teams) if everyone else expand(role, *own)
            yield from (Acl(principal, "topic", name, "read") for principal in names)


def _instances(template: str, agencies: tuple[str, ...], teams: tuple[str, ...]) -> Iterator[tuple[str, str, str]]:
    if "{agency}" in template:
        yield from ((template.format(agency=agency), agency, "") for agency in agencies)
    elif "{team}" in template:
        yield from ((template.format(team=team), "", team) for team in teams)
    else:
        yield template, "", ""
