import json
from datetime import datetime

import pytest

from schemas.rules import DEFAULTS, RESPOND_HOURS
from streams.alerting.hours import LOCAL
from streams.alerting.rules import ALSO_MAX, HOLIDAYS_MAX, TEAMS_MAX, Refused, Team, parse_rules
from streams.risk.features import DAY_MS
from streams.risk.outcomes import OUTCOMES

DOOR = {"name": "mash", "agency": "council"}
EAST = {"name": "duty-east", "agency": "council", "respond_hours": 10}
CHOSEN = {"front_door": "mash", "teams": [DOOR, EAST]}
HOUR_MS = 3_600_000


def rules(**choices):
    return parse_rules(json.dumps({**CHOSEN, **choices}))


def teams(count):
    return [DOOR, *({"name": f"t{n}", "agency": "council"} for n in range(count - 1))]


def also(outcome, **choices):
    return [{"outcome": outcome, **choices}]


def test_a_front_door_is_choice_enough():
    assert rules(teams=[DOOR]).teams == (Team("mash", "council", 4),)


def test_the_numbers_that_a_desk_shows_as_defaults_are_those_of_the_rules():
    found = rules(teams=[DOOR])
    assert {name: getattr(found, name) for name in DEFAULTS} == dict(DEFAULTS)
    assert found.teams[0].respond_hours == RESPOND_HOURS


REFUSED = [
    ({"teams": []}, f"expected 1 to {TEAMS_MAX} teams, got 0"),
    ({"teams": teams(TEAMS_MAX + 1)}, f"expected 1 to {TEAMS_MAX} teams, got {TEAMS_MAX + 1}"),
    ({"teams": [DOOR, DOOR]}, "a team is named twice"),
    ({"front_door": "elsewhere"}, "the front door is not one of the teams"),
    ({"teams": [DOOR | {"respond_hours": 0}]}, "respond_hours must be from 1 to 400"),
    ({"teams": [DOOR, EAST | {"respond_hours": 401}]}, "respond_hours must be from 1 to 400"),
    ({"outcome": "early_help"}, "outcome: alerts rest on need_or_plan, got early_help; others go in also"),
    ({"also": also("harm")}, f"also: an outcome must be one of {', '.join(OUTCOMES)}"),
    ({"also": also("early_help", label_days=181)}, "expected 1 <= label_days <= horizon_days <= 730"),
    ({"also": also("early_help", label_days=0)}, "expected 1 <= label_days <= horizon_days <= 730"),
    ({"also": also("early_help", grace_days=366)}, "grace_days must be 0 to 365"),
    ({"also": also("early_help") * 2}, "also: an outcome is there twice with one horizon"),
    ({"also": also("need_or_plan")}, "also: an outcome is there twice with one horizon"),
    (
        {"also": [one for days in range(61, 70) for one in also("early_help", horizon_days=days)]},
        "also: expected at most 8, got 9",
    ),
    ({"label_days": 0}, "expected 1 <= label_days <= horizon_days <= 730"),
    ({"label_days": 181}, "expected 1 <= label_days <= horizon_days <= 730"),
    ({"horizon_days": 731}, "expected 1 <= label_days <= horizon_days <= 730"),
    ({"grace_days": -1}, "grace_days must be 0 to 365"),
    ({"grace_days": 366}, "grace_days must be 0 to 365"),
    ({"budget_per_1000_month": 0}, "budget_per_1000_month must be above 0 and at most 100"),
    ({"budget_per_1000_month": 100.1}, "budget_per_1000_month must be above 0 and at most 100"),
    ({"over_budget": 0.99}, "over_budget must be from 1 to 2"),
    ({"over_budget": 2.01}, "over_budget must be from 1 to 2"),
    ({"burst_days": 0}, "burst_days must be above 0 and at most 60"),
    ({"burst_days": 61}, "burst_days must be above 0 and at most 60"),
    ({"raise_at": -0.1}, "raise_at must be 0 or from .005 to .9"),
    ({"raise_at": 1}, "raise_at must be 0 or from .005 to .9"),
    ({"raise_at": 1e-6}, "raise_at must be 0 or from .005 to .9"),
    ({"clear_ratio": 0}, "clear_ratio must be from .05 to .95"),
    ({"clear_ratio": 1}, "clear_ratio must be from .05 to .95"),
    ({"step_down_ratio": 0}, "step_down_ratio must be from .01 to .9 clear_ratio"),
    ({"step_down_ratio": 0.7}, "step_down_ratio must be from .01 to .9 clear_ratio"),
    ({"clear_dwell_days": 0}, "clear_dwell_days must be from 1 to 365"),
    ({"clear_dwell_days": 366}, "clear_dwell_days must be from 1 to 365"),
    ({"step_down_dwell_days": 0}, "step_down_dwell_days must be from 1 to 365"),
    ({"step_down_dwell_days": 366}, "step_down_dwell_days must be from 1 to 365"),
    ({"publish_days": 0}, "publish_days must be from 1 to 92"),
    ({"publish_days": 93}, "publish_days must be from 1 to 92"),
    ({"feed_limit_s": 59}, "feed_limit_s must be from a minute to 90 days"),
    ({"feed_limit_s": 90 * 86_400 + 1}, "feed_limit_s must be from a minute to 90 days"),
    ({"day_starts": -1}, "working hours must begin before they end"),
    ({"day_starts": 1020}, "working hours must begin before they end"),
    ({"day_ends": 1440}, "working hours must begin before they end"),
    ({"holidays": ["25 December"]}, "holidays must be ISO dates"),
    ({"holidays": ["20261225"]}, "holidays must be ISO dates"),
    ({"holidays": ["2026-02-30"]}, "holidays must be ISO dates"),
    ({"holidays": ["2026-12-25"] * (HOLIDAYS_MAX + 1)}, "holidays must be ISO dates"),
]


