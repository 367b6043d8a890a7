"""What the lexicon finds in notes and why, for the agency's own eyes; and whether a lexicon passes its own tests.

Decides what is shown. It shows the words of notes, so it is for a terminal at the agency and for nothing else: no
part of a running bridge calls it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bridge.lexicon import read
from bridge.phrases import Lexicon, compiled
from bridge.text import STANDARD, factors, find

SIDES: Final = {"before": "before it", "after": "after it", "anywhere": "in its sentence", "around": "around it"}


class NotesFault(ValueError):
    """A file that is neither a text nor JSON Lines with a text each."""


def notes_of(path: Path) -> list[str]:
    """The notes of a file.

    Args:
        path: JSON Lines with a `text` each where its name ends in .jsonl, else one note.

    Raises:
        NotesFault: It cannot be read; says the line, never what stands in it.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        fault = f"{path}: cannot be read ({type(error).__name__})"
        raise NotesFault(fault) from None
    if path.suffix != ".jsonl":
        return [content]
    return [_text(line, f"{path}:{number}") for number, line in enumerate(content.splitlines(), 1) if line.strip()]


def _text(line: str, place: str) -> str:
    try:
        row = json.loads(line)
    except ValueError:
        row = None
    if not isinstance(row, dict) or not isinstance(row.get("text"), str):
        fault = f"{place}: expected a JSON object with a text"
        raise NotesFault(fault)
    return str(row["text"])


def explained(note: str, lexicon: Lexicon) -> dict[str, Any]:
    """Every phrase of a note, with the cues that reach it, and what the note gives."""
    return {
        "factors": {factor["family"]: factor["severity"] for factor in factors(note, lexicon)},
        "findings": [
            {
                "phrase": note[one.start : one.end], "start": one.start, "end": one.end, "family": one.family,
                "severity": one.severity, "counts": one.affirmed,
                "cues": [
                    {"flag": cue.flag, "side": cue.side, "words": note[cue.start : cue.end], "start": cue.start,
                     "end": cue.end} for cue in one.cues
                ],
            } for one in find(note, lexicon)
        ],
    }  # fmt: skip


def as_text(number: int, found: dict[str, Any]) -> str:
    """The same for a reader."""
    given = ", ".join(f"{family} {severity}" for family, severity in found["factors"].items()) or "nothing"
    lines = [f"note {number} gives {given}"]
    for one in found["findings"]:
        why = "; ".join(
            f"{cue['flag']} by {cue['words']!r} {SIDES[cue['side']]} ({cue['start']}-{cue['end']})"
            for cue in one["cues"]
        )
        said = f"does not count: {why}" if why else "counts"
        lines.append(f"  {one['start']}-{one['end']}  {one['phrase']!r}  {one['family']} {one['severity']}  {said}")
    return "\n".join(lines)


def failures(path: Path | None) -> Iterator[str]:
    """Tests of a lexicon that it does not pass; of the bridge's own where no path is given.

    Raises:
        LexiconFault: It is no lexicon.
    """
    file = path or STANDARD
    content = read(file)
    lexicon = compiled(content, file.name)
    for number, test in enumerate(content.tests, 1):
        found = {factor["family"]: factor["severity"] for factor in factors(test.text, lexicon)}
        if found != test.factors:
            yield f"{file.name}: test {number}: expected {test.factors}, found {found}: {test.text}"
