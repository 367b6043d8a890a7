"""`sightline model card` from a snapshot: every figure is the state's, nobody is in it, and it says what it is not."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from streams import figures
from streams.insights.suppress import small
from streams.risk.examples import Resolved
from streams.risk.features import NAMES, WIDTH
from streams.risk.outcomes import OUTCOMES
from streams.tools import card, cardtext
from tests.smalltown import AGENCIES, DAY_MS, NAME, tick
from tests.unit.streams.tools.test_whatif import CHILDREN, FIXED, Place

ALSO = [{"outcome": "early_help", "horizon_days": 90}]


class Judged(Place):
    """The partnership of the what-if, live for two months, with cases that something was published for."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.state.step([self.town.control("rules", self.town.rules(**FIXED, also=ALSO), 2, at=self.now + 1)])
        watch = self.state.partnerships[NAME].watch
        scholar = watch.scholars[0]
        for number in range(400):
            x = tuple(number * 7_919 % 2_000_000 if place == 9 else 0 for place in range(WIDTH))
            z = -3_000_000 + number * 10_000
            scholar._put(number % 2, Resolved(number % 9 == 0, x, z, "AB"[number % 3 == 0], 1))
        for day in range(1, 60):
            self.state.step([tick(self.now + day * DAY_MS)])
        self._write(self.state)

    def run(self, *words: str) -> int:
        return card.main(["card", "--config", str(self.root / "operator.json"), "--partition", "0",
                          "--partnership", NAME, *words])  # fmt: skip


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Judged:
    return Judged(tmp_path_factory.mktemp("card"))


@pytest.fixture(scope="module")
def both(place: Judged) -> tuple[dict[str, Any], str]:
    found = card.card(place.state.partnerships[NAME])
    return found, cardtext.as_text(found)


def test_the_command_prints_what_the_state_says(place, both, capsys):
    assert place.run() == 0
    assert capsys.readouterr().out == both[1]
    assert place.run("--json") == 0
    assert json.loads(capsys.readouterr().out) == json.loads(json.dumps(both[0]))


def shown(text: str) -> set[str]:
    return set(re.findall(r"[-+]?[\d,]*\d(?:\.\d+)?", text))


def test_every_figure_in_it_is_the_states(place, both):
    found, text = both
    scholars = place.state.partnerships[NAME].watch.scholars
    told = figures.body(scholars)["targets"]
    assert [one["figures"] for one in found["targets"]] == told
    assert len(told) == 2
    numbers = shown(text)
    main = scholars[0].figures
    assert main is not None
    assert main.events.n == main.ticks.n == 200
    for population in (main.events, main.ticks):
        assert population.groups
        for of in (population.model, population.challenger, *population.groups):
            for name in ("auc", "log_loss", "observed_expected", "slope", "ece", "ece_high", "precision"):
                value = getattr(of, name, None)
                if value is not None:
                    assert f"{value / 1e6:.6f}" in numbers, name
    for scholar in scholars:
        for weight in (*scholar.model.weights, scholar.model.intercept):
            assert f"{weight / 1e6:+.6f}" in numbers
    assert f"{place.state.partnerships[NAME].watch.figures()['raise_ppm'] / 1e6:.6f}" in numbers


def test_no_number_in_it_is_from_elsewhere(place, both):
    """Whatever stands with six decimals is in the data, and counts that are small are nowhere."""
    found, text = both
    known = {f"{value / 1e6:.6f}" for value in values(found)} | {f"{value / 1e6:+.6f}" for value in values(found)}
    assert {one for one in shown(text) if re.search(r"\.\d{6}$", one)} <= known
    counts = [value for value in found["counts"].values() if value is not None]
    assert not any(map(small, counts))


def values(of: Any) -> list[int]:
    if isinstance(of, dict):
        return [value for one in of.values() for value in values(one)]
    if isinstance(of, list | tuple):
        return [value for one in of for value in values(one)]
    return [of] if isinstance(of, int) else []


def test_it_says_what_the_target_is_and_is_not(both):
    _, text = both
    assert "**That is a decision by professionals. It is not harm" in text
    assert OUTCOMES["need_or_plan"].says in text
    assert OUTCOMES["early_help"].says in text
    assert "within 180 days" in text
    assert "within 90 days" in text
    assert "dispute_score" in text
    assert cardtext.TO_FILL in text
    for heading in ("Tier 1", "section 1", "section 2", "section 3", "section 4", "section 5"):
        assert re.search(rf"^## .*{heading}", text, re.M)
    for name in NAMES:
        assert f"`{name}`" in text
    for line in (*cardtext.LIMITS, *cardtext.NEVER):
        assert line in text


def test_nobody_is_in_it(place, both):
    text = both[1] + json.dumps(both[0])
    town = place.state.partnerships[NAME]
    ids = [key for name in ("records", "events", "alerts", "watches") for key in town.tables[name]]
    forms = [form for key in ids for form in ([key] if isinstance(key, str) else [key.hex(), repr(key)[2:-1]])]
    assert len(forms) > CHILDREN
    assert not [form for form in forms if form in text]


def test_without_rules_or_state_there_is_no_card_and_it_says_why(place, tmp_path, capsys):
    bare = Place(tmp_path / "bare", live=False, rules=False, weeks=8)
    with pytest.raises(card.NotPossible, match="expected rules in force"):
        card.card(bare.state.partnerships[NAME])
    words = ["card", "--config", str(place.root / "operator.json"), "--partition", "0", "--partnership", "elsewhere"]
    assert card.main(words) == 2
    assert "no partnership elsewhere" in capsys.readouterr().err


def test_agencies_are_named_with_their_kind(both):
    assert both[0]["agencies"] == AGENCIES
