"""Drafting rules: England's bank holidays are written in, once, and signed with the rest."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from streams.alerting.rules import HOLIDAYS_MAX, Refused, check_rules
from streams.tools import controls
from tests.smalltown import START_MS

BODY = {"front_door": "mash", "teams": [{"name": "mash", "agency": "council"}]}
# gov.uk/bank-holidays, England and Wales
ENGLAND_2026 = ["2026-01-01", "2026-04-03", "2026-04-06", "2026-05-04", "2026-05-25", "2026-08-31", "2026-12-25",
                "2026-12-28"]  # fmt: skip


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = controls.main(list(words))
    return code, *capsys.readouterr()


def test_the_holidays_are_england_s_and_say_how_far_they_go(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "holidays", "--years", "2026")
    found = json.loads(out)
    assert set(found["holidays"]) == {*ENGLAND_2026, "2026-12-26"}, (
        "a Saturday's holiday is kept beside its substitute"
    )
    assert found["holidays_until"] == "2026-12-31"


@pytest.mark.parametrize("years", ["2030-2026", "1-3000"])
def test_years_that_are_none_are_refused(capsys: pytest.CaptureFixture[str], years: str) -> None:
    code, _, err = run(capsys, "holidays", "--years", years)
    assert (code, "expected years" in err) == (2, True)


def drafted(capsys: pytest.CaptureFixture[str], folder: Path, name: str, body: object) -> str:
    file = folder / "body.json"
    file.write_text(json.dumps(body))
    code, out, _ = run(capsys, "draft", "--partnership", "smalltown", "--name", name, "--version", "1",
                       "--body", str(file), "--effective-at", str(START_MS))  # fmt: skip
    assert code == 0
    return json.loads(out)["body"]


def test_rules_without_holidays_are_drafted_with_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    body = drafted(capsys, tmp_path, "rules", BODY)
    check_rules(body, {"mash": "council"}, START_MS)
    made = json.loads(body)
    assert {**made, "holidays": 0, "holidays_until": 0} == {**BODY, "holidays": 0, "holidays_until": 0}
    assert set(ENGLAND_2026) < set(made["holidays"])
    assert len(made["holidays"]) <= HOLIDAYS_MAX
    assert made["holidays_until"] == "2028-12-31"


@pytest.mark.parametrize(("prior", "ships"), [("", True), ("synthetic", True), ("elsewhere", False)])
def test_rules_that_begin_from_weights_that_do_not_ship_are_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, prior: str, ships: bool
) -> None:
    body = drafted(capsys, tmp_path, "rules", {**BODY, "prior": prior})
    if ships:
        check_rules(body, {"mash": "council"}, START_MS)
    else:
        with pytest.raises(Refused, match="prior elsewhere does not ship"):
            check_rules(body, {"mash": "council"}, START_MS)


def test_rules_that_choose_their_own_holidays_keep_them(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    own = {**BODY, "holidays": ["2026-07-04"], "holidays_until": "2027-12-31"}
    assert json.loads(drafted(capsys, tmp_path, "rules", own)) == own


def test_other_controls_are_drafted_as_they_are(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert json.loads(drafted(capsys, tmp_path, "linkage", {"a": 1})) == {"a": 1}
