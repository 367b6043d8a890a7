"""`sightline whatif` from a snapshot: what it prints, what it refuses, and that nobody is in it."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from schemas.crypto import Aead
from streams.alerting.backtest import compare
from streams.runtime import snapshots
from streams.runtime.snapshots import Manifest
from streams.step import State, make_machine
from streams.tools import whatif
from tests.smalltown import AGENCIES, DAY_MS, NAME, START_MS, Smalltown, person, tick
from tests.unit.streams.runtime.memory import Nonces

WEEKS = 60
GIVEN = ("Ada", "Bram", "Cleo", "Dora", "Emil", "Fern", "Gus", "Hana", "Ivor", "Juno", "Kit", "Lena")
CHILDREN = 30
FIXED = {"raise_at": 0.02, "budget_per_1000_month": 100, "burst_days": 60}


class Place:
    """A partnership with more than a year behind it, a snapshot of it, and an operator's settings."""

    def __init__(self, root: Path, *, live: bool = True, rules: bool = True, weeks: int = WEEKS) -> None:
        self.root, self.town = root, Smalltown(root / "keys")
        self.now = START_MS
        first = self.now - weeks * 7 * DAY_MS
        state = make_machine(0, self.town.keyring)
        entries = self.town.opening()
        if rules:
            entries[1] = self.town.control("rules", self.town.rules(**FIXED))
        else:
            del entries[1]
        state.step(entries)
        for number in range(CHILDREN):
            who = person(
                f"{GIVEN[number % 12]}{'abc'[number // 12]}",
                f"Family{'abcdefghijklmnopqrstuvwxyz'[number % 26]}{number}",
                "2014-03-09",
            )
            name = f"c{number}"
            state.step([
                self.town.identity("council", name, who),
                self.town.profile("council", name, group="A" if number < 15 else "B"),
                *(self.town.event("council", name, f"{name}-{turn}", first + (number + turn * 60) * DAY_MS)
                  for turn in range(weeks * 7 // 60)),
            ])  # fmt: skip
            begun = first + (number + 150) * DAY_MS
            if number % 3 == 0 and begun < self.now:
                state.step([self.town.event("council", name, f"{name}-o", begun, outcome="need_or_plan", factors=[])])
        if live:
            state.step([self.town.live(agency, self.now) for agency in AGENCIES])
            for minute in range(1, 60):
                state.step([tick(self.now + minute * 60_000)])
        self._write(state)
        (root / "operator.json").write_text(json.dumps({
            "kafka": {"bootstrap": "127.0.0.1:9"}, "keys": str(root / "keys" / "platform"), "snapshots": str(root / "snapshots"),
        }))  # fmt: skip
        self.state = state

    def _write(self, state: State) -> None:
        rows = state.rows()
        manifest = Manifest(partition=0, sequence=1, next=1, hash="ab" * 32, end=1, tip=0, rows=len(rows), frames=0,
                            digest=state.digest().hex(), made_at=0, before="")  # fmt: skip
        store = snapshots.Store(str(self.root / "snapshots"), Aead(self.town.keyring.state_key))
        store.write(manifest, rows, Nonces(1), lambda _point: None)

    def run(self, *words: str) -> int:
        return whatif.main(
            ["--config", str(self.root / "operator.json"), "--partition", "0", "--partnership", NAME, *words]
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return Place(tmp_path_factory.mktemp("whatif"))


def lines(text: str) -> dict[str, list[str]]:
    """Cells of the table by what they are about; a name that comes twice is the first."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        name, *cells = re.split(r"\s{2,}", line.strip())
        if len(cells) == 3:
            found.setdefault(name, cells)
    return found


def test_a_line_nobody_reaches_says_no_alerts_beside_those_of_today(place, capsys):
    assert place.run("--raise-at", "0.9", "--weeks", "40") == 0
    text = capsys.readouterr().out
    table = lines(text)
    today = int(table["alerts"][0])
    assert today > 0
    assert table["alerts"] == [str(today), "0", f"-{today}"]
    assert table["a week"] == [f"{today / 40:.2f}", "0.00", f"-{today / 40:.2f}"]
    assert table["line at the start"] == ["0.02", "0.90", "+0.88"]
    assert "raise_at: 0.02 -> 0.9" in text
    assert text.startswith(f"{NAME}: 40 weeks, ")
    assert f"{CHILDREN} children" in text


def test_the_json_is_the_comparison_of_the_core_and_the_same_twice(place, capsys):
    said = []
    for _ in range(2):
        assert place.run("--clear-dwell-days", "30", "--weeks", "20", "--json") == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    found = json.loads(said[0])
    state = whatif.state_of(place.state.partnerships[NAME])
    core = compare(state, whatif.with_changes(state.rules, {"clear_dwell_days": 30}), 20)
    assert found["changes"] == [["clear_dwell_days", "14", "30"]]
    assert (found["today"]["alerts"], found["changed"]["alerts"]) == (
        list(core.today.alerts),
        list(core.changed.alerts),
    )
    assert (found["sent"], found["answered"]) == (len(state.alerts), 0)
    assert state.alerts, "the opening caseload was sent"
    assert sum(found["today"]["step_downs"]) == sum(core.today.step_downs)


def test_no_change_says_0_everywhere(place, capsys):
    assert place.run("--weeks", "30", "--weights", "now") == 0
    text = capsys.readouterr().out
    assert {cells[2] for cells in lines(text).values() if cells[0] != "today"} <= {"0", "-"}
    assert "nothing is changed" in text
    assert "today's throughout" in text


def test_only_counts_leave(place, capsys):
    assert place.run("--raise-at", "0.03", "--json", "--weeks", "8") == 0
    out = capsys.readouterr().out
    assert place.run("--raise-at", "0.03", "--weeks", "8") == 0
    out += capsys.readouterr().out
    ids = [
        key
        for name in ("records", "events", "alerts", "watches")
        for key in place.state.partnerships[NAME].tables[name]
    ]
    forms = [form for key in ids for form in ([key] if isinstance(key, str) else [key.hex(), repr(key)[2:-1]])]
    assert len(forms) > CHILDREN
    assert not [form for form in forms if form in out]
    planted = out + ids[0].hex()
    assert [form for form in forms if form in planted]


def test_groups_are_shown_to_the_nearest_five_with_few_withheld(place, capsys):
    assert place.run("--weeks", "40") == 0
    text = capsys.readouterr().out
    (a,) = re.findall(r"^A +(\S+) +(\S+)", text, re.M)
    assert a == ("15", "*"), "five of its families had an outcome"


def test_rules_come_from_a_file_or_from_a_draft_of_the_control(place, capsys, tmp_path):
    body = json.dumps(place.town.rules(**FIXED, step_down_ratio=0.2))
    bare, draft = tmp_path / "rules.json", tmp_path / "draft.json"
    bare.write_text(body)
    draft.write_text(
        json.dumps({"partnership": NAME, "name": "rules", "version": 2, "effective_at": 1, "body": body})
    )
    for file in (bare, draft):
        assert place.run("--rules", str(file), "--weeks", "4", "--clear-ratio", "0.6") == 0
        text = capsys.readouterr().out
        assert "clear_ratio: 0.7 -> 0.6" in text
        assert "step_down_ratio: 0.3 -> 0.2" in text
    draft.write_text(draft.read_text().replace('"rules"', '"linkage"'))
    assert place.run("--rules", str(draft)) == 2
    assert "expected a draft of the control rules, found one of linkage" in capsys.readouterr().err


@pytest.mark.parametrize(("words", "why"), [
    (("--clear-ratio", "2"), "clear_ratio must be from .05 to .95"),
    (("--step-down-ratio", "0.69"), "step_down_ratio must be from .01 to .9 clear_ratio"),
    (("--raise-at", "0.001"), "raise_at must be 0 or from .005 to .9"),
    (("--budget", "0"), "budget_per_1000_month must be above 0"),
    (("--weeks", "3"), "expected at least 4 weeks, got 3"),
    (("--partition", "3"), "no snapshot of partition 3"),
    (("--partnership", "elsewhere"), "no partnership elsewhere"),
    (("--config", "/nowhere.json"), "/nowhere.json: No such file"),
    (("--rules", "/nowhere.json"), "No such file"),
])  # fmt: skip
def test_what_cannot_be_run_is_refused_with_the_reason(place, capsys, words, why):
    assert place.run(*words) == 2
    err = capsys.readouterr().err
    assert err.startswith("sightline whatif: ")
    assert why in err


@pytest.mark.parametrize(("changes", "why"), [
    ({"rules": False}, "expected rules in force, found none"),
    ({"live": False}, "expected a partnership that is live, found one in backfill"),
    ({"weeks": 14}, "expected at least 17 weeks of history, found"),
])  # fmt: skip
def test_a_partnership_that_has_nothing_to_run_is_told_what_is_missing(tmp_path, capsys, changes, why):
    assert Place(tmp_path, **changes).run("--raise-at", "0.5") == 2
    assert why in capsys.readouterr().err


@pytest.mark.parametrize(("changes", "why"), [
    ({"teams": [{"name": "mash", "agency": "council"}, {"name": "owls", "agency": "council"}]},
     "team owls is not in the register"),
    ({"teams": [{"name": "mash", "agency": "police"}]}, "team mash is of another agency in the register"),
    ({"holidays": [], "holidays_until": ""}, "without holidays a bank holiday counts as a working day"),
])  # fmt: skip
def test_what_the_register_makes_impossible_is_refused_with_the_reason_that_governance_gets(
    place, capsys, tmp_path, changes, why
):
    body = json.dumps(place.town.rules(**{**FIXED, **changes}))
    (tmp_path / "rules.json").write_text(body)
    assert place.run("--rules", str(tmp_path / "rules.json")) == 2
    err = capsys.readouterr().err
    assert why in err
    machine = make_machine(0, place.town.keyring)
    machine.step([*place.town.opening()[:1], place.town.control("rules", json.loads(body), 2, at=place.now)])
    (refusal,) = machine.partnerships[NAME].tables["controls_refused"]["rules"]
    assert refusal.reason.split(" or later")[0][:40] in err


def test_without_snapshots_it_says_where_it_looked(place, capsys, tmp_path):
    bare = tmp_path / "operator.json"
    bare.write_text(json.dumps({"kafka": {"bootstrap": "127.0.0.1:9"}, "keys": "keys"}))
    assert place.run("--config", str(bare)) == 2
    assert "expected snapshots" in capsys.readouterr().err


def test_a_body_that_is_no_object_is_refused_before_an_option_is_put_in():
    for body in ("[]", "no json"):
        with pytest.raises(whatif.Refused, match="JSON"):
            whatif.with_changes(body, {"raise_at": 0.5})
