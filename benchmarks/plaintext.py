"""Splink on a set in clear, beside our linker on encodings; and hashed match-keys, the least one could do.

Splink runs in the peers' environment, as a process of its own. Its settings are the ones published for the set, kept
in benchmarks/linkage/splink/ and read over the file's own columns. A set without gets them by `derive`, from its
fields alone, over values as the bridge normalises them:

    compare  given name and surname together by ForenameSurnameComparison, or each by NameComparison if one is
             missing or there is no other field; date of birth by DateOfBirthComparison; a postcode of the British
             form by PostcodeComparison, others by Damerau-Levenshtein 1 and 2 (as Splink's FEBRL 4 demo); e-mail by
             EmailComparison; middle name, street and place by Jaro-Winkler .92 and .8; number by equality; code, NHS
             numbers, UPN and UPRN by Damerau-Levenshtein 1 and 2; with term frequencies where Splink has them for
             that comparison
    block    on every rule of `BLOCK` whose fields the set has: those of Splink's demos, and numbers alone; in a set
             of at most `SMALL` records also on each of `WIDE` alone, as the demos of small sets do (fake_1000,
             FEBRL 3); where there is none, on every two fields
    prior    rules of `SURE` that the set has, taken to find .6 of the true pairs; where there is none, all fields
    u        10,000,000 random pairs
    em       sessions blocked on names, on date of birth, and on number and street; where these are fewer than two,
             on further fields of `SESSIONS` until there are two

No truth goes in. A pair counts from a match probability of .5; clusters are connected components, at the one of
`THRESHOLDS` that gives the best pair F1, a choice in Splink's favour that needs the truth, and at .95.
"""

from __future__ import annotations

import csv
import json
import math
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Mapping
from itertools import combinations, pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML

from benchmarks.peers import PYTHON, ROOT
from benchmarks.sets import Set
from bridge.normalise import Person
from streams.linkage.cluster import connected
from streams.linkage.quality import of_groups, of_pairs

PUBLISHED: Final = Path(__file__).parent / "linkage" / "splink"
SPLINK_S: Final = 1800  # seconds that one set may take
AT_95: Final = math.log2(0.95 / 0.05)
THRESHOLDS: Final = tuple(sorted({*(half / 2 for half in range(-4, 61)), AT_95}, reverse=True))
"""Match weights in bits."""
NUMBERS: Final = ("code", "nhs", "nhs_former", "upn", "uprn")
BLOCK: Final = (
    ["email"], ["code"], ["nhs"], ["upn"], ["given", "surname"], ["surname", "dob"], ["given", "dob"],
    ["number", "street", "given"], ["number", "street", "surname"], ["number", "street", "dob"],
    ["postcode", "given"], ["postcode", "surname"], ["postcode", "dob"], ["postcode", "number"],
    ["uprn", "given"], ["uprn", "surname"], ["uprn", "dob"], ["dob", "place"], ["dob", "middle"],
    ["substr(postcode,1,3)", "dob"], ["substr(postcode,1,3)", "given"], ["substr(postcode,1,3)", "surname"],
    ["substr(given,1,3)", "substr(surname,1,4)"], ["substr(given,1,2)", "substr(surname,1,2)", "substr(dob,1,4)"],
)  # fmt: skip
WIDE: Final = (["given"], ["surname"], ["dob"], ["postcode"])
SMALL: Final = 10_000  # records
SURE: Final = (
    ["given", "surname", "dob"], ["dob", "postcode"], ["number", "street", "given", "dob"], ["email"], ["code"],
    ["nhs"], ["upn"],
)  # fmt: skip
SESSIONS: Final = (
    ["given", "surname"], ["given"], ["surname"], ["dob"], ["number", "street"], ["postcode"], ["email"], ["code"],
    ["nhs"], ["upn"], ["uprn"], ["place"], ["street"], ["middle"], ["number"],
)  # fmt: skip
BRITISH: Final = re.compile(r"([a-z]{1,2}[0-9][a-z0-9]?)([0-9][a-z]{2})")
EXACT_KEYS: Final = (
    ("given", "surname", "dob"), ("given", "dob", "postcode"), ("surname", "dob", "postcode"),
    ("given", "surname", "number", "street"), ("given", "dob", "number", "street"), ("nhs",), ("upn",),
    ("given", "surname", "postcode"), ("given", "dob", "place"), ("surname", "dob", "place"), ("given", "email"),
    ("surname", "email"), ("dob", "email"), ("given", "code"), ("surname", "code"), ("dob", "code"),
)  # fmt: skip


