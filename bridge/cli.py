"""`sightline bridge`: run, preview, exposure, factors in notes, check a mapping, look into the quarantine.

Decides what each command prints and its exit status: 0 done; 1 a lexicon fails its own tests; 2 wrong
settings, mapping, lexicon, keys or input; 3 a source is mostly bad; 5 another bridge runs on the store.
"""

from __future__ import annotations

import argparse
import json
import secrets
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bridge import config as settings
from bridge import exposure
from bridge.clock import wall_ms
from bridge.config import Config, ConfigError, DebeziumSource
from bridge.encode import Encoder
from bridge.keyfiles import KeyFault
from bridge.keys import AgencyKeys, make_partnership
from bridge.lexicon import LexiconFault
from bridge.mapping import Codes, MappingError
from bridge.mapping import Mapping as MappingFile
from bridge.mapping import load as load_mapping
from bridge.pipeline import Pipeline
from bridge.preview import Unreadable, as_text, changes_of, previews
from bridge.quarantine import Entry
from bridge.run import finder, open_pipeline
from bridge.run import run as run_bridge
from bridge.sources import Change
from bridge.sources.kafka import Barrier, KafkaSource
from bridge.store import Store

FAILED, WRONG, BAD_SOURCE = 1, 2, 3


def main(argv: list[str]) -> int:
    """Run `sightline bridge`.

    Args:
        argv: Arguments after `bridge`.

    Returns:
        Exit status.
    """
    arguments = _parser().parse_args(argv)
    try:
        status: int = arguments.run(arguments)
    except (ConfigError, MappingError, KeyFault, Unreadable, LexiconFault) as error:
        print(error, file=sys.stderr)
        return WRONG
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="sightline bridge", description="An agency's bridge.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    run = _command(commands, "run", _run, "run the bridge until SIGTERM")
    run.add_argument("--metrics-port", type=int, metavar="N", help="serve metrics on the loopback; 0 = off")
    _preview_options(
        _command(commands, "preview", _preview, "print what would leave beside what stays", config=False)
    )
    tell = _command(commands, "exposure", _exposure, "measure what the encodings of real rows tell", config=False)
    _preview_options(tell)
    tell.add_argument("--profile", choices=("default", "strict"), default="default", help="of the encodings")
    tell.set_defaults(limit=0)
    check = _command(commands, "check", _check, "check a mapping file", config=False)
    check.add_argument("mapping", type=Path)
    found = _command(commands, "factors", _factors, "show what the lexicon finds in notes, and why", config=False)
    found.description = f"{found.description} It prints the notes' words: run it on the agency's own machine."
    found.add_argument("notes", type=Path, nargs="?", metavar="FILE", help="a text, or .jsonl with a text a line")
    found.add_argument("--lexicon", type=Path, metavar="FILE", help="an agency's own; else the bridge's")
    found.add_argument("--check", type=Path, metavar="LEXICON", help="run the tests that stand in a lexicon instead")
    found.add_argument("--json", action="store_true", help="one JSON object a note")
    quarantine = _command(commands, "quarantine", _quarantine, "refused rows: list, show, retry or drop them")
    quarantine.add_argument("action", choices=("list", "show", "retry", "drop"), nargs="?", default="list")
    quarantine.add_argument("ids", type=int, nargs="*", help="of these entries; of all where none is given")
    quarantine.add_argument("--json", action="store_true", help="one JSON object an entry")
    resume = _command(commands, "resume", _resume, "let a paused source go on")
    resume.add_argument("source", help="source in the mapping")
    return parser


def _preview_options(preview: argparse.ArgumentParser) -> None:
    preview.add_argument("--config", type=Path, metavar="FILE", help="settings of the bridge: its mapping and keys")
    preview.add_argument("--mapping", type=Path, metavar="FILE", help="a mapping, with keys for this preview alone")
    preview.add_argument(
        "--input", type=Path, metavar="FILE", help="Debezium capture (.json, .jsonl), or rows (.csv, .jsonl)"
    )
    preview.add_argument("--source", metavar="NAME", help="source; without --input read from its topics")
    preview.add_argument("--table", metavar="NAME", help="table of a file of rows (its name without ending)")
    preview.add_argument("--limit", type=int, default=20, metavar="N", help="changes shown (20); 0 = all")
    preview.add_argument("--json", action="store_true", help="one JSON object a change")


def _command(commands: Any, name: str, run: Any, what: str, *, config: bool = True) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=what, description=what.capitalize() + ".")
    command.set_defaults(run=run)
    if config:
        command.add_argument("--config", type=Path, required=True, metavar="FILE", help="settings of the bridge")
    return command


def _say(line: str) -> None:
    print(line)


def _run(arguments: argparse.Namespace) -> int:
    config = settings.load(arguments.config)
    port = config.metrics_port if arguments.metrics_port is None else arguments.metrics_port
    return run_bridge(config, port)


def _check(arguments: argparse.Namespace) -> int:
    mapping = load_mapping(arguments.mapping)
    for name, source in mapping.sources.items():
        _say(f"{name}: {len(source.tables)} tables, {len(source.records)} records, {len(source.events)} events")
    return 0


def _factors(arguments: argparse.Namespace) -> int:
    from bridge import explain, text  # loads a language library: seconds that the other commands do not pay

    if (arguments.notes is None) == (arguments.check is None):
        raise ConfigError("expected one of FILE and --check LEXICON")
    if arguments.check is not None:
        failures = list(explain.failures(arguments.check))
        for failure in failures:
            _say(failure)
        return FAILED if failures else 0
    try:
        notes = explain.notes_of(arguments.notes)
    except explain.NotesFault as error:
        raise ConfigError(str(error)) from None
    lexicon = text.load(arguments.lexicon) if arguments.lexicon is not None else text.standard()
    for number, note in enumerate(notes, 1):
        found = explain.explained(note, lexicon)
        _say(json.dumps({"note": number, **found}, ensure_ascii=False) if arguments.json
             else explain.as_text(number, found))  # fmt: skip
    return 0


