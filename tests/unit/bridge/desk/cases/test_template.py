"""The template of a summary: what it may say, and that a wrong one is named by file and field."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import demo
from bridge.config import ConfigError
from bridge.desk import config as configs
from bridge.desk.cases import template
from tests.unit.bridge.desk.support import ANN, Client, Made, alert, event, household, profile, settings, sign_in

LEAST = "sections: [{kind: who}, {kind: withheld}]"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sections: [{kind: who}, {kind: withheld}, {kind: gossip}]", "sections.2.kind: "),
        ("sections: [{kind: who}, {kind: withheld, limit: 0}]", "sections.1.limit: "),
        ("sections: [{kind: who}, {kind: withheld, colour: red}]", "sections.1.colour: "),
        ("sections: [{kind: who, kinds: [referral]}, {kind: withheld}]", "sections.0: .*only a timeline has kinds"),
        ("sections: [{kind: who}, {kind: withheld}, {kind: who}]", "expected each kind once, found who twice"),
        ("sections: [{kind: timeline}]", "expected sections who and withheld, found no who and no withheld"),
        ("sections: []", "sections: "),
        (f"period_days: long\n{LEAST}", "period_days: "),
        (f"period_days: 0\n{LEAST}", "period_days: "),
        (f"titel: x\n{LEAST}", "titel: "),
        ("title: x", "sections: "),
        ("- who", "file: "),
        ("a: [", "not YAML"),
    ],
)
def test_a_wrong_template_is_named_by_file_and_field(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as refused:
        template.of(path)
    assert str(refused.value).startswith(f"{path}: ")
    assert re.search(said, str(refused.value)), str(refused.value)


def test_a_template_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read"):
        template.of(tmp_path / "none.yaml")


def test_the_products_own_has_every_kind_of_section() -> None:
    assert {part.kind for part in template.of(None).sections} == set(template.KINDS)
    assert {part.kind for part in template.EVERYTHING.sections} == set(template.KINDS) - {"changed"}


def test_the_demos_own_is_valid() -> None:
    assert template.of(Path(demo.__file__).with_name("summary.yaml")).title == "Family summary"


def test_the_settings_name_it_relative_to_themselves(tmp_path: Path) -> None:
    raw = {**settings(tmp_path, "redis://127.0.0.1:1/0"), "summary_template": "mine.yaml"}
    (tmp_path / "desk.yaml").write_text(json.dumps(raw))
    assert configs.load(tmp_path / "desk.yaml").summary_template == tmp_path / "mine.yaml"


def headings(page: str) -> list[str]:
    return re.findall(r'<h2 class="govuk-heading-m" id="(?:section-|reach)[^"]*">(.*?)</h2>', page)


def test_sections_come_in_the_agencys_order_with_its_titles_limits_period_and_kinds(
    make: Callable[..., Made], tmp_path: Path
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(
        "title: Our page\nperiod_days: 100\nsections:\n- {kind: withheld, title: What is missing}\n"
        "- {kind: timeline, title: What happened, limit: 2, kinds: [referral, visit]}\n- {kind: who}\n"
    )
    made = make()
    object.__setattr__(made.desk, "config", made.config.model_copy(update={"summary_template": path}))
    made.people.profiles[ANN] = profile(ANN)
    kept: list[dict[str, Any]] = [event("referral", 1), event("visit", 2), event("referral", 3), event("call", 4),
                                  event("referral", 101)]  # fmt: skip
    made.people.events[ANN] = kept
    made.arrives(household(records=[ANN.hex()]))
    made.arrives(alert())
    with Client(made) as client:
        sign_in(client)
        page = client.get("/summary/f00d").text
    assert headings(page) == ["What is missing", "What happened", "Who, from our own records",
                              "Who else knows them"]  # fmt: skip
    assert "Our page: Household f00d" in page
    assert (page.count("Referral"), page.count("Visit"), page.count("Call")) == (1, 1, 0)
    assert "3 more are not shown here" in page
