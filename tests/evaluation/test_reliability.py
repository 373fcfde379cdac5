"""Calibration figures against models whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit
from sklearn.metrics import brier_score_loss, log_loss

from recsys.evaluation.reliability import Predictions, calibrate

USERS, EACH = 200, 100


def rows(seed: int = 0, *, told: float = 1.0, shift: float = 0.0) -> Predictions:
    """Events drawn from true chances, reported as ``told * logit + shift``."""
    rng = np.random.default_rng(seed)
    z = rng.normal(-2.5, 1.2, USERS * EACH)
    return Predictions(
        user=np.repeat(np.arange(USERS), EACH),
        chance=expit(told * z + shift),
        happened=rng.random(len(z)) < expit(z),
        weight=np.ones(len(z)),
        n_users=USERS,
    )


def test_true_chances_are_found_good():
    found = calibrate(rows())
    assert found is not None
    assert found.good
    for figure, truth in ((found.expected_observed, 1), (found.slope, 1), (found.intercept, 0)):
        assert figure.low <= truth <= figure.high
    assert found.gain.low > 0
    for point in found.curve:
        assert point.predicted == pytest.approx(point.observed.value, rel=0.5)


@pytest.mark.parametrize(("told", "slope"), [(2.0, 0.5), (0.5, 2.0)])
def test_bold_and_timid_scores_show_in_the_slope(told, slope):
    found = calibrate(rows(told=told))
    assert found is not None
    assert found.slope.value == pytest.approx(slope, rel=0.1)
    assert not found.good


def test_claiming_too_much_shows_in_expected_over_observed():
    found = calibrate(rows(shift=np.log(2)))
    assert found is not None
    assert found.expected_observed.low > 1.4
    assert found.slope.value == pytest.approx(1, rel=0.1)
    assert found.intercept.value == pytest.approx(-np.log(2), abs=0.1)
    assert not found.good


def test_losses_are_those_of_scikit_learn_with_weights():
    r = rows(3)
    weight = np.random.default_rng(1).uniform(0.1, 5, len(r.chance))
    found = calibrate(Predictions(r.user, r.chance, r.happened, weight, r.n_users))
    assert found is not None
    assert found.log_loss.value == pytest.approx(log_loss(r.happened, r.chance, sample_weight=weight))
    assert found.brier.value == pytest.approx(brier_score_loss(r.happened, r.chance, sample_weight=weight))
    rate = np.average(r.happened, weights=weight)
    assert found.base_rate == pytest.approx(rate)
    assert found.base_log_loss.value == pytest.approx(
        log_loss(r.happened, np.full(len(weight), rate), sample_weight=weight)
    )


@settings(max_examples=10)
@given(st.integers(2, 5), st.integers(0, 1_000))
def test_a_row_of_weight_n_is_n_rows(times, seed):
    r = rows(seed)
    few = slice(0, 1_000)
    weight = np.where(r.happened[few], 1, times)
    once = Predictions(r.user[few], r.chance[few], r.happened[few], weight.astype(float), 10)
    again = np.repeat(np.arange(1_000), weight)
    spelled = Predictions(r.user[again], r.chance[again], r.happened[again], np.ones(len(again)), 10)
    a, b = calibrate(once, resamples=100), calibrate(spelled, resamples=100)
    assert a is not None
    assert b is not None
    for name in ("log_loss", "brier", "expected_observed", "slope", "intercept"):
        assert getattr(a, name).value == pytest.approx(getattr(b, name).value, rel=1e-6)


def test_bins_hold_all_candidates_and_rise():
    found = calibrate(rows())
    assert found is not None
    assert sum(b.candidates for b in found.curve) == USERS * EACH
    predicted = [b.predicted for b in found.curve]
    assert predicted == sorted(predicted)


@pytest.mark.parametrize("happened", [False, True])
def test_nothing_to_measure_where_nothing_differs(happened):
    r = rows()
    assert calibrate(Predictions(r.user, r.chance, np.full(len(r.chance), happened), r.weight, r.n_users)) is None


def test_one_prediction_for_all_has_no_slope_and_no_error():
    r = rows()
    rate = float(r.happened.mean())
    found = calibrate(Predictions(r.user, np.full(len(r.chance), rate), r.happened, r.weight, r.n_users))
    assert found is not None
    assert found.expected_observed.value == pytest.approx(1)
    assert found.log_loss.value == pytest.approx(found.base_log_loss.value)
    assert not found.good


def test_certainty_that_fails_costs_a_finite_loss():
    r = rows()
    found = calibrate(Predictions(r.user, np.where(r.happened, 0.0, 1.0), r.happened, r.weight, r.n_users))
    assert found is not None
    assert np.isfinite(found.log_loss.value)
    assert found.log_loss.value > 20
