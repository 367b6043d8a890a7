"""What is found in free text, on notes whose meaning is known.

    make bench-text                       # the 554 notes of benchmarks/data/notes.jsonl
    make bench-text FILE=notes.jsonl      # a set from outside

A set is JSON Lines: `text`, and `labels`, each `{"family": .., "status": ..}` with the families of schemas/event.py
and a status of affirmed, negated, hedged, past, third (or third_party) or told; `id` is optional, other keys are not
read. `labels` may also be a list of the families that are affirmed. The notes here were written by hand to labels
that were drawn first, no sentence twice. The lexicon was tuned on the errors of those whose id hashes to an even byte
(`develop`), not of the others (`held`). But one author wrote and knew all notes: what was recalled from held ones
was taken out again where no word list of the field would have it, and the sums over both were watched. So `held`
flatters.

`precision`, `recall`: of (note, family) pairs affirmed. `precision_negated`, `precision_third_party`: of findings so
flagged, the share whose family the note labels so; in a plain list, the share whose family is not in it. A share of
nothing is 0. `ms_per_note`: median of the notes, each the best of five, beside medspaCy in the same run (`peer_`):
its sentences, its ConText with the cues it comes with, and our phrases spelled out, so that both look for the same
words. Its flag for the family is left out: here it means somebody else. The last line is JSON.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bridge import lexicon as lexicons
from bridge import text
from bridge.phrases import Lexicon
from schemas.event import FAMILIES

HERE = Path(__file__).parent
NOTES = HERE / "data" / "notes.jsonl"
PEER = HERE.parent / ".venv-medspacy" / "bin" / "python"
STATUSES = ("affirmed", "negated", "hedged", "past", "third", "told")
ROUNDS = 5


class NotNotesError(ValueError):
    """A file that is not a set of labelled notes; says which line and what was expected."""


@dataclass(frozen=True)
class Note:
    """A note and what it means.

    Attributes:
        id: Its name in the set.
        text: The note.
        labels: (family, status).
        plain: Its labels are affirmed families alone, and nothing is known of the others.
    """

    id: str
    text: str
    labels: frozenset[tuple[str, str]]
    plain: bool

    @property
    def held(self) -> bool:
        """Not to be tuned on."""
        return hashlib.sha256(self.id.encode()).digest()[0] % 2 == 1

    @property
    def affirmed(self) -> set[str]:
        """What should be found."""
        return {family for family, status in self.labels if status == "affirmed"}

    def says(self, family: str, status: str) -> bool:
        """Whether a finding flagged so is right."""
        return family not in self.affirmed if self.plain else (family, status) in self.labels


def read(path: Path) -> list[Note]:
    """A set of notes.

    Raises:
        NotNotesError: A line is not a labelled note, or there is none.
    """
    notes = []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NotNotesError(f"{path}: cannot be read ({type(error).__name__})") from None
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            notes.append(_note(json.loads(line), str(number)))
        except (ValueError, KeyError, TypeError) as error:
            reason = error.args[0] if isinstance(error, NotNotesError) else "expected an object with text and labels"
            raise NotNotesError(f"{path}:{number}: {reason}") from None
    if not notes:
        raise NotNotesError(f"{path}: expected at least one note")
    return notes


def _note(row: dict[str, Any], number: str) -> Note:
    if not isinstance(row["text"], str) or not isinstance(row["labels"], list):
        raise NotNotesError("expected text to be a string and labels a list")
    plain = any(isinstance(label, str) for label in row["labels"])
    labels = set()
    for label in row["labels"]:
        family, status = (label, "affirmed") if isinstance(label, str) else (label["family"], label["status"])
        status = "third" if status == "third_party" else status
        if family not in FAMILIES:
            raise NotNotesError(f"expected a family of {', '.join(FAMILIES)}")
        if status not in STATUSES:
            raise NotNotesError(f"expected a status of {', '.join(STATUSES)}")
        labels.add((family, status))
    return Note(str(row.get("id", number)), row["text"], frozenset(labels), plain)


def figures(notes: Sequence[Note], found: Sequence[Sequence[tuple[str, frozenset[str]]]]) -> dict[str, float]:
    """Quality of what was found.

    Args:
        notes: The notes.
        found: Of each note, (family, flags) of each finding.

    Returns:
        Shares, and the counts they are of.
    """
    right = wrong = missed = 0
    flagged = {"negated": [0, 0], "third": [0, 0]}
    for note, findings in zip(notes, found, strict=True):
        affirmed = {family for family, flags in findings if not flags}
        right += len(affirmed & note.affirmed)
        wrong += len(affirmed - note.affirmed)
        missed += len(note.affirmed - affirmed)
        for flag, counts in flagged.items():
            those = [family for family, flags in findings if flag in flags]
            counts[0] += sum(note.says(family, flag) for family in those)
            counts[1] += len(those)
    return {
        "precision": _share(right, right + wrong),
        "recall": _share(right, right + missed),
        "precision_negated": _share(*flagged["negated"]),
        "precision_third_party": _share(*flagged["third"]),
        "notes": len(notes), "affirmed": right + missed, "right": right, "wrong": wrong, "missed": missed,
        "flagged_negated": flagged["negated"][1], "flagged_third_party": flagged["third"][1],
    }  # fmt: skip


def _share(part: int, whole: int) -> float:
    return round(part / whole, 4) if whole else 0.0


def ours(notes: Sequence[Note], lexicon: Lexicon) -> tuple[list[list[tuple[str, frozenset[str]]]], float]:
    """What the bridge finds, and the median note's ms."""
    found, spent_ms = [], []
    for note in notes:
        best = float("inf")
        for _ in range(ROUNDS):
            began = time.perf_counter()
            findings = text.find(note.text, lexicon)
            best = min(best, time.perf_counter() - began)
        spent_ms.append(best * 1000)
        found.append([(finding.family, finding.flags) for finding in findings])
    return found, statistics.median(spent_ms)


