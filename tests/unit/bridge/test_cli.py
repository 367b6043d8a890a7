import json

import pytest

from bridge.cli import main
from tests.unit.bridge.kit import ADA, MAPPING, keys

FIXTURE = ["--mapping", "tests/fixtures/mapping/debezium.yaml", "--input"]


def test_preview_shows_what_leaves_beside_what_stays(capsys):
    assert main(["preview", *FIXTURE, "tests/fixtures/debezium/c_person.json"]) == 0
    shown = capsys.readouterr().out
    assert "social_care.person  create" in shown
    line = next(line for line in shown.splitlines() if "forename" in line)
    assert line.startswith('forename = "Zoë"  [personal given]')
    left, right = zip(*(line.split(" | ") for line in shown.splitlines() if " | " in line), strict=True)
    assert any("Nowak" in cell for cell in left)
    assert not any("Nowak" in cell or "Zoë" in cell or "2010" in cell for cell in right)
    assert any("encoding surname" in cell for cell in right)
    assert any("age_band 11-15" in cell for cell in right)


def test_preview_as_json_holds_every_message_whole(capsys):
    assert main(["preview", *FIXTURE, "tests/fixtures/debezium/stream.agency.jsonl", "--json", "--limit", "0"]) == 0
    found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    lanes = {one["lane"] for preview in found for one in preview["leaves"]}
    assert lanes == {"identity", "profile", "event", "live"}
    assert all(one["sealed_bytes"] > 0 for preview in found for one in preview["leaves"])
    assert [preview["refused"]["reason"] for preview in found if preview["refused"]] == ["missing_date"]


def test_preview_reads_rows_of_a_csv_file(tmp_path, capsys):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    columns = list(ADA)
    body = ",".join("" if ADA[name] is None else str(ADA[name]) for name in columns)
    (tmp_path / "care.person.csv").write_text(f"{','.join(columns)}\n{body}\n", encoding="utf-8")
    files = ["--mapping", str(tmp_path / "mapping.yaml"), "--input", str(tmp_path / "care.person.csv")]
    assert main(["preview", *files]) == 0
    assert "identity" in capsys.readouterr().out


@pytest.mark.parametrize("profile", ["default", "strict"])
def test_exposure_measures_real_rows_and_shows_none_of_them(tmp_path, capsys, profile):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    names = [
        f"{start}{end}"
        for start in ("Zoraid", "Quill", "Ambros", "Perpet", "Thadd", "Wilhelm")
        for end in ("a", "ah", "on", "ine")
    ]
    rows = "".join(json.dumps(ADA | {"person_id": n, "forename": names[n % 24]}) + "\n" for n in range(48))
    (tmp_path / "people.jsonl").write_text(rows, encoding="utf-8")
    arguments = ["exposure", "--mapping", str(tmp_path / "mapping.yaml"), "--input", str(tmp_path / "people.jsonl"),
                 "--table", "care.person", "--profile", profile]  # fmt: skip
    assert main(arguments) == 0
    shown = capsys.readouterr().out
    assert "48 records" in shown
    assert not any(
        name in shown.lower()
        for name in (
            "zoraid",
            "quill",
            "ambros",
            *(str(v).lower() for v in ADA.values() if isinstance(v, str) and len(v) > 5),
        )
    )
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    (given,) = [field for field in found["fields"] if field["field"] == "given"]
    assert (found["records"], given["values"]) == (48, 24)
    assert (given["similarity"] > 0.5) == (profile == "default")


def test_a_source_that_is_mostly_bad_is_told_by_the_exit_status(tmp_path, capsys):
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    bad = "".join(json.dumps(ADA | {"person_id": n, "born": "soon"}) + "\n" for n in range(60))
    (tmp_path / "people.jsonl").write_text(bad, encoding="utf-8")
    arguments = ["preview", "--mapping", str(tmp_path / "mapping.yaml"), "--input", str(tmp_path / "people.jsonl"),
                 "--table", "care.person", "--limit", "0"]  # fmt: skip
    assert main(arguments) == 3
    told = capsys.readouterr()
    assert "would be paused" in told.err
    assert "refused, bad_date care.person.born" in told.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["preview", "--mapping", "none.yaml", "--input", "x.json"], "none.yaml:1: file: cannot be read"),
        (["preview", *FIXTURE, "none.json"], "none.json: cannot be read"),
        (["preview", "--mapping", "tests/fixtures/mapping/debezium.yaml"], "expected --input"),
        (["preview", "--input", "x"], "expected one of --config and --mapping"),
        (["preview", *FIXTURE, "tests/fixtures/debezium/c_person.json", "--source", "x"], "no source x"),
        (["check", "none.yaml"], "cannot be read"),
        (["run", "--config", "none.json"], "none.json: cannot be read"),
        (["quarantine", "--config", "none.json"], "none.json: cannot be read"),
    ],
)
def test_what_is_wrong_is_told_in_a_line_and_the_status_is_two(arguments, words, capsys):
    assert main(arguments) == 2
    told = capsys.readouterr().err
    assert words in told
    assert "Traceback" not in told


