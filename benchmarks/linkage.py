"""The link graph on sets whose truth is known: `python -m benchmarks.linkage [set.yaml ...]`.

The product's own path, bridge encoding then LinkGraph, with a model fitted on the set's encodings alone. Each set is
described by a small YAML (benchmarks/linkage/agencies.yaml says how); those of the folder in BENCH_DATA are measured
too. Beside it a hashed match-key baseline: two records are one where any of a few keyed combinations is equal. The
last line is JSON. Splink is no dependency of this repository: its columns are null.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import os
import sys
import time
from collections import Counter
from collections.abc import Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML

from bridge.encode import Encoder
from bridge.normalise import Person, normalise
from streams.linkage.cluster import connected
from streams.linkage.fit import fit
from streams.linkage.graph import SPECS, LinkGraph
from streams.linkage.identity import Identity, from_wire
from streams.linkage.model import LinkModel
from streams.linkage.quality import b_cubed, exact, of_groups, of_pairs

HERE = Path(__file__).parent
KEY = hashlib.sha256(b"benchmark linkage key").digest()
EXACT_KEYS = (
    ("given", "surname", "dob"), ("given", "dob", "postcode"), ("surname", "dob", "postcode"),
    ("given", "surname", "number", "street"), ("given", "dob", "number", "street"), ("nhs",), ("upn",),
)  # fmt: skip


class Set(NamedTuple):
    """One set: records as they are read, and the truth."""

    name: str
    people: dict[bytes, Person]
    agency: dict[bytes, str]
    person: dict[bytes, str]
    household: dict[bytes, str]
    household_records_max: int


def read(path: Path) -> Set:
    """Read a set by its description."""
    made = YAML(typ="safe").load(path)
    file = (path.parent / made["file"]).resolve()
    with gzip.open(file, "rt", newline="") if file.suffix == ".gz" else file.open(newline="") as lines:
        rows = [{name.strip(): value.strip() for name, value in row.items()} for row in csv.DictReader(lines)]
    columns: Mapping[str, str] = made["columns"]
    people, agency, person, household = {}, {}, {}, {}
    address = [tuple(row[columns[name]] for name in ("number", "street") if name in columns) for row in rows]
    crowd = Counter(place for place in address if all(place))
    for row, place in zip(rows, address, strict=True):
        record = hashlib.sha512(row[made["id"]].encode()).digest()
        values = {field: row[column] or None for field, column in columns.items()}
        communal = crowd[place] > made.get("communal_above", len(rows))
        people[record] = Person(**values, communal=communal)
        agency[record] = row[made["agency"]] if "agency" in made else "one"
        person[record] = row[made["person"]]
        if "household" in made:
            household[record] = row[made["household"]]
    return Set(path.stem, people, agency, person, household, made.get("household_records_max", len(rows)))


def encode(data: Set) -> dict[bytes, Identity]:
    """What the bridges would send, as the graph keeps it."""
    sent = Encoder(KEY, 1, bands=True).identities(list(data.people.values()))
    return {record: from_wire(one, data.agency[record]) for record, one in zip(data.people, sent, strict=True)}


def run(model: LinkModel, records: Mapping[bytes, Identity]) -> tuple[LinkGraph, float]:
    """A graph of all records, and records a CPU second."""
    graph = LinkGraph(model, {spec.name: {} for spec in SPECS})
    began = time.process_time()
    for record, one in records.items():
        graph.upsert(record, one)
    return graph, len(records) / (time.process_time() - began)


def baseline(data: Set) -> dict[bytes, bytes]:
    """Person of each record by hashed match-keys: an exact match on any of `EXACT_KEYS`."""
    holders: dict[tuple[str, ...], list[bytes]] = {}
    near: dict[bytes, list[bytes]] = {record: [] for record in data.people}
    for record, person in data.people.items():
        one = normalise(person)
        for names in EXACT_KEYS:
            values = tuple(getattr(one, name) or "" for name in names)
            if all(values):
                holders.setdefault((*names, *values), []).append(record)
    for records in holders.values():
        for one_record, other in pairwise(records):
            near[one_record].append(other)
            near[other].append(one_record)
    return {record: part[0] for part in connected(near, near.__getitem__) for record in part}


def false_rates(data: Set, group: Mapping[bytes, bytes]) -> dict[str, float | None]:
    """Share of record pairs of one household but two people that were merged: born on one day, and not."""
    homes: dict[str, list[bytes]] = {}
    for record, home in data.household.items():
        homes.setdefault(home, []).append(record)
    born = {person: data.people[record].dob for record, person in data.person.items()}
    pairs, false = Counter[str](), Counter[str]()
    for records in homes.values():
        if len(records) > data.household_records_max:
            continue
        for one, other in combinations(records, 2):
            if data.person[one] != data.person[other]:
                first, second = born[data.person[one]], born[data.person[other]]
                kind = "twin" if first and first == second else "sibling"
                pairs[kind] += 1
                false[kind] += group[one] == group[other]
    return {
        f"{kind}_false_rate": round(false[kind] / pairs[kind], 5) if pairs[kind] else None
        for kind in ("twin", "sibling")
    }


def measure(data: Set) -> dict[str, Any]:
    """All figures of one set."""
    records = encode(data)
    model = fit(records, data.name, households=bool(data.household))
    at_zero, _ = run(model.at(0, 0), records)
    automatic, rps = run(model, records)
    zero = {record: at_zero.cluster(record) for record in records}
    auto = {record: automatic.cluster(record) for record in records}
    pairs = of_pairs(
        ((one, other) for one in records for other in at_zero.edges(one) if one < other), data.person
    )  # fmt: skip
    auto_quality, exact_keys = of_groups(auto, data.person), of_groups(baseline(data), data.person)
    sizes = Counter(data.household.values())
    homes = {record: home for record, home in data.household.items() if sizes[home] <= data.household_records_max}
    found = of_groups({record: automatic.household(record) for record in homes}, homes)
    figures = {
        "records": len(records), "pair_f1": pairs.f1, "pair_precision": pairs.precision, "pair_recall": pairs.recall,
        "cluster_f1": of_groups(zero, data.person).f1, "b3": b_cubed(zero, data.person).f1,
        "cluster_exact": exact(zero, data.person), "household_f1": found.f1 if homes else None,
        "household_precision": found.precision if homes else None, "auto_pair_precision": auto_quality.precision,
        "auto_pair_recall": auto_quality.recall, "auto_cluster_f1": auto_quality.f1, "exact_keys_f1": exact_keys.f1,
        "exact_keys_precision": exact_keys.precision, "splink_pair_f1": None, "splink_cluster_f1": None,
    }  # fmt: skip
    return {
        **{name: round(value, 4) if isinstance(value, float) else value for name, value in figures.items()},
        **false_rates(data, auto), "linker_rps": round(rps),
    }  # fmt: skip


def main(paths: list[str]) -> None:
    """Measure and print."""
    folders = [HERE / "linkage", *(Path(folder) for folder in [os.environ.get("BENCH_DATA", "")] if folder)]
    chosen = [Path(path) for path in paths] or sorted(path for folder in folders for path in folder.glob("*.yaml"))
    sets = {}
    for path in chosen:
        data = read(path)
        sets[data.name] = measure(data)
        for name, value in sets[data.name].items():
            print(f"{data.name:12} {name:22} {value}")
    print(json.dumps({"sets": sets}))


if __name__ == "__main__":
    main(sys.argv[1:])
