"""A lexicon ready to look with: which of its rules match which words of a text.

Decides what a word is (spaCy's English rules, no model) and which spellings a phrase has; not what a match means.
Words that the lexicon cannot tell apart are one symbol, so a stem such as `bruis*` costs the matcher no more than a
word. The words of a note leave the library's memory when they have been read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final, NamedTuple

from spacy.lang.en import English
from spacy.matcher import PhraseMatcher
from spacy.tokens import Doc
from spacy.vocab import Vocab

from bridge.lexicon import Flag, LexiconFile, Side, forms

OTHER: Final = "·"  # any word that the lexicon does not know
OPENS: Final = "¿"  # a question mark before a word, as in "?fracture"
ENDS: Final = frozenset(".!?;\n")  # of a sentence
ANSWERS: Final = frozenset({"no", "none", "nil", "never", "not", "yes"})  # after a question: they belong to it
_HYPHENS: Final = frozenset("-–—")
_PLAIN: Final = str.maketrans("ABCDEFGHIJKLMNOPQRSTUVWXYZ’\r", "abcdefghijklmnopqrstuvwxyz'\n")
"""Unlike str.lower it changes no length, so that places stay true."""
WORD_MAX_CHARS: Final = 100
_LONG: Final = re.compile(rf"\S{{{WORD_MAX_CHARS + 1},}}")  # no word; splitting 9,000 brackets took twelve seconds
_SURROGATE: Final = re.compile("[\ud800-\udfff]")  # halves of characters, which no encoder takes


class Means(NamedTuple):
    """A phrase of a family; without a severity it only looks like one."""

    family: str
    severity: int


class Says(NamedTuple):
    """A cue; without a flag it only looks like one."""

    flag: Flag | None = None
    side: Side = "before"
    reach_words: int = 0


class Turns(NamedTuple):
    """A word that ends the reach of a cue."""


Rule = Means | Says | Turns


class Word(NamedTuple):
    """A word or mark of a text, and its place in it."""

    symbol: str
    start: int
    end: int


class Hit(NamedTuple):
    """Words `first` to before `after` that a rule matches."""

    first: int
    after: int
    rule: Rule


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What to look for."""

    words: frozenset[str]
    stems: frozenset[str]
    stem_sizes: tuple[int, ...]
    vocab: Vocab
    matcher: PhraseMatcher
    rules: tuple[Rule, ...]

    def symbol(self, word: str) -> str:
        """The word itself where the lexicon spells it out, else the longest stem that begins it."""
        if word in self.words or word in ENDS or word in ANSWERS:
            return word
        return next((f"{word[:size]}*" for size in self.stem_sizes if word[:size] in self.stems), OTHER)

    def words_of(self, text: str) -> list[Word]:
        """A text as its words and marks; the places are those of the text."""
        return [word._replace(symbol=self.symbol(word.symbol)) for word in _words(plain(text))]

    def hits(self, words: Sequence[Word]) -> list[Hit]:
        """Everything that matches, in the order of the words."""
        if not words:
            return []
        found = self.matcher(Doc(self.vocab, words=[word.symbol for word in words]))
        return sorted(
            {Hit(first, after, self.rules[int(self.vocab.strings[key])]) for key, first, after in found},
            key=lambda hit: (hit.first, hit.after, repr(hit.rule)),
        )


def plain(text: str) -> str:
    """A text in small letters and plain apostrophes, without overlong words; as long as it was."""
    text = _LONG.sub(lambda run: "x" * len(run.group()), text)
    return _SURROGATE.sub("\ufffd", text).translate(_PLAIN)


def compiled(content: LexiconFile, name: str = "lexicon") -> Lexicon:
    """A lexicon ready to look with.

    Args:
        content: The lexicon.
        name: File to name in a fault.

    Raises:
        LexiconFault: A phrase cannot be read.
    """
    rules: list[Rule] = []
    spelled: list[list[tuple[str, ...]]] = []
    for rule, phrases in _rules(content):
        rules.append(rule)
        spelled.append([_spelling(form) for phrase in phrases for form in forms(phrase, content.sets, name)])
    every = {word for spellings in spelled for spelling in spellings for word in spelling}
    stems = frozenset(word[:-1] for word in every if _is_stem(word))
    words = frozenset(word for word in every if not _is_stem(word))
    symbols = {word: [word] for word in words}
    for stem in stems:
        symbols[f"{stem}*"] = [word for word in words if word.startswith(stem)]
        symbols[f"{stem}*"] += [f"{other}*" for other in stems if other.startswith(stem)]
    vocab = Vocab()
    matcher = PhraseMatcher(vocab)
    for number, spellings in enumerate(spelled):
        matched = {one for spelling in spellings for one in product(*(symbols[word] for word in spelling))}
        matcher.add(str(number), [Doc(vocab, words=list(one)) for one in sorted(matched)])
    sizes = tuple(sorted({len(stem) for stem in stems}, reverse=True))
    return Lexicon(words, stems, sizes, vocab, matcher, tuple(rules))


def _rules(content: LexiconFile) -> Iterator[tuple[Rule, Sequence[str]]]:
    for family, levels in content.families.items():
        for severity, phrases in levels.items():
            yield Means(family, severity), phrases
    yield Means("", 0), content.not_phrases
    for cues in content.cues:
        yield Says(cues.flag, cues.side, cues.reach_words), cues.phrases
    yield Says(), content.not_cues
    yield Turns(), content.turns


def _is_stem(word: str) -> bool:
    return len(word) > 1 and word.endswith("*")


def _spelling(form: str) -> tuple[str, ...]:
    """A form as the words of a note would be."""
    return tuple(word for piece in form.split() for word in _piece(piece))


@cache
def _piece(piece: str) -> tuple[str, ...]:
    words = [word.symbol for word in _words(plain(piece.removesuffix("*")))]
    return (*words[:-1], f"{words[-1]}*") if piece.endswith("*") and words else tuple(words)


@cache
def _english() -> English:
    return English()


def _words(text: str) -> list[Word]:
    words: list[Word] = []
    language = _english()
    with language.memory_zone():
        glued = False  # to what went before
        for token in language.make_doc(text):
            start = token.idx
            end = start + len(token.text.rstrip("+") or token.text)  # "DV+" is seen
            parted = bool(token.whitespace_)
            if token.is_space:
                words += [Word("\n", start, end)] if "\n" in text[start:end] else []
            elif text[start:end] == "?" and _opens(text, end, glued):
                words.append(Word(OPENS, start, end))
            elif text[start:end] not in _HYPHENS:
                words.append(Word(text[start:end], start, end))
            elif not glued or parted:  # else it joins two words and says nothing
                words.append(Word("-", start, end))
            glued = not parted and not token.is_space
    return words


def _opens(text: str, end: int, glued: bool) -> bool:
    """A question mark that asks about the word after it: `?fracture`, `? fracture`."""
    after = text[end : end + 1]
    return after.isalnum() or after == "#" or (not glued and after == " ")
