import random
from importlib import resources

import msgspec
import numpy as np
import pytest

from streams.alerting.rules import parse_rules
from streams.risk import learn
from streams.risk.features import MICRO, NAMES, WIDTH
from streams.risk.learn import (
    Learned,
    Learner,
    Prior,
    begin,
    calibrated,
    fit_map,
    moves_too_much,
    raw_model,
    rule_model,
    stage,
)
from streams.risk.model import logit, ppm

PRIOR = Prior("p", NAMES, (0.1,) * WIDTH, (0.2,) * WIDTH, (0.3,) * WIDTH, -4.0, 1.0, 1.0)


def examples(count, seed=1):
    chance = random.Random(seed)
    for _ in range(count):
        x = tuple(int(chance.gammavariate(0.3, 1) * MICRO) for _ in range(WIDTH))
        yield x, chance.random() < min(0.9, 0.05 + 0.2 * x[0] / MICRO), 1.0


def taught(learner, of):
    for x, positive, weight in of:
        learner.learn(x, positive, weight)
    return learner


def test_a_learner_goes_on_from_its_row_bit_for_bit():
    whole = taught(Learner(begin(None), frozen_until_all=False), examples(300)).row()
    cut = Learner(begin(None), frozen_until_all=False)
    for n, (x, positive, weight) in enumerate(examples(300)):
        if n % 37 == 0:
            cut = Learner(cut.row(), frozen_until_all=False)
        cut.learn(x, positive, weight)
    assert cut.row() == whole


def test_it_learns_what_matters():
    row = taught(Learner(begin(None), frozen_until_all=False), examples(2000)).row()
    model = raw_model(row, "all", 1, 0)
    assert model.weights[0] > 2 * max(map(abs, model.weights[1:]))
    assert row.examples == 2000
    assert row.positives > 100


def test_a_feature_first_seen_late_is_learned_too():
    learner = Learner(begin(None), frozen_until_all=False)
    for x, positive, weight in examples(learn.SCALE_EXAMPLES + 10):
        learner.learn((*x[:-1], 0), positive, weight)
    for n in range(60):
        learner.learn((*(0,) * (WIDTH - 1), MICRO * (n % 3)), n % 3 > 0, 1.0)
    assert raw_model(learner.row(), "all", 1, 0).weights[-1] > 0


def test_newton_steps_come_to_the_batch_solution():
    """The posterior mode over the same examples, by full Newton iterations of bounded length on scaled features."""
    shown = list(examples(4000))
    wide = msgspec.structs.replace(begin(PRIOR), covariance=Learned().covariance)
    learner = taught(Learner(wide, frozen_until_all=False), shown)
    mean, deviation = np.array(PRIOR.means), np.array(PRIOR.variances) ** 0.5
    x = np.array([[*((np.array(x) / MICRO - mean) / deviation), 1.0] for x, _, _ in shown])
    y = np.array([positive for _, positive, _ in shown], float)
    start = np.array(begin(PRIOR).weights)
    precision = np.diag([1 / learn.WEIGHT_VARIANCE] * WIDTH + [1 / learn.INTERCEPT_VARIANCE])
    w = start.copy()
    for _ in range(40):
        p = 1 / (1 + np.exp(-(x @ w)))
        hessian = x.T @ (x * (p * (1 - p))[:, None]) + precision
        step = np.linalg.solve(hessian, x.T @ (y - p) - precision @ (w - start))
        w += step * min(1.0, 0.5 / np.abs(step).max())
    assert np.abs(np.array(learner.row().weights) - w).max() < 0.1


def test_weights_from_elsewhere_are_held_to_more_than_those_begun_at_nothing():
    shown = list(examples(1000))
    wide = msgspec.structs.replace(begin(PRIOR), covariance=Learned().covariance)
    moved = [
        np.abs(np.array(taught(Learner(row, frozen_until_all=False), shown).row().weights[:-1]) - 0.3).max()
        for row in (begin(PRIOR), wide)
    ]
    assert moved[0] < moved[1] / 2


def test_a_prior_waits_until_enough_positives_have_resolved():
    learner = Learner(begin(PRIOR), frozen_until_all=True)
    start = begin(PRIOR)
    for n in range(learn.POSITIVES_ALL - 1):
        learner.learn((MICRO,) * WIDTH, True, 1.0)
        row = learner.row()
        assert row.weights[:-1] == start.weights[:-1]
        assert (row.weights[-1] == start.weights[-1]) == (n + 1 < learn.POSITIVES_INTERCEPT)
    learner.learn((MICRO,) * WIDTH, True, 1.0)
    learner.learn((0,) * WIDTH, True, 1.0)
    assert learner.row().weights[:-1] != start.weights[:-1]