def _preview(arguments: argparse.Namespace) -> int:
    pipeline, mapping, changes = _tried(arguments)
    for preview in previews(pipeline, mapping, changes):
        _say(json.dumps(preview, ensure_ascii=False) if arguments.json else as_text(preview))
    return _stopped(pipeline, mapping)


def _exposure(arguments: argparse.Namespace) -> int:
    pipeline, mapping, changes = _tried(arguments)
    pipeline.feed(changes)
    found = exposure.measure(list(pipeline.people.values()), Encoder(secrets.token_bytes(32), 1, arguments.profile))
    _say(json.dumps(asdict(found)) if arguments.json else exposure.as_text(found))
    return _stopped(pipeline, mapping)


def _tried(arguments: argparse.Namespace) -> tuple[Pipeline, MappingFile, list[Change]]:
    """A pipeline on a store in memory, and the real rows to try it on."""
    if (arguments.config is None) == (arguments.mapping is None):
        raise ConfigError("expected one of --config and --mapping")
    config = settings.load(arguments.config) if arguments.config is not None else None
    mapping = load_mapping(config.mapping if config is not None else arguments.mapping)
    if arguments.input is not None:
        changes = changes_of(arguments.input, mapping, arguments.source, arguments.table)
    elif config is not None and arguments.source is not None:
        changes = _from_topics(config, arguments.source, arguments.limit or 1_000)
    else:
        raise ConfigError("expected --input FILE, or --config FILE with --source NAME")
    keys = _keys(config, mapping)
    store = Store(":memory:", next(iter(keys.values())).agency_key)
    pipeline = Pipeline(mapping, keys, store, find=finder(config) if config is not None else None,
                        profile=config.profile if config is not None else "default")  # fmt: skip
    return pipeline, mapping, changes[: arguments.limit or None]


def _stopped(pipeline: Pipeline, mapping: MappingFile) -> int:
    """Say which sources would be paused; the exit status."""
    stopped = {name: reason for name in mapping.sources if (reason := pipeline.paused(name)) is not None}
    for name, reason in stopped.items():
        print(f"source {name} would be paused: {reason}", file=sys.stderr)
    return BAD_SOURCE if stopped else 0


def _keys(config: Config | None, mapping: MappingFile) -> dict[str, AgencyKeys]:
    """The bridge's keys, or new ones that vanish with this process."""
    if config is not None:
        folders = config.keys if isinstance(config.keys, dict) else {config.partnership: config.keys}
        return {name: AgencyKeys.load(folder) for name, folder in folders.items()}
    rule = mapping.partnership
    names = sorted(set(rule.codes.values())) if isinstance(rule, Codes) else [rule]
    found: dict[str, AgencyKeys] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            make_partnership(Path(folder) / name, name, [mapping.agency], [])
            found[name] = AgencyKeys.load(Path(folder) / name / mapping.agency)
    return found


def _from_topics(config: Config, name: str, limit: int) -> list[Change]:
    """The first changes of a connector's topics; nothing is committed."""
    source = next((one for one in config.sources if one.name == name and isinstance(one, DebeziumSource)), None)
    if source is None or not isinstance(source, DebeziumSource):
        error = f"preview: no debezium source {name} in the settings"
        raise ConfigError(error)
    client = source.kafka.client()
    client["group.id"] = source.kafka.group or source.kafka.username or f"bridge-{config.agency}"
    reader = KafkaSource(name, source.prefix, client, {}, Barrier(waiting=False, shown=False), wall_ms)
    try:
        found: list[Change] = []
        silent = 0
        while len(found) < limit and silent < 10:
            got = reader.poll(limit - len(found), 0.5, live=False)
            silent = 0 if got else silent + 1
            found += got
        return found
    finally:
        reader.close()


def _quarantine(arguments: argparse.Namespace) -> int:
    pipeline = open_pipeline(settings.load(arguments.config))
    wanted = set(arguments.ids)
    entries = [entry for entry in pipeline.quarantine.entries() if not wanted or entry.id in wanted]
    if arguments.action == "retry":
        taken = pipeline.retry(entries)
        _say(f"{taken} of {len(entries)} taken; their messages leave with the bridge's next batch")
    elif arguments.action == "drop":
        _say(f"{pipeline.quarantine.drop([entry.id for entry in entries])} dropped")
    else:
        for entry in entries:
            facts = _facts(entry, shown=arguments.action == "show")
            _say(json.dumps(facts, ensure_ascii=False) if arguments.json else _line(facts))
    pipeline.store.close()
    return 0


def _facts(entry: Entry, *, shown: bool) -> dict[str, Any]:
    facts = entry._asdict()
    change, touched = facts.pop("change"), facts.pop("touched")
    if shown:
        facts["row"] = (change.after or change.key or change.before) if change is not None else list(touched)
    return facts


def _line(facts: dict[str, Any]) -> str:
    line = "{id:>6}  {source}  {table}  {reason}  {field}: {fix}".format(**facts)
    return f"{line}\n        {json.dumps(facts['row'], ensure_ascii=False)}" if "row" in facts else line


def _resume(arguments: argparse.Namespace) -> int:
    pipeline = open_pipeline(settings.load(arguments.config))
    if arguments.source not in pipeline.views:
        error = f"resume: no source {arguments.source} in the mapping"
        raise ConfigError(error)
    pipeline.resume(arguments.source)
    pipeline.store.close()
    return 0
