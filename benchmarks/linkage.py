"""The link graph on sets whose truth is known, beside Splink in clear and beside hashed match-keys.

    make bench-linkage                        # FEBRL 1 to 4 and the agencies
    BENCH_DATA=folder make bench-linkage      # and every set in the folder, each described by a YAML
    python -m benchmarks.linkage set.yaml ... # these alone

The product's own path, bridge encoding then LinkGraph, with a model fitted on the set's encodings alone.
benchmarks/linkage/README.md says how a set is described; benchmarks/plaintext.py what stands beside ours, and with
which settings. `pair_`, `cluster_`, `b3` and `household_` are of the graph at its model's own threshold, 0
milli-bits, as Splink's are at a probability of .5; `auto_`, `twin_` and `sibling_` at the automatic one, as the
product runs. All true pairs count, those that blocking never proposed included. `linker_rps` is of the graph alone:
records a second of CPU, on one core, the median of three graphs. One row a set; the last line is JSON.
"""

from __future__ import annotations

import gc
import hashlib
import json
import os
import statistics
import sys
import time
from collections import Counter
from collections.abc import Mapping
from itertools import combinations
from pathlib import Path
from typing import Any

from benchmarks.plaintext import by_exact_keys, of_splink
from benchmarks.sets import NotASetError, Set, read
from bridge.encode import Encoder
from bridge.normalise import normalise
from streams.linkage.fit import fit
from streams.linkage.graph import SPECS, LinkGraph
from streams.linkage.identity import Identity, from_wire
from streams.linkage.model import LinkModel
from streams.linkage.quality import b_cubed, exact, of_groups, of_pairs

HERE = Path(__file__).parent
KEY = hashlib.sha256(b"benchmark linkage key").digest()
RUNS = 3
SHOWN = {
    "records": "records", "pair_f1": "pairs", "splink_pair_f1": "Splink", "cluster_f1": "clusters",
    "splink_cluster_f1": "Splink", "splink_cluster_f1_95": "at .95", "b3": "B3", "household_f1": "homes",
    "auto_pair_precision": "auto P", "auto_pair_recall": "auto R", "exact_keys_f1": "keys", "linker_rps": "rec/s",
}  # fmt: skip


def encode(data: Set) -> dict[bytes, Identity]:
    """What the bridges would send, as the graph keeps it."""
    sent = Encoder(KEY, 1, bands=True).identities(list(data.people.values()))
    return {record: from_wire(one, data.agency[record]) for record, one in zip(data.people, sent, strict=True)}


def run(model: LinkModel, records: Mapping[bytes, Identity]) -> tuple[LinkGraph, float]:
    """A graph of all records, and records a CPU second."""
    graph = LinkGraph(model, {spec.name: {} for spec in SPECS})
    gc.collect()
    gc.disable()  # as the worker does
    began = time.process_time()
    for record, one in records.items():
        graph.upsert(record, one)
    seconds = time.process_time() - began
    gc.enable()
    return graph, len(records) / seconds


KINDS = ("twin", "namesake", "sibling", "housemate")


def false_rates(data: Set, group: Mapping[bytes, bytes]) -> dict[str, float | None]:
    """Share of record pairs of one household but two people that were merged, by what the two are.

    A twin was born on the same day, a namesake has the same given name, a sibling was born within 18 years, and a
    housemate is anybody else; all by what most of a person's records say, for single records are wrong now and then.
    """
    homes: dict[str, list[bytes]] = {}
    for record, home in data.household.items():
        homes.setdefault(home, []).append(record)
    normal = {record: normalise(person) for record, person in data.people.items()}
    born, named = ({person: _most([getattr(normal[record], field) for record in records])
                    for person, records in _records_of(data).items()} for field in ("dob", "given"))  # fmt: skip
    pairs, false = Counter[str](), Counter[str]()
    for records in homes.values():
        if len(records) > data.household_records_max:
            continue
        for one, other in combinations(records, 2):
            first, second = data.person[one], data.person[other]
            if first != second:
                kind = _kind(
                    born[first], born[second], same_name=bool(named[first]) and named[first] == named[second]
                )
                pairs[kind] += 1
                false[kind] += group[one] == group[other]
    return {f"{kind}_false_rate": round(false[kind] / pairs[kind], 5) if pairs[kind] else None for kind in KINDS} | {
        f"{kind}_pairs": pairs[kind] for kind in KINDS
    }


def _records_of(data: Set) -> dict[str, list[bytes]]:
    found: dict[str, list[bytes]] = {}
    for record, person in data.person.items():
        found.setdefault(person, []).append(record)
    return found


