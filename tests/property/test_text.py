"""Text in, codes and places out: whatever stands beside a sentence, and whatever a text is made of."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from benchmarks.text import NOTES, read
from bridge.phrases import Lexicon
from bridge.text import Cue, Finding, factors, find, standard
from schemas.event import FAMILIES, SEVERITY_MAX

LEXICON: Lexicon = standard()
TEXTS = [note.text for note in read(Path(NOTES))]
UNRELATED = ("The lift was out of order.", "Letter sent 3/4 to both addresses.", "Weighed today; chart updated.",
             "Next appointment Tuesday 10am!", "Parking is in Mill Lane.")  # fmt: skip
ANY = st.text(st.characters())  # lone halves of characters too
WORDS = st.sampled_from(["no", "never", "?", "denies", "history of", "but", "friend's", '"', "’", "neglect", "punched", "-",
                         ".", "\n", "not only", "bruising", "as a child", "in error", "if", "engaging well"])  # fmt: skip


def moved(findings: list[Finding], by: int) -> list[Finding]:
    return [
        Finding(one.family, one.severity, one.start + by, one.end + by,
                tuple(Cue(cue.flag, cue.side, cue.start + by, cue.end + by) for cue in one.cues))
        for one in findings
    ]  # fmt: skip


@given(st.sampled_from(TEXTS), st.lists(st.sampled_from(UNRELATED), max_size=3))
def test_an_unrelated_sentence_changes_no_finding(text: str, others: list[str]) -> None:
    before = "".join(f"{other} " for other in others)
    found = find(text, LEXICON)
    assert find(before + text, LEXICON) == moved(found, len(before))
    assert find("\n".join([text, *others]), LEXICON) == found


@given(st.one_of(ANY, st.lists(st.one_of(WORDS, ANY)).map(" ".join)))
def test_any_text_is_read_and_gives_codes_once_each(text: str) -> None:
    for one in find(text, LEXICON):
        assert 0 <= one.start < one.end <= len(text)
        assert all(0 <= cue.start < cue.end <= len(text) for cue in one.cues)
    made = factors(text, LEXICON)
    assert [one["family"] for one in made] == sorted({one["family"] for one in made}, key=FAMILIES.index)
    assert all(1 <= one["severity"] <= SEVERITY_MAX and one["origin"] == "text" for one in made)


@given(st.lists(WORDS, max_size=40).map(" ".join))
def test_what_counts_is_what_no_cue_reaches(text: str) -> None:
    affirmed = {one.family for one in find(text, LEXICON) if not one.cues}
    assert {one["family"] for one in factors(text, LEXICON)} == affirmed