def test_the_stage_is_said():
    def at(positives, prior):
        return stage(learn.Learned(positives=positives), prior)

    assert [at(n, PRIOR) for n in (0, 20, 199, 200)] == ["prior", "intercept", "intercept", "all"]
    assert [at(n, None) for n in (0, 199, 200)] == ["rule", "rule", "all"]


def test_a_published_model_scores_what_the_learner_would():
    learner = taught(Learner(begin(PRIOR), frozen_until_all=False), examples(500))
    model = raw_model(learner.row(), "all", 1, 0)
    for x, _, _ in examples(20, seed=2):
        features = {name: value / MICRO for name, value in zip(NAMES, x, strict=True)}
        scaled = learner._scaler.transform_one(features)
        p = learner.probability([*scaled.values(), 1.0])
        assert ppm(logit(model, x)) / 1e6 == pytest.approx(p, abs=1e-4)


def test_calibration_is_a_map_of_log_odds():
    model = raw_model(begin(PRIOR), "prior", 1, 0)
    mapped = calibrated(model, 0.5, 1.0)
    x = (2 * MICRO,) * WIDTH
    assert logit(mapped, x) == pytest.approx(0.5 * logit(model, x) + MICRO, abs=100)


def test_a_fit_finds_the_map_and_stays_in_bounds():
    chance = random.Random(3)
    z = [int(chance.gauss(-2, 1) * MICRO) for _ in range(20_000)]
    yes = [chance.random() < ppm(int(0.8 * one + 0.5 * MICRO)) / 1e6 for one in z]
    slope, shift = fit_map(z, yes, (1.0, 1.0))
    assert slope == pytest.approx(0.8, abs=0.07)
    assert shift == pytest.approx(0.5, abs=0.15)
    wild, _ = fit_map(z, [one > 0 for one in z], (1.0, 0.0))
    assert wild == learn.SLOPE_MAX
    backwards, _ = fit_map(z, [one < 0 for one in z], (1.0, 0.0))
    assert backwards == learn.SLOPE_MIN


def test_a_fit_without_positives_is_the_prior():
    assert fit_map([0] * 100, [True] * 49 + [False] * 51, (0.9, 0.4)) == (0.9, 0.4)


@pytest.mark.parametrize(
    ("before", "after", "refused"), [(9, 0, False), (10, 15, False), (10, 16, True), (10, 5, False), (10, 4, True)]
)
def test_a_map_that_moves_the_alerts_by_more_than_half_is_refused(before, after, refused):
    assert moves_too_much(before, after) is refused


def test_a_prior_is_for_the_features_there_are(tmp_path, monkeypatch):
    assert learn.load_prior("nobody") is None
    assert learn.load_prior("../learn") is None
    monkeypatch.setattr(learn.resources, "files", lambda _: tmp_path)
    (tmp_path / "priors").mkdir()
    file = tmp_path / "priors" / "donor.json"
    file.write_bytes(msgspec.json.encode(PRIOR))
    assert learn.load_prior("donor") == PRIOR
    file.write_bytes(msgspec.json.encode(msgspec.structs.replace(PRIOR, features=NAMES[1:])))
    assert learn.load_prior("donor") is None


def test_the_rule_can_be_published():
    assert (rule_model(4, 7).version, rule_model(4, 7).stage, rule_model(4, 7).published_at) == (4, "rule", 7)


PRIORS = sorted(
    path.name for path in (resources.files("streams.risk") / "priors").iterdir() if path.name[-5:] == ".json"
)


@pytest.mark.parametrize("file", PRIORS)
def test_a_prior_that_ships_is_for_the_features_of_today(file):
    """If this fails the features changed: `python -m benchmarks.prior` makes it anew."""
    prior = learn.load_prior(file.removesuffix(".json"))
    assert prior is not None, "it is refused: for other features"
    assert prior.features == NAMES
    assert {len(prior.means), len(prior.variances), len(prior.weights)} == {WIDTH}
    assert min(prior.variances) > 0
    assert learn.SLOPE_MIN <= prior.slope <= learn.SLOPE_MAX
    assert abs(prior.shift) <= learn.SHIFT_MAX
    assert prior.weights[NAMES.index("protective")] < max(prior.weights)


def test_there_is_a_prior_to_choose_and_nobody_gets_it_unasked():
    assert PRIORS
    assert parse_rules('{"front_door": "a", "teams": [{"name": "a", "agency": "b"}]}').prior == ""


@pytest.mark.parametrize("name", ["", "nothing_like_it", "../learn", "synthetic.json"])
def test_there_is_no_prior_of_another_name(name):
    assert learn.load_prior(name) is None


def test_a_prior_of_other_features_is_refused(monkeypatch):
    monkeypatch.setattr(learn, "NAMES", (*NAMES, "shoe_size"))
    for file in PRIORS:
        assert learn.load_prior(file.removesuffix(".json")) is None
