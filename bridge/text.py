"""Risk and protective factors in free text, by a lexicon and the words that take a phrase back.

Decides which phrases of a note are affirmed and current: not denied, doubted, long ago, about somebody else, quoted
or merely talked about. The method is NegEx's: a cue reaches a few words within its sentence. Does not understand
language, and does not keep, log or return text: a finding is a code and a place.

Source:
    Chapman et al. 2001, A simple algorithm for identifying negated findings, doi:10.1006/jbin.2001.1029; Harkema
    et al. 2009, ConText (history, experiencer), doi:10.1016/j.jbi.2009.05.002.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from schemas.event import FACTORS_MAX, FAMILIES, SEVERITY_MAX, Factor

TEXT_MAX_CHARS: Final = 20_000  # of a note; the rest is not read
_SENTENCE_END: Final = re.compile(r"(?<=[\w\"”)])[.!?;]\s|[\r\n]+")  # "? injury" is one sentence, and a doubt
_WORD: Final = re.compile(r"[\w'’]+")
_QUOTED: Final = re.compile(r"\"[^\"]{1,500}\"|“[^”]{1,500}”")
_LOWER: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ", "abcdefghijklmnopqrstuvwxyz")
"""Unlike str.lower it changes no length, so that places stay true; and plain letters match far faster."""
_FLAGS: Final = ("negated", "hedged", "past", "third", "told")


class LexiconFault(ValueError):
    """A lexicon that cannot be used; says where and what was expected."""


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase of the lexicon in a text.

    Attributes:
        family: Factor family.
        severity: 1 to 4.
        start: Place of its first character.
        end: Place after its last.
        negated: Denied or found absent.
        hedged: Doubted or alleged.
        past: Of long ago.
        third: About somebody outside the family.
        told: Quoted, or only talked about.
    """

    family: str
    severity: int
    start: int
    end: int
    negated: bool
    hedged: bool
    past: bool
    third: bool
    told: bool

    @property
    def affirmed(self) -> bool:
        """It is said of this family, now, without doubt."""
        return not (self.negated or self.hedged or self.past or self.third or self.told)


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Compiled phrases and cues; see lexicon.yaml."""

    phrases: re.Pattern[str]
    meanings: tuple[tuple[re.Pattern[str], str, int], ...]
    reach_words: int
    turns: re.Pattern[str]
    not_negated: re.Pattern[str]
    before: Mapping[str, re.Pattern[str] | None]
    after: Mapping[str, re.Pattern[str] | None]


@cache
def standard() -> Lexicon:
    """The lexicon that comes with the bridge."""
    return _compile(_parse((resources.files("bridge") / "lexicon.yaml").read_text(encoding="utf-8"), "lexicon.yaml"))


def load(path: Path) -> Lexicon:
    """An agency's own lexicon.

    Args:
        path: A file in the form of lexicon.yaml.

    Returns:
        The lexicon.

    Raises:
        LexiconFault: The file is not in that form.
        OSError: It cannot be read.
    """
    return _compile(_parse(path.read_text(encoding="utf-8"), path.name))


def find(text: str, lexicon: Lexicon) -> list[Finding]:
    """Phrases of the lexicon, each with what is said about it.

    Args:
        text: A note; of a very long one the first 20,000 characters.
        lexicon: What to look for.

    Returns:
        Findings in the order of the text; where phrases overlap, the one that begins first, then the longest.
    """
    text = text[:TEXT_MAX_CHARS].translate(_LOWER)
    quotes = [match.span() for match in _QUOTED.finditer(text)]
    findings: list[Finding] = []
    for start, end in _sentences(text):
        for match in lexicon.phrases.finditer(text, start, end):
            family, severity = _meaning(match.group(), lexicon)
            flags = _flags(text[start : match.start()], text[match.end() : end], lexicon)
            quoted = any(low <= match.start() and match.end() <= high for low, high in quotes)
            told = flags.pop("told") or quoted
            findings.append(Finding(family, severity, *match.span(), told=told, **flags))
    return findings


def factors(text: str, lexicon: Lexicon) -> list[Factor]:
    """What a note adds to an event: of each family the gravest that is affirmed and current.

    Args:
        text: A note.
        lexicon: What to look for.

    Returns:
        Factors of origin `text`, in the order of `schemas.event.FAMILIES`.
    """
    gravest: dict[str, int] = {}
    for finding in find(text, lexicon):
        if finding.affirmed:
            gravest[finding.family] = max(finding.severity, gravest.get(finding.family, 0))
    ordered = sorted(gravest, key=FAMILIES.index)[:FACTORS_MAX]
    return [{"family": family, "severity": gravest[family], "origin": "text"} for family in ordered]


def _meaning(phrase: str, lexicon: Lexicon) -> tuple[str, int]:
    return next((family, severity) for pattern, family, severity in lexicon.meanings if pattern.fullmatch(phrase))


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    start = 0
    for match in _SENTENCE_END.finditer(text):
        yield start, match.end()
        start = match.end()
    yield start, len(text)


def _flags(before: str, after: str, lexicon: Lexicon) -> dict[str, bool]:
    """Which cues reach a phrase, from the rest of its sentence on both sides."""
    turned = [match.end() for match in lexicon.turns.finditer(before)]
    before = before[turned[-1] if turned else 0 :]
    if turn := lexicon.turns.search(after):
        after = after[: turn.start()]
    words = list(_WORD.finditer(before))
    near_before = before[words[-lexicon.reach_words].start() if len(words) > lexicon.reach_words else 0 :]
    words = list(_WORD.finditer(after))[: lexicon.reach_words]
    near_after = after[: words[-1].end() if words else 0]
    flags = {
        flag: _says(lexicon.before[flag], near_before) or _says(lexicon.after[flag], near_after) for flag in _FLAGS
    }
    flags["hedged"] = flags["hedged"] or near_before.rstrip().endswith("?")
    if flags["negated"]:
        plain_before, plain_after = (lexicon.not_negated.sub(" ", part) for part in (near_before, near_after))
        flags["negated"] = _says(lexicon.before["negated"], plain_before) or _says(
            lexicon.after["negated"], plain_after
        )
    return flags


def _says(cues: re.Pattern[str] | None, text: str) -> bool:
    return cues is not None and cues.search(text) is not None


def _parse(text: str, name: str) -> dict[str, Any]:
    try:
        content = YAML(typ="safe").load(text)
    except YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        fault = f"{name}:{mark.line + 1 if mark else 1}: not YAML"
        raise LexiconFault(fault) from None
    if not isinstance(content, dict) or content.get("version") != 1:
        fault = f"{name}: expected version: 1"
        raise LexiconFault(fault)
    for part in ("families", "cues"):
        if not isinstance(content.get(part), dict):
            fault = f"{name}: {part}: expected a mapping"
            raise LexiconFault(fault)
    for family, levels in content["families"].items():
        if family not in FAMILIES:
            fault = f"{name}: families: {family} is not one of {', '.join(FAMILIES)}"
            raise LexiconFault(fault)
        if not isinstance(levels, dict) or not all(level in range(1, SEVERITY_MAX + 1) for level in levels):
            fault = f"{name}: families.{family}: expected severities 1 to {SEVERITY_MAX}"
            raise LexiconFault(fault)
        for level, phrases in levels.items():
            _check_phrases(phrases, f"{name}: families.{family}.{level}")
    for cue, phrases in content["cues"].items():
        if cue != "reach_words":
            _check_phrases(phrases, f"{name}: cues.{cue}")
    return content


def _check_phrases(phrases: Any, place: str) -> None:
    if not isinstance(phrases, list) or not all(isinstance(phrase, str) and phrase.strip() for phrase in phrases):
        fault = f"{place}: expected a list of phrases (quote yes, no, on, off)"
        raise LexiconFault(fault)


def _compile(content: Mapping[str, Any]) -> Lexicon:
    meant = sorted(
        ((phrase, family, severity) for family, levels in content["families"].items()
         for severity, phrases in levels.items() for phrase in phrases),
        key=lambda row: (-len(row[0]), row),
    )  # fmt: skip
    alternatives = "|".join(_pattern(phrase) for phrase, _, _ in meant)
    cues = content["cues"]
    return Lexicon(
        phrases=re.compile(rf"\b(?:{alternatives})"),
        meanings=tuple((re.compile(_pattern(phrase)), family, severity) for phrase, family, severity in meant),
        reach_words=int(cues.get("reach_words", 6)),
        turns=_any_of(cues.get("turns", ())) or re.compile(r"(?!)"),
        not_negated=_any_of(cues.get("not_negated", ())) or re.compile(r"(?!)"),
        before={flag: _any_of(cues.get(f"{flag}_before", ())) for flag in _FLAGS},
        after={flag: _any_of(cues.get(f"{flag}_after", ())) for flag in _FLAGS},
    )


def _any_of(phrases: Sequence[str]) -> re.Pattern[str] | None:
    if not phrases:
        return None
    longest_first = sorted(phrases, key=len, reverse=True)
    return re.compile(rf"\b(?:{'|'.join(map(_pattern, longest_first))})")


def _pattern(phrase: str) -> str:
    """One phrase as an expression that ends at the end of a word."""
    words = [re.escape(word).replace(r"\*", r"\w*") for word in phrase.translate(_LOWER).split()]
    return r"\W+".join(words) + r"\b"