def _most(values: list[str | None]) -> str | None:
    """What most of them say; None where two are said equally often."""
    said = Counter(value for value in values if value).most_common(2)
    return said[0][0] if said and (len(said) == 1 or said[0][1] > said[1][1]) else None


def _kind(one: str | None, other: str | None, *, same_name: bool) -> str:
    if one and one == other:
        return "twin"
    if same_name:
        return "namesake"
    near = one and other and abs(int(one[:4]) * 12 + int(one[4:6]) - int(other[:4]) * 12 - int(other[4:6])) < 18 * 12
    return "sibling" if near else "housemate"


def of_homes(data: Set, graph: LinkGraph, prefix: str = "") -> dict[str, float | None]:
    """Quality of the households found, over records of homes small enough to be one; None without true ones."""
    sizes = Counter(data.household.values())
    homes = {record: home for record, home in data.household.items() if sizes[home] <= data.household_records_max}
    found = of_groups({record: graph.household(record) for record in homes}, homes)
    named = {"f1": found.f1, "precision": found.precision, "recall": found.recall}
    return {f"{prefix}household_{name}": value if homes else None for name, value in named.items()}


def at_zero(data: Set, model: LinkModel, records: Mapping[bytes, Identity]) -> dict[str, float | None]:
    """Figures at the model's own threshold."""
    graph, _ = run(model.at(0, 0), records)
    group = {record: graph.cluster(record) for record in records}
    pairs = of_pairs(((one, other) for one in records for other in graph.edges(one) if one < other), data.person)
    return {
        "pair_f1": pairs.f1, "pair_precision": pairs.precision, "pair_recall": pairs.recall,
        "cluster_f1": of_groups(group, data.person).f1, "b3": b_cubed(group, data.person).f1,
        "cluster_exact": exact(group, data.person), **of_homes(data, graph),
    }  # fmt: skip


def automatic(data: Set, model: LinkModel, records: Mapping[bytes, Identity]) -> dict[str, float | None]:
    """Figures at the automatic threshold, and the rate."""
    rates = []
    for _ in range(RUNS):
        graph, rate = run(model, records)
        rates.append(rate)
    group = {record: graph.cluster(record) for record in records}
    found = of_groups(group, data.person)
    return {
        "auto_pair_precision": found.precision, "auto_pair_recall": found.recall, "auto_cluster_f1": found.f1,
        **of_homes(data, graph, "auto_"), **false_rates(data, group), "linker_rps": round(statistics.median(rates)),
    }  # fmt: skip


def measure(data: Set) -> dict[str, Any]:
    """All figures of one set."""
    records = encode(data)
    model = fit(records, data.name, households=bool(data.household))
    keys = of_groups(by_exact_keys(data), data.person)
    figures: dict[str, Any] = {
        "records": len(records), **at_zero(data, model, records), **automatic(data, model, records),
        "exact_keys_f1": keys.f1, "exact_keys_precision": keys.precision, **of_splink(data),
    }  # fmt: skip
    exactly = {"twin_false_rate", "sibling_false_rate"}  # these are small
    return {
        name: round(value, 5 if name in exactly else 4) if isinstance(value, float) else value
        for name, value in figures.items()
    }


def described(paths: list[str]) -> list[Path]:
    """The descriptions to follow: those named, or ours and those of BENCH_DATA, which win where names are equal."""
    if paths:
        return [Path(path) for path in paths]
    found = {path.stem: path for path in sorted((HERE / "linkage").glob("*.yaml"))}
    if folder := os.environ.get("BENCH_DATA"):
        theirs = sorted(path for path in Path(folder).glob("*") if path.suffix in {".yaml", ".yml"})
        if not theirs:
            raise NotASetError(f"BENCH_DATA: no YAML in {folder}")
        found |= {path.stem: path for path in theirs}
    return list(found.values())


def row(name: str, figures: Mapping[str, Any]) -> str:
    """One row of the table."""
    cells = [figures[key] for key in SHOWN]
    written = ["-" if cell is None else f"{cell:.4f}" if isinstance(cell, float) else f"{cell:,}" for cell in cells]
    return f"{name:16}" + "".join(f"{cell:>9}" for cell in written)


def main(paths: list[str]) -> int:
    """Measure and print; 2 if a description cannot be followed."""
    try:
        sets = [read(path) for path in described(paths)]
    except NotASetError as error:
        print(f"bench-linkage: {error}", file=sys.stderr)
        return 2
    print(f"{'':16}" + "".join(f"{head:>9}" for head in SHOWN.values()))
    every = {}
    for data in sets:
        every[data.name] = measure(data)
        print(row(data.name, every[data.name]), flush=True)
    print(json.dumps({"sets": every}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
