"""The labelled notes are what they claim to be, a set from outside is read or refused, and the shares are shares."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from benchmarks.text import NOTES, Note, NotNotesError, figures, main, ours, read
from bridge.text import standard
from schemas.event import FAMILIES

SENTENCE = re.compile(r"[.!?;]\s|\n")


def note(*labels: tuple[str, str], plain: bool = False) -> Note:
    return Note("n", "", frozenset(labels), plain)


def found(*findings: tuple[str, str]) -> list[tuple[str, frozenset[str]]]:
    return [(family, frozenset(flags.split())) for family, flags in findings]


def test_no_two_sentences_of_the_notes_share_five_words_in_a_row() -> None:
    shared: defaultdict[tuple[str, ...], set[tuple[str, int]]] = defaultdict(set)
    for one in read(NOTES):
        for place, sentence in enumerate(SENTENCE.split(one.text)):
            words = re.findall(r"[a-z0-9']+", sentence.lower())
            for first in range(len(words) - 4):
                shared[tuple(words[first : first + 5])].add((one.id, place))
    assert {words: places for words, places in shared.items() if len(places) > 1} == {}


def test_the_notes_are_many_hard_and_balanced() -> None:
    notes = read(NOTES)
    assert len(notes) >= 400
    assert len({one.id for one in notes}) == len(notes)
    assert sum(any(status != "affirmed" for _, status in one.labels) for one in notes) >= 0.4 * len(notes)
    for half in (True, False):
        some = [one for one in notes if one.held == half]
        assert len(some) >= 200
        assert set().union(*(one.affirmed for one in some)) == set(FAMILIES)
        assert {status for one in some for _, status in one.labels} == {
            "affirmed", "negated", "hedged", "past", "third", "told"
        }  # fmt: skip


def test_the_lexicon_meets_its_target_on_them() -> None:
    notes = read(NOTES)
    result = figures(notes, ours(notes, standard())[0])
    assert result["precision"] >= 0.95
    assert result["recall"] >= 0.85


def test_shares_are_of_pairs_of_note_and_family() -> None:
    notes = [
        note(("violence", "affirmed"), ("welfare", "affirmed"), ("injury", "negated")),
        note(("injury", "third"), ("housing", "affirmed")),
    ]
    result = figures(notes, [
        found(("violence", ""), ("violence", ""), ("violence", "negated"), ("injury", "negated past")),
        found(("housing", "hedged"), ("injury", "third"), ("missing", "third"), ("contact", "")),
    ])  # fmt: skip
    assert (result["right"], result["wrong"], result["missed"]) == (1, 1, 2)
    assert (result["precision"], result["recall"]) == (0.5, 0.3333)
    assert (result["precision_negated"], result["precision_third_party"]) == (0.5, 0.5)


def test_in_a_plain_list_a_flag_is_right_where_the_family_is_not_listed() -> None:
    result = figures(
        [note(("injury", "affirmed"), plain=True)], [found(("injury", "negated"), ("welfare", "negated"))]
    )
    assert result["precision_negated"] == 0.5
    assert figures([note()], [[]])["precision"] == 0.0


def test_a_set_from_outside_is_read_in_both_forms(tmp_path: Path) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(
        '{"text": "a", "labels": ["violence", "injury"]}\n\n{"text": "b", "labels": []}\n'
        '{"id": 7, "text": "c", "labels": [{"family": "welfare", "status": "third_party", "severity": 2}], "by": "x"}\n'
    )
    one, two, three = read(file)
    assert (one.affirmed, one.plain, one.id) == ({"violence", "injury"}, True, "1")
    assert (two.affirmed, three.id) == (set(), "7")
    assert three.labels == {("welfare", "third")}
    assert three.says("welfare", "third")


@pytest.mark.parametrize(("line", "said"), [
    ("nothing", "set.jsonl:2: expected an object with text and labels"),
    ("[]", "set.jsonl:2: expected an object"),
    ('{"text": "Canary"}', "set.jsonl:2: expected an object with text and labels"),
    ('{"text": 3, "labels": []}', "set.jsonl:2: expected text to be a string"),
    ('{"text": "Canary", "labels": "violence"}', "labels a list"),
    ('{"text": "Canary", "labels": ["crime"]}', "expected a family of"),
    ('{"text": "Canary", "labels": [3]}', "expected an object"),
    ('{"text": "Canary", "labels": [{"family": "injury"}]}', "expected an object"),
    ('{"text": "Canary", "labels": [{"family": "injury", "status": "no"}]}', "expected a status of"),
])  # fmt: skip
def test_what_is_no_set_is_refused_by_line_and_without_its_text(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    file = tmp_path / "set.jsonl"
    file.write_text(f'{{"text": "Canary", "labels": []}}\n{line}\n')
    with pytest.raises(NotNotesError) as caught:
        read(file)
    assert said in str(caught.value)
    assert main([str(file)]) == 2
    assert "Canary" not in "".join(capsys.readouterr())


def test_an_empty_or_absent_set_is_refused(tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text("\n")
    for name in ("set.jsonl", "none.jsonl"):
        with pytest.raises(NotNotesError, match=name):
            read(tmp_path / name)


def test_the_last_line_is_json_of_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.text.PEER", tmp_path / "none")
    file = tmp_path / "set.jsonl"
    file.write_text('{"text": "Dad punched her. No bruising.", "labels": ["violence"]}\n')
    assert main([str(file)]) == 0
    result = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (result["precision"], result["recall"], result["precision_negated"]) == (1.0, 1.0, 1.0)
    assert {"precision_third_party", "ms_per_note"} <= set(result)
    assert all(isinstance(figure, int | float) for figure in result.values())
