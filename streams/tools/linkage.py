"""`sightline linkage fit`: a linkage model of a partnership's own, and what it would change before it is in force.

Decides what two approvers are shown: how many people and households would be others, by agency, and nothing of who
they are. Reads a snapshot, writes a file, changes nothing: the model takes effect by a control (`sightline control`).
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from schemas.crypto import Aead
from streams.keys import Keyring
from streams.linkage.fit import fit
from streams.linkage.graph import LinkGraph
from streams.linkage.identity import Identity
from streams.linkage.links import OWN, between
from streams.linkage.model import LinkModel, write_model
from streams.partnership import Partnership
from streams.runtime import snapshots
from streams.runtime.commits import Damaged
from streams.step import make_machine

SAMPLE: Final = 20_000  # records that are enough to fit on, LINKAGE section 1


class NoState(Exception):
    """There is nothing to fit on; its text says what was looked for."""


class Change(NamedTuple):
    """What a model would change.

    Attributes:
        records: Live records.
        people: (now, then).
        households: (now, then).
        joined: People then that are of several people now.
        parted: People now that would be several.
        records_moved: Records whose person would be another set of records.
        households_changed: Households then that are not one now.
        by_agency: Records moved, by who holds them.
    """

    records: int
    people: tuple[int, int]
    households: tuple[int, int]
    joined: int
    parted: int
    records_moved: int
    households_changed: int
    by_agency: Mapping[str, int]


def load(url: str, partition: int, name: str, keyring: Keyring) -> Partnership:
    """A partnership as the newest snapshot has it.

    Raises:
        NoState: No snapshot, or none that knows it.
        Damaged: The snapshot does not open.
    """
    store = snapshots.open_store(url, Aead(keyring.state_key))
    for stored in store.newest_first(partition):
        state = make_machine(partition, keyring)
        for changes in stored.changes():
            state.load(changes)
        state.ready()
        if name not in state.partnerships:
            raise NoState(f"{url}: partition {partition} has no partnership {name}")
        return state.partnerships[name]
    raise NoState(f"{url}: no snapshot of partition {partition}")


def refit(graph: LinkGraph, version: str, sample: int = SAMPLE) -> LinkModel:
    """A model fitted on the records of one epoch, those of the largest; of many records a part that says nothing.

    Raises:
        ValueError: Too few records.
    """
    epochs = Counter((one.schema_epoch, one.key_epoch) for one in graph.identities.values())
    newest = max(epochs, key=lambda epoch: (epochs[epoch], epoch), default=(0, 0))
    chosen = {r: one for r, one in graph.identities.items() if (one.schema_epoch, one.key_epoch) == newest}
    some = dict(sorted(chosen.items())[:: max(1, len(chosen) // sample)])  # pseudonyms are as good as drawn
    return fit(some, version, expected=len(chosen))


def difference(graph: LinkGraph, model: LinkModel) -> Change:
    """What the same records would be under another model, decisions of people included."""
    then = LinkGraph(model, {**{spec.name: {} for spec in OWN}, "assertions": graph.assertions})
    for record, one in sorted(graph.identities.items()):
        then.upsert(record, one)
    delta = between(graph, then)
    moved = [record for group in delta.clusters_after for record in group]
    return Change(
        records=len(graph.identities),
        people=(_count(graph, graph.people()), _count(then, then.people())),
        households=(_count(graph, graph.homes()), _count(then, then.homes())),
        joined=sum(len({graph.cluster(record) for record in group}) > 1 for group in delta.clusters_after),
        parted=sum(len({then.cluster(record) for record in group}) > 1 for group in delta.clusters_before),
        records_moved=len(moved),
        households_changed=sum(len(group) > 1 for group in delta.households_after),
        by_agency=Counter(_agency(graph.identities, record) for record in moved),
    )


def _agency(identities: Mapping[bytes, Identity], record: bytes) -> str:
    return identities[record].agency


def _count(graph: LinkGraph, groups: set[tuple[bytes, ...]]) -> int:
    return len(graph.identities) - sum(map(len, groups)) + len(groups)


def as_text(change: Change, now: LinkModel, then: LinkModel) -> str:
    """The difference, for those who are to approve it."""
    lines = [
        f"model            {now.version} -> {then.version}",
        f"digest           {now.digest[:16]} -> {then.digest[:16]}",
        f"records          {change.records:,}",
        f"people           {change.people[0]:,} -> {change.people[1]:,}",
        f"households       {change.households[0]:,} -> {change.households[1]:,}",
        f"people joined    {change.joined:,}   (of several people now)",
        f"people parted    {change.parted:,}   (into several)",
        f"records moved    {change.records_moved:,}   {change.records_moved / max(change.records, 1):.2%}",
        f"households new   {change.households_changed:,}",
        *(f"  {agency:14} {count:,} records moved" for agency, count in sorted(change.by_agency.items())),
    ]
    return "\n".join(lines) + "\n"


def main(argv: list[str]) -> int:
    """`sightline linkage`."""
    parser = argparse.ArgumentParser(prog="sightline linkage", description="Linkage models of a partnership.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    one = commands.add_parser("fit", help="fit a model on a snapshot's encodings and show what it would change")
    one.add_argument("--keys", required=True, type=Path, help="the platform's key folder")
    one.add_argument("--snapshots", required=True, help="where the snapshotter writes")
    one.add_argument("--partition", required=True, type=int, help="journal partition of the partnership")
    one.add_argument("--partnership", required=True)
    one.add_argument("--version", required=True, help="name of the model, shown with each link")
    one.add_argument("--to", required=True, type=Path, help="file to write it to")
    options = parser.parse_args(argv)
    try:
        town = load(options.snapshots, options.partition, options.partnership, Keyring.load(options.keys))
        model = refit(town.graph, options.version)
        options.to.write_bytes(write_model(model))
    except (NoState, Damaged, OSError, ValueError) as error:
        sys.stderr.write(f"sightline linkage: {error}\n")
        return 2
    sys.stdout.write(as_text(difference(town.graph, model), town.graph.model, model))
    sys.stdout.write(f"{options.to} is in force once two approvers have signed it: sightline control --help\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
