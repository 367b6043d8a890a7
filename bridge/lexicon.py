"""The lexicon an agency edits: phrases by family and severity, and the cues that take a phrase back.

Decides which files are lexicons and which spellings a phrase in one has. Knows nothing of notes, and does not need
the language library.

A phrase is words; `*` ends a word of any ending; `(a|b|)` is one of several, or nothing; `<name>` one of a set under
`sets`. bridge/lexicon.yaml is the one that comes with the bridge and explains its parts.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from schemas.event import FAMILIES, SEVERITY_MAX

VERSION: Final = 2
FORMS_MAX: Final = 5_000  # spellings that one phrase may stand for
Flag = Literal["negated", "hedged", "past", "third", "told"]
Side = Literal["before", "after", "anywhere"]
_PIECE: Final = re.compile(r"<\w+>|[()|]|[^\s()|<]+|<")

Severity = Annotated[int, Field(ge=1, le=SEVERITY_MAX)]
Phrase = Annotated[str, Field(pattern=r"\S")]


class LexiconFault(ValueError):
    """A lexicon that cannot be used; says where and what was expected."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Cues(_Part):
    """Words that say the same of a phrase.

    Attributes:
        flag: What they say of it.
        side: `before`: of what follows them; `after`: of what stands before them; `anywhere`: of the sentence.
        reach_words: How far, from the cue or the last phrase it reached; of no meaning for `anywhere`.
        phrases: The cues.
    """

    flag: Flag
    side: Side
    reach_words: int = Field(default=6, ge=1, le=50)
    phrases: list[Phrase]


class Example(_Part):
    """A sentence of the agency's own and what it should give.

    Attributes:
        text: The sentence; nothing that names a person.
        factors: Family -> severity; empty where nothing counts.
    """

    text: str
    factors: dict[str, Severity]


class LexiconFile(_Part):
    """A lexicon as it is written; see lexicon.yaml."""

    version: Literal[2]
    sets: dict[str, list[Phrase]] = {}
    families: dict[str, dict[Severity, list[Phrase]]]
    cues: list[Cues]
    not_phrases: list[Phrase] = []
    not_cues: list[Phrase] = []
    turns: list[Phrase] = []
    tests: list[Example] = []

    @field_validator("families")
    @classmethod
    def _known(cls, families: dict[str, Any]) -> dict[str, Any]:
        for family in families:
            if family not in FAMILIES:
                fault = f"{family} is not one of {', '.join(FAMILIES)}"
                raise ValueError(fault)
        return families


def read(path: Path) -> LexiconFile:
    """A lexicon from its file.

    Raises:
        LexiconFault: The file cannot be read, or is not in the form; says where.
    """
    try:
        content = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except (YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        fault = f"{path.name}:{mark.line + 1 if mark else 1}: not YAML"
        raise LexiconFault(fault) from None
    except OSError as error:
        fault = f"{path}: cannot be read ({type(error).__name__})"
        raise LexiconFault(fault) from None
    found = content.get("version") if isinstance(content, dict) else None
    if found != VERSION:
        fault = f"{path.name}: expected version: {VERSION}, found {found if isinstance(found, int) else 'none'}"
        raise LexiconFault(fault)
    try:
        return LexiconFile.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"] if part != "[key]")
        fault = f"{path.name}: {place}: {first['msg']} (quote yes, no, on, off)"
        raise LexiconFault(fault) from None


def forms(phrase: str, sets: Mapping[str, list[str]], name: str = "lexicon") -> list[str]:
    """Every spelling that a phrase stands for, words and `*` only.

    Args:
        phrase: As it is written.
        sets: What `<name>` may be.
        name: File to name in a fault.

    Raises:
        LexiconFault: It names no set, has a bracket too many, says nothing, or stands for too many spellings.

    Example:
        >>> forms("(hit|hits) <who>", {"who": ["him", "her"]})
        ['hit him', 'hit her', 'hits him', 'hits her']
    """
    try:
        found, rest = _either(_PIECE.findall(phrase), sets)
    except LookupError:
        found, rest = [], []
    if rest or not found or not all(form.strip() for form in found):
        fault = f"{name}: {phrase!r}: expected words, word*, (a|b) or a set; at most {FORMS_MAX} spellings"
        raise LexiconFault(fault)
    return list(dict.fromkeys(" ".join(form.split()) for form in found))


def _either(pieces: Sequence[str], sets: Mapping[str, list[str]]) -> tuple[list[str], Sequence[str]]:
    """Spellings of alternatives up to a closing bracket, and what comes after.

    Raises:
        LookupError: A bracket stays open, a set does not exist or stands inside itself, a star stands alone, or the
            spellings are too many.
    """
    found: list[str] = []
    here = [""]
    while pieces and pieces[0] != ")":
        piece, pieces = pieces[0], pieces[1:]
        if piece == "|":
            found, here = found + here, [""]
            continue
        choices = [piece]
        if piece == "(":
            choices, pieces = _either(pieces, sets)
            if not pieces:
                raise LookupError
            pieces = pieces[1:]
        elif piece[0] == "<":
            inner = {other: words for other, words in sets.items() if other != piece[1:-1]}
            choices = [form for one in sets[piece[1:-1]] for form in _either(_PIECE.findall(one), inner)[0]]
        if piece == "*" or len(here) * len(choices) > FORMS_MAX:
            raise LookupError
        here = [f"{before} {choice}" for before in here for choice in choices]
    return found + here, pieces
