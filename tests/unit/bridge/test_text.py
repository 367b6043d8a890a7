"""What a note affirms counts; what it denies, doubts, remembers, tells or says of others does not."""

from __future__ import annotations

import logging
from importlib import util
from pathlib import Path

import pytest
from faker.providers.person.en_GB import Provider

from bridge.explain import failures
from bridge.lexicon import LexiconFault, forms, read
from bridge.phrases import _english
from bridge.text import STANDARD, TEXT_MAX_CHARS, factors, find, load, standard
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
    ("She doesn’t deny self-harm", ["mental_health"]),
    ("DV+, MH: low mood, kids N/K", ["violence", "mental_health"]),
    ("In May she was punched", ["violence"]),
    ("The 8-year-old was punched", ["violence"]),
])  # fmt: skip
def test_what_is_affirmed_and_current_counts(text: str, expected: list[str]) -> None:
    assert families(text) == expected


@pytest.mark.parametrize(
    "who", ["father", "mother", "partner", "grandmother", "brother", "stepdad", "mum's boyfriend"]
)
def test_the_family_is_no_third_party(who: str) -> None:
    assert families(f"Her {who} punched her") == ["violence"]


@pytest.mark.parametrize(("flag", "side", "text"), [
    ("negated", "before", "No evidence of domestic abuse."),
    ("negated", "before", "Anna denies self-harm"),
    ("negated", "after", "Bruising: ruled out"),
    ("negated", "after", "Any domestic violence? None."),
    ("negated", "after", "Bruising was recorded in error"),
    ("negated", "before", "no bruising, black eye or burn marks"),
    ("negated", "before", "nil injuries, neglect, domestic violence, self-harm, rent arrears or absences"),
    ("negated", "before", "There was never any neglect"),
    ("negated", "before", "He hasn’t self-harmed"),
    ("hedged", "before", "? non-accidental injury"),
    ("hedged", "before", "?NAI"),
    ("hedged", "before", "possible neglect"),
    ("hedged", "before", "Cannot rule out neglect"),
    ("hedged", "after", "Neglect can’t be ruled out"),
    ("hedged", "before", "alleged domestic violence"),
    ("hedged", "before", "if he were to punch her again"),
    ("hedged", "after", "Is he depressed?"),
    ("past", "before", "Mother has a history of self-harm as a child"),
    ("past", "before", "Hx of self-harm"),
    ("past", "after", "Overdose years ago"),
    ("past", "after", "Overdose in 2009"),
    ("past", "after", "She was exposed to domestic violence as a child herself"),
    ("past", "before", "previously evicted"),
    ("third", "before", "Her friend ran away"),
    ("third", "before", "The neighbour's domestic abuse was reported"),
    ("third", "before", "The neighbours’ rent arrears"),
    ("third", "after", "Self-harm of a friend"),
    ("told", "before", "Watched a film about domestic abuse"),
    ("told", "after", "A domestic abuse leaflet was given"),
    ("told", "around", "She said “I was punched”"),
    ("told", "around", "She said ‘I was punched’."),
    ("told", "around", "She said 'I was punched' again"),
    ("told", "around", 'He wrote "suicidal thoughts" on the wall'),
])  # fmt: skip
def test_what_is_taken_back_is_found_flagged_and_does_not_count(flag: str, side: str, text: str) -> None:
    findings = find(text, LEXICON)
    assert findings
    assert all(flag in finding.flags and not finding.affirmed for finding in findings)
    assert all(any((cue.flag, cue.side) == (flag, side) for cue in finding.cues) for finding in findings)
    assert families(text) == []


def test_a_finding_says_which_words_set_its_flag() -> None:
    text = "Mum denies that there is any neglect."
    (finding,) = find(text, LEXICON)
    (cue,) = finding.cues
    assert (text[finding.start : finding.end], text[cue.start : cue.end]) == ("neglect", "denies")


def test_places_are_those_of_the_text_whatever_is_in_it() -> None:
    text = "Noél’s\t🙂 sister —\r\n\r\n İstanbul ﬁle: she wasn’t\u00a0PUNCHED!"
    (finding,) = find(text, LEXICON)
    assert text[finding.start : finding.end] == "PUNCHED"
    assert [text[cue.start : cue.end] for cue in finding.cues] == ["n’t"]


def test_a_cue_reaches_neither_the_next_sentence_nor_far() -> None:
    assert families("No answer. Neglect seen.") == ["welfare"]
    assert families("No answer\nNeglect seen") == ["welfare"]
    assert families("No answer\rNeglect seen") == ["welfare"]
    assert families("No one at home when the two of us called about the neglect") == ["welfare"]
    assert families("Tom ran away. His friend denied it.") == ["missing"]
    assert families("No domestic abuse, however neglect seen") == ["welfare"]
    assert families("No domestic abuse - neglect seen") == ["welfare"]
    assert families("Nil injuries, she disclosed neglect") == ["welfare"]


def test_an_apostrophe_opens_no_quotation() -> None:
    assert families("The boys' dad punched the girls' mum") == ["violence"]


def test_the_gravest_of_a_family_counts_once() -> None:
    made = factors("Threatened, then punched, then shouting at her. Then strangled.", LEXICON)
    assert made == [{"family": "violence", "severity": 4, "origin": "text"}]


def test_of_overlapping_phrases_the_longest_counts() -> None:
    (finding,) = find("unexplained bruising", LEXICON)
    assert (finding.family, finding.severity, finding.start, finding.end) == ("injury", 3, 0, 20)
    assert families("heart attack, and threatened miscarriage") == []


def test_a_phrase_is_whole_words_but_for_its_star() -> None:
    assert families("the preneglect of pretraffickers") == []
    assert families("neglectful") == ["welfare"]