def phrases_in(notes: Iterable[Note]) -> dict[str, list[str]]:
    """Family -> our phrases as these notes spell them, for a library that knows no word endings."""
    content = lexicons.read(text.STANDARD)
    lexicon = text.standard()
    spelled: dict[str, set[str]] = {}
    for note in notes:
        words = lexicon.words_of(note.text)
        for hit in lexicon.hits(words):
            family = getattr(hit.rule, "family", "")
            if family in content.families:
                spelled.setdefault(family, set()).add(note.text[words[hit.first].start : words[hit.after - 1].end])
    return {family: sorted(some) for family, some in spelled.items()}


def peer(notes: Sequence[Note]) -> dict[str, float]:
    """The same of medspaCy, in its own environment; nothing where that has not been made."""
    if not PEER.exists():
        print(f"no peer: {PEER} is made by `make bench-text`", file=sys.stderr)
        return {}
    asked = json.dumps({"phrases": phrases_in(notes), "notes": [note.text for note in notes], "rounds": ROUNDS})
    command = [str(PEER), "-W", "ignore", str(HERE / "peers" / "medspacy_notes.py")]
    answer = json.loads(subprocess.run(command, input=asked, capture_output=True, text=True, check=True).stdout)
    found = [[(family, frozenset(flags)) for family, flags in findings] for findings in answer["found"]]
    quality = figures(notes, found)
    held = [(note, findings) for note, findings in zip(notes, found, strict=True) if note.held]
    apart = figures([note for note, _ in held], [findings for _, findings in held])
    return {
        "peer_ms_per_note": round(answer["ms_per_note"], 3),
        **{f"peer_{name}": quality[name] for name in ("precision", "recall", "precision_negated")},
        **{f"peer_held_{name}": apart[name] for name in ("precision", "recall")},
    }


def main(argv: list[str]) -> int:
    """Measure, print a table, and JSON last."""
    own = not (argv and argv[0])
    try:
        notes = read(NOTES if own else Path(argv[0]))
    except NotNotesError as error:
        print(error, file=sys.stderr)
        return 2
    lexicon = text.standard()
    found, ms = ours(notes, lexicon)
    result = figures(notes, found) | {"ms_per_note": round(ms, 3)} | peer(notes)
    if "peer_ms_per_note" in result:
        result["times_faster_than_peer"] = round(result["peer_ms_per_note"] / ms, 1)
    rows = {"all": (notes, found)}
    if own:
        for half in ("develop", "held"):
            those = [at for at, note in enumerate(notes) if note.held == (half == "held")]
            rows[half] = [notes[at] for at in those], [found[at] for at in those]
    for family in FAMILIES:
        only = [[one for one in findings if one[0] == family] for findings in found]
        labelled = [Note(n.id, n.text, frozenset(la for la in n.labels if la[0] == family), n.plain) for n in notes]
        rows[family] = labelled, only
    print(f"{'':14}{'affirmed':>9}{'precision':>11}{'recall':>8}{'negated':>9}{'third':>7}")
    for name, (some, findings) in rows.items():
        row = figures(some, findings)
        print(f"{name:14}{row['affirmed']:>9}{row['precision']:>11.3f}{row['recall']:>8.3f}"
              f"{row['precision_negated']:>9.3f}{row['precision_third_party']:>7.3f}")  # fmt: skip
        if name in {"develop", "held"}:
            result |= {f"{name}_{key}": row[key] for key in ("precision", "recall", "notes")}
    print(json.dumps(result))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
