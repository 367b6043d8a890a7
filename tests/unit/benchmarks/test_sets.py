"""A set is read by its description alone; one that cannot be followed says why in a line."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from benchmarks import linkage
from benchmarks.sets import NotASetError, Set, parse, read

CSV = "no,who,first,last,born\n1,a,Anna,Lee,2015-03-09\n2,a,ANNA,Lee,09/03/2015\n3,b,Tom,,20100102\n"
YAML = "{id: no, person: who, columns: {given: first, surname: last, dob: born}}"


def made(folder: Path, yaml: str = YAML, csv: str | bytes = CSV, name: str = "town.csv") -> Path:
    (folder / name).write_bytes(csv if isinstance(csv, bytes) else csv.encode())
    (folder / "town.yaml").write_text(yaml)
    return folder / "town.yaml"


def values(data: Set, field: str) -> list[str | None]:
    return [getattr(one, field) for one in data.people.values()]


def test_a_set_is_its_records_normalised_and_the_truth(tmp_path: Path) -> None:
    data = read(made(tmp_path))
    assert data.name == data.splink == "town"
    assert values(data, "given") == ["anna", "anna", "tom"]
    assert values(data, "surname") == ["lee", "lee", None]
    assert values(data, "dob") == ["20150309", "20150309", "20100102"]
    assert list(data.person.values()) == ["a", "a", "b"]
    assert set(data.agency.values()) == {"one"}
    assert data.fields == ("given", "surname", "dob")
    assert not data.household


@pytest.mark.parametrize("text", [
    "a,b\n1,x y\n", "a;b\n1;x y\n", "a\tb\n1\tx y\n", "a|b\r\n1|x y\r\n", '"a","b"\n"1","x y"\n',
    "'a';'b'\n'1';'x y'\n", " a , b\n1 , x y \n",
], ids=["comma", "semicolon", "tab", "bar", "quotes", "single quotes", "blanks"])  # fmt: skip
def test_delimiter_and_quotes_are_seen_from_the_first_line(text: str) -> None:
    assert parse(text) == [{"a": "1", "b": "x y"}]


def test_a_quoted_value_may_hold_delimiter_quote_and_line_end() -> None:
    assert parse('a,b\n1,"x, ""y""\nz"\n2\n') == [{"a": "1", "b": 'x, "y"\nz'}, {"a": "2", "b": ""}]


def test_a_delimiter_may_be_named() -> None:
    assert parse("a,x:b\n1:2\n", ":") == [{"a,x": "1", "b": "2"}]


@pytest.mark.parametrize(("name", "data"), [
    ("town.csv.gz", gzip.compress(CSV.encode())), ("town.tsv", CSV.replace(",", "\t")),
    ("town.csv", b"\xef\xbb\xbf" + CSV.encode()),
], ids=["gzip", "tabs", "byte order mark"])  # fmt: skip
def test_the_file_beside_the_description_is_found(tmp_path: Path, name: str, data: str | bytes) -> None:
    assert values(read(made(tmp_path, csv=data, name=name)), "given") == ["anna", "anna", "tom"]


def test_without_ids_each_row_is_a_record_and_without_truth_it_is_alone(tmp_path: Path) -> None:
    data = read(made(tmp_path, "{truth: who, columns: {given: first}}", "who,first\na,Ann\n,Ann\n,Ann\n"))
    assert len(data.people) == 3
    assert len(set(data.person.values())) == 3


def test_only_records_with_a_household_have_one(tmp_path: Path) -> None:
    data = read(made(tmp_path, "{person: who, household: home, columns: {given: first}}",
                     "who,home,first\na,h,Ann\nb,h,Tom\nc,,Eve\n"))  # fmt: skip
    assert list(data.household.values()) == ["h", "h"]


def test_a_crowded_address_says_nothing(tmp_path: Path) -> None:
    rows = "".join(f"{number},{place}\n" for number, place in enumerate(["1,High St"] * 3 + ["2,Low St"]))
    yaml = "{person: who, communal_above: 2, columns: {number: house, street: road}}"
    data = read(made(tmp_path, yaml, f"who,house,road\n{rows}"))
    assert values(data, "street") == [None, None, None, "low street"]


def test_a_field_in_a_form_not_taken_is_told_without_a_value(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    read(made(tmp_path, "{person: who, columns: {dob: born}}", "who,born\na,March 9th\nb,2015-03-09\n"))
    told = capsys.readouterr().err
    assert told == "town.yaml: 50% of the values of dob say nothing once normalised\n"


@pytest.mark.parametrize(("yaml", "says"), [
    ("{person: who, columns: {nickname: first}}", "no such field: nickname"),
    ("{person: who, columns: {given: forename}}", "no column forename; there are no, who, first, last, born"),
    ("{person: whom, columns: {given: first}}", "no column whom"),
    ("{columns: {given: first}}", "expected `person`"),
    ("{person: who}", "expected `columns`"),
    ("{person: who, columns: [first]}", "expected `columns`"),
    ("{person: who, colums: {given: first}, columns: {given: first}}", "no such key: colums"),
    ("{person: who, id: who, columns: {given: first}}", "the id column who occur more than once"),
    ("{person: who, file: nowhere.csv, columns: {given: first}}", "nowhere.csv: No such file"),
    ("{person: who, package: pandas, columns: {given: first}}", "no such package: pandas"),
    ("{person: who, communal_above: many, columns: {given: first}}", "communal_above is a number"),
    ("[", "while parsing"), ("words", "expected keys and values"),
])  # fmt: skip
def test_what_cannot_be_followed_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], yaml: str, says: str
) -> None:
    path = made(tmp_path, yaml)
    with pytest.raises(NotASetError, match=r"^town\.yaml: ") as refused:
        read(path)
    assert says in str(refused.value)
    assert linkage.main([str(path)]) == 2
    assert capsys.readouterr().err == f"bench-linkage: {refused.value}\n"


@pytest.mark.parametrize(("csv", "says"), [("who,first\n", "has no rows"), (b"who,first\na,\xff\n", "utf-8")])
def test_a_file_without_rows_or_not_in_utf8_is_refused(tmp_path: Path, csv: str | bytes, says: str) -> None:
    with pytest.raises(NotASetError, match=says):
        read(made(tmp_path, "{person: who, columns: {given: first}}", csv))


def test_a_set_without_a_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(NotASetError, match="expected `file`"):
        read(made(tmp_path, name="other.csv"))


def test_sets_of_the_folder_named_come_after_ours_and_win(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path)
    (tmp_path / "agencies.yml").write_text(YAML)
    monkeypatch.setenv("BENCH_DATA", str(tmp_path))
    found = {path.stem: path.parent for path in linkage.described([])}
    assert found["town"] == found["agencies"] == tmp_path
    assert found["febrl3"] != tmp_path


def test_a_folder_without_sets_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_DATA", str(tmp_path / "nowhere"))
    assert linkage.main([]) == 2