def test_a_finding_is_a_place_and_a_code() -> None:
    text = "Canaryname denies domestic abuse"
    assert "anaryname" not in repr(find(text, LEXICON))
    assert "abuse" not in repr(find(text, LEXICON))


def test_a_name_is_no_phrase() -> None:
    names = {*Provider.first_names, *Provider.last_names}
    assert len(names) > 500
    assert [
        name for name in names if find(f"Spoke to {name} on Tuesday. {name} was seen, {name} is 8.", LEXICON)
    ] == []


def test_no_word_of_a_note_is_logged_or_kept(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        for name in ("spacy", "thinc"):
            logging.getLogger(name).setLevel(logging.DEBUG)
        find("Canaryname of 4 Zanzibarstreet was punched. No neglect.", LEXICON)
    assert caplog.records == []
    assert capfd.readouterr() == ("", "")
    for word in ("canaryname", "zanzibarstreet"):
        assert word not in _english().vocab.strings
        assert word not in LEXICON.vocab.strings
    assert util.find_spec("loguru") is None, "a library that logs through loguru has come in: listen to it here too"


def test_the_lexicon_that_comes_with_the_bridge_passes_its_own_tests() -> None:
    assert list(failures(None)) == []


def test_every_phrase_of_the_lexicon_is_found_and_every_family_has_some() -> None:
    content = read(STANDARD)
    assert set(content.families) == set(FAMILIES)
    for family, levels in content.families.items():
        for phrases in levels.values():
            for phrase in phrases:
                spelled = forms(phrase, content.sets)[0].replace("*", "").replace(" 's", "'s").replace(" n't", "n't")
                assert find(f"Seen: {spelled} .", LEXICON), (family, phrase)


@pytest.mark.parametrize(
    "text",
    ["", " ", "\n\t ", ".", "?", "!!!", '"' * 1000, "'a " * 5000, "no " * 5000, "ab" * 50_000, "http://" + "a." * 9_000,
     "\0\x1b[2J\ud800\u2028", "(((" * 3000],
)  # fmt: skip
def test_strange_texts_are_read_and_say_nothing(text: str) -> None:
    assert factors(text, LEXICON) == []


def test_cues_and_phrases_of_a_note_without_a_full_stop_are_bounded() -> None:
    assert len(find("neglect no " * (TEXT_MAX_CHARS // 11), LEXICON)) == TEXT_MAX_CHARS // 11


def test_a_very_long_note_is_read_to_its_limit() -> None:
    assert families("x " * (TEXT_MAX_CHARS // 2) + "neglect") == []


@pytest.mark.parametrize(("content", "said"), [
    ("", "expected version: 2, found none"),
    ("version: 1", "expected version: 2, found 1"),
    ("version: 2\nfamilies: {a: [", "own.yaml:2: not YAML"),
    ("version: 2\nfamilies: []\ncues: []", "families:"),
    ("version: 2\nfamilies: {crime: {1: [theft]}}\ncues: []", "crime is not one of"),
    ("version: 2\nfamilies: {injury: {7: [theft]}}\ncues: []", "families.injury.7"),
    ("version: 2\nfamilies: {injury: {1: theft}}\ncues: []", "families.injury.1"),
    ("version: 2\nfamilies: {injury: {1: [true]}}\ncues: []", "quote yes, no"),
    ("version: 2\nfamilies: {}\ncues: []\nturns: [1]", "turns.0"),
    ("version: 2\nfamilies: {}\ncues: []\nturnings: []", "turnings"),
    ("version: 2\nfamilies: {}\ncues: [{flag: bad, side: before, phrases: [x]}]", "cues.0.flag"),
    ("version: 2\nfamilies: {injury: {1: ['(a|b']}}\ncues: []", "expected words"),
    ("version: 2\nfamilies: {injury: {1: ['a <who>']}}\ncues: []", "expected words"),
    ("version: 2\nsets: {who: ['x <who>']}\nfamilies: {injury: {1: ['a <who>']}}\ncues: []", "expected words"),
    ("version: 2\nfamilies: {injury: {1: ['broken (arm|leg)*']}}\ncues: []", "expected words"),
    ("version: 2\nfamilies: {injury: {1: ['(a|)']}}\ncues: []", "expected words"),
    ("version: 2\nfamilies: {injury: {1: ['" + "(a|b|c|d|e|f|g|h|i) " * 9 + "']}}\ncues: []", "spellings"),
])  # fmt: skip
def test_a_lexicon_that_cannot_be_used_says_where(tmp_path: Path, content: str, said: str) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(content)
    with pytest.raises(LexiconFault) as caught:
        load(path)
    assert said in str(caught.value)


def test_a_lexicon_that_cannot_be_read_says_so(tmp_path: Path) -> None:
    with pytest.raises(LexiconFault, match="FileNotFoundError"):
        load(tmp_path / "none.yaml")


def test_an_agency_can_have_its_own_lexicon(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(
        'version: 2\nfamilies: {injury: {2: ["Broken (arm*|leg*)"], 3: ["broken legs"]}}\n'
        "cues: [{flag: hedged, side: anywhere, phrases: [maybe]}, {flag: negated, side: before, reach_words: 2, phrases: [nil]}]\n"
    )
    own = load(path)
    assert factors("no broken arms", own) == [{"family": "injury", "severity": 2, "origin": "text"}]
    assert factors("broken legs", own) == [{"family": "injury", "severity": 3, "origin": "text"}]
    assert factors("broken leg, said the doctor, maybe", own) == []
    assert factors("nil a b broken leg", own) == []
    assert factors("nil a b c broken leg", own) != []
    assert factors("domestic abuse", own) == []