class Pair(NamedTuple):
    """A pair that Splink scored: match weight in bits."""

    one: bytes
    other: bytes
    weight: float


def of_splink(data: Set) -> dict[str, float | str | None]:
    """Splink's figures for a set; all None, and why on stderr, where it could not be run."""
    settings, how = published(data), data.splink
    if settings is None:
        settings, how = derive(data), "derived"
    try:
        pairs = link(data, settings, rows=_normalised(data) if how == "derived" else data.rows)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"{data.name}: Splink did not run: {error}", file=sys.stderr)
        return dict.fromkeys(("splink_pair_f1", "splink_pair_precision", "splink_pair_recall", "splink_cluster_f1",
                              "splink_cluster_f1_95", "splink_settings"))  # fmt: skip
    found = of_pairs(((pair.one, pair.other) for pair in pairs if pair.weight >= 0), data.person)
    clusters = by_threshold(pairs, data.person)
    return {
        "splink_pair_f1": found.f1, "splink_pair_precision": found.precision, "splink_pair_recall": found.recall,
        "splink_cluster_f1": max(clusters.values()), "splink_cluster_f1_95": clusters[AT_95], "splink_settings": how,
    }  # fmt: skip


def published(data: Set) -> dict[str, Any] | None:
    """Settings published for the set; None if there are none, or they name a column that the file has not."""
    path = PUBLISHED / f"{data.splink}.yaml"
    if not path.exists():
        return None
    settings: dict[str, Any] = YAML(typ="safe").load(path)
    names = {
        name for one in settings["compare"] for name in ([one["of"]] if isinstance(one["of"], str) else one["of"])
    }
    if missing := sorted(names - settings.get("derive", {}).keys() - data.rows[0].keys()):
        print(f"{data.name}: no column {', '.join(missing)}, which Splink's published settings use: they are derived",
              file=sys.stderr)  # fmt: skip
        return None
    return settings


def derive(data: Set) -> dict[str, Any]:
    """Settings for a set that none are published for, by the rule at the head of this module."""
    fields = data.fields
    have = {*fields, *(f"substr({name},1,{length})" for name in fields for length in (1, 2, 3, 4))}
    rules = (*BLOCK, *WIDE) if len(data.people) <= SMALL else BLOCK
    block = [one for one in rules if have.issuperset(one)]
    together = _together(fields)
    alone = [["given"], ["surname"]] if together else []
    sessions = [one for one in SESSIONS if have.issuperset(one) and {*one} < {*fields} and one not in alone]
    first = [one for one in sessions if {*one} & {"given", "surname", "dob"} or one == ["number", "street"]]
    further = [one for one in sessions if one not in first]
    return {
        "link_type": "dedupe_only",
        "derive": {"names": "given || ' ' || surname"} if together else {},
        "block": block or [list(two) for two in combinations(fields, 2)] or [list(fields)],
        "compare": comparisons(data),
        "prior": {"rules": [one for one in SURE if have.issuperset(one)] or [list(fields)], "recall": 0.6},
        "u": {"max_pairs": 10_000_000, "seed": 1},
        "em": first + further[: max(0, 2 - len(first))],
        "em_with": {"estimate_without_term_frequencies": True},
    }


def comparisons(data: Set) -> list[dict[str, Any]]:
    """One comparison a field, by its kind; given name and surname are one if there are others."""
    left = list(data.fields)
    made: list[dict[str, Any]] = []
    if _together(data.fields):
        left = [name for name in left if name not in ("given", "surname")]
        made.append({"is": "ForenameSurnameComparison", "of": ["given", "surname"],
                     "with": {"forename_surname_concat_col_name": "names"}})  # fmt: skip
    for name in left:
        more: dict[str, Any] = {"term_frequency": True}
        if name == "dob":
            kind, more = "DateOfBirthComparison", {"with": {"input_is_string": True, "datetime_format": "%Y%m%d"}}
        elif name == "postcode" and _is_british(data):
            kind, more = "PostcodeComparison", {}
        elif name in ("postcode", *NUMBERS):
            kind, more["with"] = "DamerauLevenshteinAtThresholds", {"distance_threshold_or_thresholds": [1, 2]}
        elif name in ("given", "surname"):
            kind = "NameComparison"
        elif name == "email":
            kind, more = "EmailComparison", {}
        elif name == "number":
            kind = "ExactMatch"
        else:
            kind, more["with"] = "JaroWinklerAtThresholds", {"score_threshold_or_thresholds": [0.92, 0.8]}
        made.append({"is": kind, "of": name, **more})
    return made