def test_check_says_what_a_mapping_holds(capsys):
    assert main(["check", "tests/fixtures/mapping/debezium.yaml"]) == 0
    assert capsys.readouterr().out == "agencies: 6 tables, 3 records, 3 events\n"


def test_the_quarantine_is_listed_shown_and_dropped(tmp_path, capsys):
    keys(tmp_path / "keys")
    (tmp_path / "mapping.yaml").write_text(MAPPING, encoding="utf-8")
    file = tmp_path / "bridge.json"
    file.write_text(json.dumps({
        "agency": "council", "partnership": "northmere", "mapping": "mapping.yaml",
        "keys": "keys/northmere/council", "store": "bridge.sqlite", "kafka": {"bootstrap": "127.0.0.1:1"},
        "sources": [{"name": "care", "kind": "debezium", "prefix": "p", "kafka": {"bootstrap": "127.0.0.1:1"}}],
    }), encoding="utf-8")  # fmt: skip
    from bridge.config import load
    from bridge.run import open_pipeline
    from bridge.sources import Change

    pipeline = open_pipeline(load(file))
    pipeline.feed([Change("care", "care.person", "update", after=ADA | {"born": "soon"}, position=1)])
    pipeline.store.close()
    option = ["--config", str(file)]
    assert main(["quarantine", "list", *option]) == 0
    listed = capsys.readouterr().out
    assert "bad_date  care.person.born" in listed
    assert "Okonkwo" not in listed
    assert main(["quarantine", "show", *option, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["row"]["surname"] == "Okonkwo"
    assert main(["quarantine", "retry", *option]) == 0
    assert "0 of 1 taken" in capsys.readouterr().out
    assert main(["quarantine", "drop", *option]) == 0
    assert capsys.readouterr().out == "1 dropped\n"
    assert main(["resume", "care", *option]) == 0
    assert main(["resume", "none", *option]) == 2


def test_factors_shows_each_phrase_and_the_words_that_take_it_back(tmp_path, capsys):
    (tmp_path / "note.txt").write_text("Dad punched her. Mum denies any neglect.\n", encoding="utf-8")
    assert main(["factors", str(tmp_path / "note.txt")]) == 0
    head, first, second = capsys.readouterr().out.splitlines()
    assert head == "note 1 gives violence 3"
    assert first == "  4-11  'punched'  violence 3  counts"
    assert second == "  32-39  'neglect'  welfare 2  does not count: negated by 'denies' before it (21-27)"


def test_factors_reads_json_lines_and_an_own_lexicon(tmp_path, capsys):
    (tmp_path / "notes.jsonl").write_text('{"text": "broken arm"}\n\n{"text": "punched", "id": 3}\n')
    (tmp_path / "own.yaml").write_text("version: 2\nfamilies: {injury: {2: [broken arm]}}\ncues: []\n")
    own = ["--lexicon", str(tmp_path / "own.yaml"), "--json"]
    assert main(["factors", str(tmp_path / "notes.jsonl"), *own]) == 0
    one, two = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (one["note"], one["factors"], one["findings"][0]["phrase"]) == (1, {"injury": 2}, "broken arm")
    assert two == {"note": 2, "factors": {}, "findings": []}


@pytest.mark.parametrize("body", ["{", "[]", '{"note": "Canary"}', '{"text": 3}', "Canary", b"\xff"])
def test_factors_refuses_what_is_no_note_and_does_not_print_it(tmp_path, capsys, body):
    content = body if isinstance(body, bytes) else body.encode()
    (tmp_path / "notes.jsonl").write_bytes(b'{"text": "x"}\n' + content)
    assert main(["factors", str(tmp_path / "notes.jsonl")]) == 2
    said = capsys.readouterr()
    assert (said.out, "notes.jsonl" in said.err, "Canary" in said.err) == ("", True, False)


@pytest.mark.parametrize("words", [[], ["absent.txt"], ["a", "--check", "b"], ["--check", "absent.yaml"]])
def test_factors_without_usable_input_is_an_error(words, capsys):
    assert main(["factors", *words]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1


def test_check_runs_the_tests_that_stand_in_a_lexicon(tmp_path, capsys):
    lexicon = "version: 2\nfamilies: {injury: {2: [broken arm]}}\ncues: []\ntests:\n"
    right, wrong = "- {text: a broken arm, factors: {injury: 2}}\n", "- {text: no broken arm, factors: {}}\n"
    (tmp_path / "own.yaml").write_text(lexicon + right)
    assert main(["factors", "--check", str(tmp_path / "own.yaml")]) == 0
    (tmp_path / "own.yaml").write_text(lexicon + right + wrong)
    assert main(["factors", "--check", str(tmp_path / "own.yaml")]) == 1
    assert capsys.readouterr().out == "own.yaml: test 2: expected {}, found {'injury': 2}: no broken arm\n"
