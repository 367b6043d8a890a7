import re
from pathlib import Path

import pytest

from bridge.mapping import MappingError, code, load
from tests.unit.bridge.kit import MAPPING

DOCUMENT = Path("docs/mapping.md")


def fault(tmp_path, text):
    file = tmp_path / "agency.yaml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(MappingError) as raised:
        load(file)
    return str(raised.value).removeprefix(str(tmp_path) + "/")


def line_of(text, words):
    return next(number for number, line in enumerate(text.splitlines(), 1) if words in line)


def test_the_mapping_of_the_tests_and_of_the_fixtures_is_sound(tmp_path):
    (tmp_path / "m.yaml").write_text(MAPPING, encoding="utf-8")
    assert set(load(tmp_path / "m.yaml").sources["care"].events) == {"contact"}
    load("tests/fixtures/mapping/debezium.yaml")


def test_the_example_of_the_documentation_is_sound(tmp_path):
    (example,) = re.findall(r"```yaml\n(version: 1.*?)```", DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
    (tmp_path / "m.yaml").write_text(example, encoding="utf-8")
    assert load(tmp_path / "m.yaml").agency == "council"


@pytest.mark.parametrize(
    ("old", "new", "field", "what"),
    [
        ("surname: {personal: surname}", "surname: {personal: family}", "columns.surname.personal", "Input should be"),
        ("surname: {personal: surname}", "surname: {personel: surname}", "columns.surname", "expected one place|unknown"),
        ("at: {sensitive: time, zone: Europe/London}", "at: {sensitive: time}", "columns.at", "expected a zone"),
        ("at: {sensitive: time, zone: Europe/London}", "at: {sensitive: time, zone: Europe/Londn}", "columns.at", "Europe/London"),
        ("team_id: {link: care.team}", "team_id: {link: care.teem}", "columns.team_id", "care.teem, which is not in this"),
        ("key: [plan_id]", "key: [plan]", "care.plan.key", "column plan must be placed as key"),
        ("made: ignored", "made: {ignored: true, key: true}", "columns.made", "expected one place"),
        ("occurred_at: at", "occurred_at: when", "contact.occurred_at", "no column when"),
        ("occurred_at: at", "occurred_at: code", "contact.occurred_at", "date or time"),
        ("record: {person: person_id}", "record: {people: person_id}", "contact.record", "no record people"),
        ("family: violence", "family: voilence", "codes", "Input should be"),
        ("severity: 3", "severity: 9", "codes", "less than or equal to 4|Input should be"),
        ("{DV: domestic_incident, NEG: neglect}", "{DV: Domestic Incident}", "kind", "match pattern|valid string"),
        ("CP: protection_plan", "CP: plan", "kind", "Input should be"),
        ("text: [notes]", "text: [code]", "contact.text", "sensitive text"),
        ("on: team_id}", "on: surname}", "join.1.on", "expected a column with a link"),
        ("choose: {newest: since, ended: until}", "", "join.0", "say which with choose"),
        ("unborn_of: mother_id", "unborn_of: surname", "unborn_of", "links to care.person"),
        ("column: ethnicity,", "column: surname,", "group.column", "sensitive"),
        ("column: ethnicity,", "column: made,", "group.column", "ignored"),
        ("version: 1", "version: 2", "version", "Input should be 1"),
        ("agency: council", "", "agency", "is required"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_file_line_and_field(tmp_path, old, new, field, what):
    assert old in MAPPING
    text = MAPPING.replace(old, new, 1)
    lines = fault(tmp_path, text).splitlines()
    pattern = rf"^agency\.yaml:(\d+): .*{re.escape(field)}.*: .*({what})"
    found = [match for line in lines if (match := re.match(pattern, line))]
    assert found, lines
    if new:
        assert abs(int(found[0][1]) - line_of(text, new.split(",")[0])) <= 1


def test_all_faults_are_told_at_once(tmp_path):
    text = MAPPING.replace("occurred_at: at", "occurred_at: when").replace("text: [notes]", "text: [code]")
    assert len(fault(tmp_path, text).splitlines()) == 2


def test_what_is_no_yaml_is_told_with_its_line(tmp_path):
    assert fault(tmp_path, "version: 1\nagency: [").startswith("agency.yaml:2: file: not YAML")
    assert "expected a mapping" in fault(tmp_path, "- 1")


def test_a_file_that_cannot_be_read_is_a_mapping_error(tmp_path):
    with pytest.raises(MappingError, match="cannot be read: FileNotFoundError"):
        load(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"agency: \xe9")
    with pytest.raises(MappingError, match="cannot be read: UnicodeDecodeError"):
        load(tmp_path / "latin.yaml")


def test_codes_compare_as_text():
    assert [code(value) for value in (True, False, None, 7, "x")] == ["true", "false", "", "7", "x"]


def test_a_number_with_leading_zeros_keeps_them(tmp_path):
    text = MAPPING.replace("{A: group_a}", "{08: group_a}")
    (tmp_path / "m.yaml").write_text(text, encoding="utf-8")
    group = load(tmp_path / "m.yaml").sources["care"].records["person"].profile.group
    assert group.codes == {"08": "group_a"}