def _together(fields: tuple[str, ...]) -> bool:
    """Whether given name and surname are one comparison: alone, no session could train it."""
    return {"given", "surname"} < {*fields}


def _is_british(data: Set) -> bool:
    codes = [one.postcode for one in data.people.values() if one.postcode]
    return sum(bool(BRITISH.fullmatch(code)) for code in codes) * 2 > len(codes)


def _normalised(data: Set) -> list[dict[str, str]]:
    """The set's records as the bridge normalises them, British postcodes with their space."""
    british, fields = _is_british(data), data.fields

    def value(person: Person, name: str) -> str:
        written = getattr(person, name) or ""
        return BRITISH.sub(r"\1 \2", written).upper() if british and name == "postcode" else written

    return [{name: value(person, name) for name in fields} for person in data.people.values()]


def link(data: Set, settings: Mapping[str, Any], rows: list[dict[str, str]]) -> list[Pair]:
    """The pairs that Splink scores, by a process of its own."""
    records = list(data.people)
    with tempfile.TemporaryDirectory(prefix="sightline-splink-") as folder:
        path, given, scored = (Path(folder) / name for name in ("job.json", "rows.csv", "pairs.csv"))
        with given.open("w", newline="") as file:
            table = csv.writer(file)
            table.writerow(["bench_record", "bench_dataset", *rows[0]])
            for number, (record, row) in enumerate(zip(records, rows, strict=True)):
                table.writerow([number, data.agency[record], *row.values()])
        path.write_text(json.dumps({"settings": settings, "csv": str(given), "pairs": str(scored)}))
        run = subprocess.run(
            [PYTHON, "-m", "benchmarks.peers.splink_link", str(path)],
            cwd=ROOT, check=False, capture_output=True, text=True, timeout=SPLINK_S,
        )  # fmt: skip
        said = run.stderr.strip().splitlines() or ["nothing said"]
        if run.returncode:
            raise OSError(f"exit code {run.returncode}: {said[-1]}")
        for line in said:
            if line.startswith("splink: "):
                print(f"{data.name}: {line}", file=sys.stderr)
        with scored.open(newline="") as file:
            return [
                Pair(records[int(one)], records[int(other)], float(weight)) for one, other, weight in csv.reader(file)
            ]


def by_threshold(pairs: Iterable[Pair], truth: Mapping[bytes, str]) -> dict[float, float]:
    """Pair F1 of the connected components at each of `THRESHOLDS`."""
    parent = {record: record for record in truth}

    def root(record: bytes) -> bytes:
        while parent[record] != record:
            parent[record] = record = parent[parent[record]]
        return record

    left = sorted(pairs, key=lambda pair: pair.weight)
    found = {}
    for threshold in THRESHOLDS:
        while left and left[-1].weight >= threshold:
            pair = left.pop()
            parent[root(pair.one)] = root(pair.other)
        found[threshold] = of_groups({record: root(record) for record in truth}, truth).f1
    return found


def by_exact_keys(data: Set) -> dict[bytes, bytes]:
    """Person of each record by hashed match-keys: equal in all fields of any of `EXACT_KEYS`.

    Of these the set may have none; then in all its fields.
    """
    have = {*data.fields}
    keys: list[tuple[str, ...]] = [names for names in EXACT_KEYS if have.issuperset(names)] or [data.fields]
    holders: dict[tuple[str, ...], list[bytes]] = {}
    near: dict[bytes, list[bytes]] = {record: [] for record in data.people}
    for record, person in data.people.items():
        for names in keys:
            values = tuple(getattr(person, name) or "" for name in names)
            if all(values):
                holders.setdefault((*names, *values), []).append(record)
    for records in holders.values():
        for one, other in pairwise(records):
            near[one].append(other)
            near[other].append(one)
    return {record: part[0] for part in connected(near, near.__getitem__) for record in part}
