"""Splink over a CSV in clear: run by benchmarks/plaintext.py in the peers' own environment.

    python -m benchmarks.peers.splink_link job.json

The job names the CSV (`csv`; its columns `bench_record` and `bench_dataset` are ours), where the pairs go (`pairs`:
record, record, match weight) and the settings as data:

    link_type   dedupe_only, or link_only between the values of `bench_dataset`
    derive      SQL of further columns, or of columns to be read another way
    block       blocking rules: a list of expressions for `block_on`, or a condition as SQL
    compare     `is` a class of splink.comparison_library, `of` its columns, `with` its arguments,
                `term_frequency` for configure(term_frequency_adjustments=True)
    prior       `rules` and `recall` of estimate_probability_two_random_records_match
    u           arguments of estimate_u_using_random_sampling
    em          sessions of estimate_parameters_using_expectation_maximisation, each what it blocks on
    em_with     their further arguments

One thread and a seed, so that a run can be repeated. Decides nothing about quality: all pairs from a match
probability of `PAIRS_FROM` are written, and measured by whoever asked.
"""

from __future__ import annotations

import json
import logging
import sys
from pathlib import Path
from typing import Any

import duckdb  # type: ignore[import-not-found]
import splink.comparison_library as library  # type: ignore[import-not-found]
from splink import DuckDBAPI, Linker, SettingsCreator, block_on
from splink.internals.exceptions import SplinkException  # type: ignore[import-not-found]

PAIRS_FROM = 0.2  # what Splink's demos keep


def rule(written: str | list[str]) -> Any:
    """A blocking rule."""
    return written if isinstance(written, str) else block_on(*written)


def comparison(written: dict[str, Any]) -> Any:
    """A comparison from Splink's library."""
    of = written["of"]
    made = getattr(library, written["is"])(*([of] if isinstance(of, str) else of), **written.get("with", {}))
    return made.configure(term_frequency_adjustments=True) if written.get("term_frequency") else made


def tables(connection: Any, job: dict[str, Any]) -> list[Any]:
    """The records, as one table or as one a dataset."""
    settings = job["settings"]
    rows = connection.read_csv(job["csv"], header=True, all_varchar=True, na_values="")
    derived = settings.get("derive", {})
    left_out = [name for name in derived if name in rows.columns]
    star = f"* exclude ({', '.join(left_out)})" if left_out else "*"
    rows = rows.project(", ".join([star, *(f"{sql} as {name}" for name, sql in derived.items())]))
    connection.execute("create table everyone as select * from rows")
    everyone = connection.table("everyone")
    if settings["link_type"] != "link_only":
        return [everyone.project("* exclude (bench_dataset)")]
    names = connection.execute("select distinct bench_dataset from everyone order by 1").fetchall()
    return [everyone.filter(f"bench_dataset = '{name}'").project("* exclude (bench_dataset)") for (name,) in names]


def train(linker: Any, settings: dict[str, Any]) -> None:
    """Prior, u, then m; what the data cannot tell is left as Splink has it, and said."""
    training, model = linker.training, linker._settings_obj  # noqa: SLF001  (no other way back to its own prior)
    own = model._probability_two_random_records_match  # noqa: SLF001
    training.estimate_probability_two_random_records_match(
        [rule(one) for one in settings["prior"]["rules"]], recall=settings["prior"]["recall"]
    )
    if not model._probability_two_random_records_match:  # noqa: SLF001
        model._probability_two_random_records_match = own  # noqa: SLF001
        print("splink: no pair is sure; its own prior stands", file=sys.stderr)
    training.estimate_u_using_random_sampling(**settings["u"])
    for session in settings["em"]:
        try:
            training.estimate_parameters_using_expectation_maximisation(rule(session), **settings.get("em_with", {}))
        except (SplinkException, ValueError) as error:  # no pairs, or a probability that underflows
            print(f"splink: no session on {session}: {str(error).split('. ')[0].splitlines()[0]}", file=sys.stderr)


def main(path: str) -> None:
    """Run one job."""
    logging.disable(logging.WARNING)
    job = json.loads(Path(path).read_text())
    settings = job["settings"]
    connection = duckdb.connect()
    connection.execute("set threads = 1")
    database = DuckDBAPI(connection=connection)
    creator = SettingsCreator(
        link_type=settings["link_type"],
        unique_id_column_name="bench_record",
        blocking_rules_to_generate_predictions=[rule(one) for one in settings["block"]],
        comparisons=[comparison(one) for one in settings["compare"]],
    )
    linker = Linker([database.register(table) for table in tables(connection, job)], creator)
    train(linker, settings)
    found = linker.inference.predict(threshold_match_probability=PAIRS_FROM).as_duckdbpyrelation()
    found.project("bench_record_l, bench_record_r, match_weight").write_csv(job["pairs"], header=False)


if __name__ == "__main__":
    main(sys.argv[1])