@pytest.mark.parametrize(("choices", "why"), REFUSED)
def test_a_choice_that_makes_no_sense_is_refused_and_said(choices, why):
    with pytest.raises(Refused) as refused:
        rules(**choices)
    assert str(refused.value) == why


@pytest.mark.parametrize(
    "choices",
    [
        {"teams": teams(TEAMS_MAX)},
        {"teams": [DOOR | {"respond_hours": 1}, EAST | {"respond_hours": 400}]},
        {"label_days": 1, "horizon_days": 1},
        {"label_days": 730, "horizon_days": 730},
        {"grace_days": 0},
        {"budget_per_1000_month": 100},
        {"over_budget": 1},
        {"over_budget": 2},
        {"burst_days": 60},
        {"raise_at": 0},
        {"raise_at": 0.25},
        {"clear_ratio": 0.95, "step_down_ratio": 0.85},
        {"raise_at": 0.9},
        {"clear_dwell_days": 1, "step_down_dwell_days": 365},
        {"publish_days": 92},
        {"feed_limit_s": 60},
        {"day_starts": 0, "day_ends": 1439},
        {"holidays": ["2028-02-29"] * HOLIDAYS_MAX},
    ],
)
def test_a_choice_up_to_its_limit_stands(choices):
    said = json.loads(json.dumps({name: getattr(rules(**choices), name) for name in choices if name != "teams"}))
    assert said == {name: value for name, value in choices.items() if name != "teams"}


@pytest.mark.parametrize(
    "asked",
    [
        [],
        *(also(outcome, horizon_days=90) for outcome in OUTCOMES),
        [one for days in range(61, 61 + ALSO_MAX) for one in also("early_help", horizon_days=days)],
        also("early_help", label_days=730, horizon_days=730, grace_days=365),
    ],
)
def test_more_outcomes_stand_as_they_were_asked_for(asked):
    taken = rules(also=asked).also
    assert [{name: getattr(one, name) for name in said} for one, said in zip(taken, asked, strict=True)] == asked
    assert rules(also=asked).target == rules().target


@pytest.mark.parametrize(
    ("body", "about"),
    [
        ("", "truncated"),
        ("raise at will", "malformed"),
        ("[]", "Expected `object`"),
        ("{}", "front_door"),
        ('{"front_door": "mash"}', "teams"),
        (json.dumps(CHOSEN | {"raise_at": "high"}), "$.raise_at"),
        (json.dumps(CHOSEN | {"clear_dwell_days": 1.5}), "$.clear_dwell_days"),
        (json.dumps(CHOSEN | {"clear_dwel_days": 14}), "clear_dwel_days"),
        (json.dumps(CHOSEN | {"teams": [DOOR | {"leader": "x"}]}), "leader"),
        (json.dumps(CHOSEN | {"over_budget": float("nan")}), "malformed"),
    ],
)
def test_what_is_not_of_that_form_is_refused_and_said_where(body, about):
    with pytest.raises(Refused, match=about.replace("$", r"\$")):
        parse_rules(body)


@pytest.mark.parametrize("raise_ppm", [5_000, 200_000, 900_000])
def test_the_lines_lie_in_order(raise_ppm):
    lines = rules(clear_ratio=0.9, step_down_ratio=0.5).lines(raise_ppm)
    assert 0 < lines.step_down_ppm < lines.clear_ppm < lines.raise_ppm == raise_ppm
    assert lines.clear_ppm == pytest.approx(0.9 * raise_ppm, abs=1)
    assert lines.step_down_ppm == pytest.approx(0.5 * raise_ppm, abs=1)


def test_dwells_are_days():
    lines = rules(clear_dwell_days=3, step_down_dwell_days=5).lines(200_000)
    assert (lines.clear_dwell_ms, lines.step_down_dwell_ms) == (3 * DAY_MS, 5 * DAY_MS)


@pytest.mark.parametrize(("allocation", "team"), [("duty-east", "duty-east"), ("", "mash"), ("disbanded", "mash")])
def test_a_child_goes_to_its_own_team_or_to_the_front_door(allocation, team):
    assert rules().team(allocation).name == team


def at(text):
    return int(datetime.fromisoformat(text).replace(tzinfo=LOCAL).timestamp() * 1000)


@pytest.mark.parametrize(
    ("hours", "raised", "answer"),
    [
        (4, "2026-06-01T10:00", "2026-06-01T14:00"),  # a Monday
        (4, "2026-06-01T13:00", "2026-06-01T17:00"),
        (4, "2026-06-01T15:30", "2026-06-02T11:30"),
        (4, "2026-06-01T06:00", "2026-06-01T13:00"),
        (4, "2026-06-01T20:00", "2026-06-02T13:00"),
        (4, "2026-06-05T16:00", "2026-06-08T12:00"),  # over a weekend
        (4, "2026-06-06T12:00", "2026-06-08T13:00"),
        (10, "2026-06-01T09:00", "2026-06-02T11:00"),
        (4, "2026-12-24T16:00", "2026-12-29T12:00"),  # over Christmas, a weekend and the day after
        (4, "2026-03-27T16:00", "2026-03-30T12:00"),  # over the change to summer time
    ],
)
def test_an_answer_is_due_in_working_hours(hours, raised, answer):
    chosen = rules(holidays=["2026-12-25", "2026-12-28"])
    assert chosen.respond_by(Team("t", "council", hours), at(raised)) == at(answer)


def test_working_hours_are_a_choice():
    chosen = rules(day_starts=0, day_ends=60)
    raised = at("2026-06-01T00:30")
    assert chosen.respond_by(Team("t", "council", 1), raised) == raised + 24 * HOUR_MS
