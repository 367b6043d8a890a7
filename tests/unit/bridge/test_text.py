"""What a note affirms counts; what it denies, doubts, remembers, tells or says of others does not."""

from __future__ import annotations

from pathlib import Path

import pytest

from bridge.text import TEXT_MAX_CHARS, LexiconFault, factors, find, load, standard
from schemas.event import FAMILIES

LEXICON = standard()


def families(text: str) -> list[str]:
    return [factor["family"] for factor in factors(text, LEXICON)]


@pytest.mark.parametrize(("text", "expected"), [
    ("Anna disclosed domestic abuse.", ["violence"]),
    ("DOMESTIC  ABUSE disclosed", ["violence"]),
    ("Unexplained bruising to left arm", ["injury"]),
    ("Self-harm seen; arrived hungry.", ["mental_health", "welfare"]),
    ("Low mood. No further action today.", ["mental_health"]),
    ("Mother is not coping", ["mental_health"]),
    ("Was not brought to clinic", ["welfare"]),
    ("Denies low mood but unexplained bruising seen", ["injury"]),
    ("Not only neglect", ["welfare"]),
    ("No doubt there is neglect", ["welfare"]),
    ("Family engaging well with support", ["protective"]),
    ("previous contacts with the service", ["contact"]),
    ("Risk of eviction", ["housing"]),
])  # fmt: skip
def test_what_is_affirmed_and_current_counts(text: str, expected: list[str]) -> None:
    assert families(text) == expected


@pytest.mark.parametrize(("flag", "text"), [
    ("negated", "No evidence of domestic abuse."),
    ("negated", "Anna denies self-harm"),
    ("negated", "Bruising: ruled out"),
    ("negated", "no bruising, black eye or burn marks"),
    ("negated", "There was never any neglect"),
    ("hedged", "? non-accidental injury"),
    ("hedged", "possible neglect"),
    ("hedged", "Cannot rule out neglect"),
    ("hedged", "alleged domestic violence"),
    ("past", "Mother has a history of self-harm as a child"),
    ("past", "Overdose years ago"),
    ("past", "previously evicted"),
    ("third", "Her friend ran away"),
    ("third", "The neighbour's domestic abuse was reported"),
    ("told", "Watched a film about domestic abuse"),
    ("told", "She said “I was punched”"),
    ("told", 'He wrote "suicidal thoughts" on the wall'),
])  # fmt: skip
def test_what_is_taken_back_is_found_flagged_and_does_not_count(flag: str, text: str) -> None:
    findings = find(text, LEXICON)
    assert findings
    assert all(getattr(finding, flag) and not finding.affirmed for finding in findings)
    assert families(text) == []


def test_a_cue_reaches_neither_the_next_sentence_nor_far() -> None:
    assert families("No answer. Neglect seen.") == ["welfare"]
    assert families("No answer\nNeglect seen") == ["welfare"]
    assert families("No one at home when the two of us called about the neglect") == ["welfare"]
    assert families("Tom ran away. His friend denied it.") == ["missing"]


def test_the_gravest_of_a_family_counts_once() -> None:
    made = factors("Threatened, then punched, then shouting at her. Then strangled.", LEXICON)
    assert made == [{"family": "violence", "severity": 4, "origin": "text"}]


def test_of_overlapping_phrases_the_longest_counts() -> None:
    (finding,) = find("unexplained bruising", LEXICON)
    assert (finding.family, finding.severity, finding.start, finding.end) == ("injury", 3, 0, 20)


def test_a_phrase_is_whole_words_but_for_its_star() -> None:
    assert families("the evictedness of anxiousness and pretrafficked") == []
    assert families("neglectful") == ["welfare"]


def test_a_finding_is_a_place_and_a_code() -> None:
    text = "Canaryname disclosed domestic abuse"
    assert "anaryname" not in repr(find(text, LEXICON))
    assert "abuse" not in repr(find(text, LEXICON))


def test_every_phrase_of_the_lexicon_finds_its_own_family() -> None:
    for pattern, family, severity in LEXICON.meanings:
        phrase = pattern.pattern.replace(r"\W+", " ").replace(r"\w*", "").replace(r"\b", "").replace("\\", "")
        found = [(finding.family, finding.severity) for finding in find(f"Seen: {phrase}", LEXICON)]
        assert (family, severity) in found, phrase
    assert {family for _, family, _ in LEXICON.meanings} == set(FAMILIES)


@pytest.mark.parametrize(
    "text", ["", " ", ".", "?", "!!!", '"' * 1000, "no " * 5000, "ab" * 50_000, "\0\ud7ff\u2028"]
)
def test_strange_texts_are_read_in_bounded_time(text: str) -> None:
    assert factors(text, LEXICON) == []


def test_a_very_long_note_is_read_to_its_limit() -> None:
    assert families("x " * (TEXT_MAX_CHARS // 2) + "neglect") == []


@pytest.mark.parametrize(("content", "said"), [
    ("", "version: 1"),
    ("version: 2", "version: 1"),
    ("version: 1\nfamilies: {a: [", "own.yaml:2: not YAML"),
    ("version: 1\nfamilies: []\ncues: {}", "families: expected a mapping"),
    ("version: 1\nfamilies: {crime: {1: [theft]}}\ncues: {}", "crime is not one of"),
    ("version: 1\nfamilies: {injury: {7: [theft]}}\ncues: {}", "severities 1 to 4"),
    ("version: 1\nfamilies: {injury: {1: theft}}\ncues: {}", "families.injury.1: expected a list"),
    ("version: 1\nfamilies: {injury: {1: [true]}}\ncues: {}", "quote yes, no"),
    ("version: 1\nfamilies: {}\ncues: {turns: [1]}", "cues.turns"),
])  # fmt: skip
def test_a_lexicon_that_cannot_be_used_says_where(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(LexiconFault) as caught:
        load(path)
    assert said in str(caught.value)


def test_an_agency_can_have_its_own_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text('version: 1\nfamilies: {injury: {2: ["Broken arm*"]}}\ncues: {}\n')
    assert factors("no broken arms", load(path)) == [{"family": "injury", "severity": 2, "origin": "text"}]
