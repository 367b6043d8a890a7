"""Risk and protective factors in free text: phrases of a lexicon, and the cues that take a phrase back.

Decides which phrases of a note are affirmed and current: not denied, doubted, long ago, about somebody outside the
family, quoted or only talked about. The method is ConText's, on spaCy's words: a cue reaches so many words within its
sentence, up to a word that turns it. Does not understand language, downloads nothing, and does not keep, log or
return text: a finding is codes and places.

Importing this module takes seconds; what does not look into text does not import it.

Source:
    Chapman et al. 2001, A simple algorithm for identifying negated findings, doi:10.1006/jbin.2001.1029; Harkema
    et al. 2009, ConText (history, experiencer), doi:10.1016/j.jbi.2009.05.002.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final, Literal, NamedTuple

from bridge.lexicon import Flag, Side, read
from bridge.phrases import ANSWERS, ENDS, Hit, Lexicon, Means, Says, Turns, Word, compiled, plain
from schemas.event import FACTORS_MAX, FAMILIES, Factor

TEXT_MAX_CHARS: Final = 20_000  # of a note; the rest is not read
SENTENCE_MAX_WORDS: Final = 100  # a longer one is cut, so that cues times phrases stays small
STANDARD: Final = Path(__file__).with_name("lexicon.yaml")
_QUOTED: Final = re.compile(  # of at most 500 characters, in one line; an apostrophe opens only before a word
    r"\"[^\"\n]{1,500}\"|“[^”\n]{1,500}”|(?<![\w‘])[‘'](?=\w)[^‘\n]{1,500}?(?<=[\w.,!?])['’](?!\w)"
)


class Cue(NamedTuple):
    """Why a finding does not count.

    Attributes:
        flag: What it says of the phrase.
        side: Where it stands: `before` or `after` the phrase, `anywhere` in its sentence, or `around` it (quotation).
        start: Place of its first character.
        end: Place after its last.
    """

    flag: Flag
    side: Side | Literal["around"]
    start: int
    end: int


@dataclass(frozen=True, slots=True)
class Finding:
    """A phrase of the lexicon in a text.

    Attributes:
        family: Factor family.
        severity: 1 to 4.
        start: Place of its first character.
        end: Place after its last.
        cues: What reaches it, in the order of the text.
    """

    family: str
    severity: int
    start: int
    end: int
    cues: tuple[Cue, ...]

    @property
    def flags(self) -> frozenset[str]:
        """What its cues say of it."""
        return frozenset(cue.flag for cue in self.cues)

    @property
    def affirmed(self) -> bool:
        """It is said of this family, now, without doubt."""
        return not self.cues


@cache
def standard() -> Lexicon:
    """The lexicon that comes with the bridge."""
    return load(STANDARD)


def load(path: Path) -> Lexicon:
    """An agency's own lexicon.

    Raises:
        LexiconFault: The file cannot be read, or is not in the form of lexicon.yaml.
    """
    return compiled(read(path), path.name)


def find(text: str, lexicon: Lexicon) -> list[Finding]:
    """Phrases of the lexicon, each with what is said about it.

    Args:
        text: A note; of a very long one the first 20,000 characters.
        lexicon: What to look for.

    Returns:
        Findings in the order of the text; where phrases overlap, the longest, then the first.
    """
    text = text[:TEXT_MAX_CHARS]
    words = lexicon.words_of(text)
    hits = lexicon.hits(words)
    phrases = _phrases(hits)
    if not phrases:  # most notes: no cue needs to be looked at
        return []
    taken = {place for phrase in phrases for place in range(phrase.first, phrase.after)}
    cues = _longest(hit for hit in hits if isinstance(hit.rule, Says) and taken.isdisjoint(range(*hit[:2])))
    taken |= {place for cue in cues for place in range(cue.first, cue.after)}
    turns = [hit for hit in hits if isinstance(hit.rule, Turns) and taken.isdisjoint(range(*hit[:2]))]
    reached: defaultdict[Hit, set[Cue]] = defaultdict(set)
    for inside in _by_sentence(words, phrases, cues, turns):
        for cue in inside[1]:
            for phrase in _reached(cue, inside[0], inside[2]):
                reached[phrase].add(_cue(cue, words))
    quotes = [match.span() for match in _QUOTED.finditer(plain(text))]
    return [_finding(phrase, words, reached[phrase], quotes) for phrase in phrases]


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


def _phrases(hits: Sequence[Hit]) -> list[Hit]:
    """What counts as a phrase; of two meanings in one place the graver."""
    meant: dict[tuple[int, int], Hit] = {}
    for hit in _longest(hit for hit in hits if isinstance(hit.rule, Means)):
        meant[hit[:2]] = max(hit, meant.get(hit[:2], hit), key=lambda one: (_means(one).severity, _means(one).family))
    return [hit for hit in meant.values() if _means(hit).severity]


def _longest(hits: Iterable[Hit]) -> list[Hit]:
    """Of hits that overlap the longest, then the first; all rules that match in one place stay."""
    by_place: defaultdict[tuple[int, int], list[Hit]] = defaultdict(list)
    for hit in hits:
        by_place[hit.first, hit.after].append(hit)
    taken: set[int] = set()
    chosen: list[Hit] = []
    for first, after in sorted(by_place, key=lambda place: (place[0] - place[1], place[0])):
        if taken.isdisjoint(range(first, after)):
            taken.update(range(first, after))
            chosen += by_place[first, after]
    return sorted(chosen, key=lambda hit: hit.first)


def _by_sentence(words: Sequence[Word], *groups: Sequence[Hit]) -> Iterator[list[list[Hit]]]:
    """Hits of each sentence, in the groups they came in."""
    number, begun = 0, 0
    of_word: list[int] = []
    for place, word in enumerate(words):
        of_word.append(number)
        answered = word.symbol == "?" and place + 1 < len(words) and words[place + 1].symbol in ANSWERS
        if (word.symbol in ENDS and not answered) or place + 1 - begun >= SENTENCE_MAX_WORDS:
            number, begun = number + 1, place + 1
    inside: list[list[list[Hit]]] = [[[] for _ in groups] for _ in range(number + 1)]
    for which, hits in enumerate(groups):
        for hit in hits:
            inside[of_word[hit.first]][which].append(hit)
    yield from inside


def _reached(cue: Hit, phrases: Sequence[Hit], turns: Sequence[Hit]) -> Iterator[Hit]:
    """Phrases of its sentence that a cue speaks of; each that it reaches carries it as far again, as lists do."""
    says = _says(cue)
    if says.flag is None:
        return
    if says.side == "anywhere":
        yield from phrases
        return
    ahead = says.side == "before"
    edge = cue.after if ahead else cue.first
    for phrase in phrases if ahead else reversed(phrases):
        gap = (edge, phrase.first) if ahead else (phrase.after, edge)
        if gap[0] > gap[1]:
            continue  # on the cue's other side
        if gap[1] - gap[0] > says.reach_words or any(gap[0] <= turn.first < gap[1] for turn in turns):
            return
        edge = phrase.after if ahead else phrase.first
        yield phrase


def _means(hit: Hit) -> Means:
    assert isinstance(hit.rule, Means)  # noqa: S101  (how the caller chose it)
    return hit.rule


def _says(hit: Hit) -> Says:
    assert isinstance(hit.rule, Says)  # noqa: S101  (how the caller chose it)
    return hit.rule


def _cue(hit: Hit, words: Sequence[Word]) -> Cue:
    says = _says(hit)
    assert says.flag is not None  # noqa: S101  (a cue without a flag reaches nothing)
    return Cue(says.flag, says.side, words[hit.first].start, words[hit.after - 1].end)


def _finding(phrase: Hit, words: Sequence[Word], cues: set[Cue], quotes: Sequence[tuple[int, int]]) -> Finding:
    start, end = words[phrase.first].start, words[phrase.after - 1].end
    around = {Cue("told", "around", low, high) for low, high in quotes if low <= start and end <= high}
    means = _means(phrase)
    return Finding(means.family, means.severity, start, end, tuple(sorted(cues | around, key=lambda cue: cue[2:])))
