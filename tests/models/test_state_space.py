"""StateSpace: the likelihood of statsmodels, its optimum, and the promises of a forecaster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.forecasting.linear.kalman import KalmanFilter, Structure
from ostinato.models.forecasting.linear.per_row import minimized
from ostinato.models.forecasting.linear.state_space import log_likelihood
from tests.golden.state_space import PLACE, series

GOLDEN = json.loads(PLACE.read_text(encoding="utf-8"))
each = pytest.mark.parametrize(
    "one", GOLDEN, ids=lambda one: f"{one['series']}-{one['trend']}-{one['season']}"
)


@each
def test_the_likelihood_is_that_of_statsmodels(one: dict[str, Any]):
    form = {"trend": one["trend"], "season": one["season"]}
    found = log_likelihood(series()[one["series"]], np.array(one["variances"]), **form)
    # The initial variance is 1e6, there of the values and here of values divided by their deviation, 3: what
    # is left of it after the first values is about 1e-6.
    np.testing.assert_allclose(found, one["log_likelihood"], rtol=2e-6)


@each
def test_the_optimum_is_not_below_that_of_statsmodels(one: dict[str, Any]):
    fitted = ost.StateSpace(
        horizon=6, trend=one["trend"], season=one["season"], transform="none", max_iter=200
    ).fit([series()[one["series"]]])
    assert fitted.log_likelihood_[0] > one["best"] - 1e-3
    if fitted.log_likelihood_[0] < one["best"] + 1e-2:
        # the same optimum; the likelihood is flat there, so forecasts agree to three digits
        np.testing.assert_allclose(fitted.predict()[0], one["forecast"], rtol=1e-3)


@pytest.mark.parametrize("trend", [False, True])
@pytest.mark.parametrize("season", [1, 2, 5])
def test_the_filter_is_its_formula(trend: bool, season: int):
    made, rng = Structure.of(trend, season), np.random.default_rng(season)
    size, noises = made.size, len(made.names)
    y, log_variances = rng.normal(size=12), rng.normal(size=noises + 1)
    known = np.ones(12)
    known[4] = 0.0
    x = np.concatenate([(y * known)[:, None], known[:, None], np.tile(log_variances, (12, 1))], axis=1)
    net = ost.Recurrent(KalmanFilter(trend=trend, season=season), x.shape[1], 2, dtype="float64")
    a, P = rng.normal(size=size), np.eye(size) * 3.0
    run = net.run(x[None], state={"a": a[None, None], "P": P[None, None]})
    F, H = made.transition, made.observation
    Q = np.diag(made.noisy @ np.exp(log_variances[:-1]))
    for t in range(12):
        f = H @ P @ H + np.exp(log_variances[-1])
        error = y[t] * known[t] - H @ a
        np.testing.assert_allclose(run.outputs[0, t], [error, f], rtol=1e-10)
        gain = P @ H / f * known[t]
        a, P = F @ (a + gain * error), F @ (P - np.outer(gain, H @ P)) @ F.T + Q
    np.testing.assert_allclose(run.final_state["P"][0, 0], P, rtol=1e-9, atol=1e-12)


def made_series(count: int = 5) -> list[Any]:
    rng = np.random.default_rng(3)
    return [
        20 + rng.normal(size=30 + n).cumsum() * 0.3 + 3 * np.sin(np.arange(30 + n) * np.pi / 2)
        for n in range(count)
    ]


def test_a_series_does_not_depend_on_others_and_a_thousand_times_it_is_a_thousand_times_the_forecast():
    data = made_series()
    fitted = ost.StateSpace(horizon=4, season=4).fit(data)
    for n, one in enumerate(data):
        alone = ost.StateSpace(horizon=4, season=4).fit([one])
        assert alone.predict_quantiles()[0].tobytes() == fitted.predict_quantiles()[n].tobytes()
    many = ost.StateSpace(horizon=4, season=4, transform="none").fit([1024 * one for one in data])
    plain = ost.StateSpace(horizon=4, season=4, transform="none").fit(data)
    # a power of two changes no bit of a number
    assert many.predict().tobytes() == (1024 * plain.predict()).tobytes()


def test_an_update_is_a_pass_over_the_whole_series(tmp_path: Path):
    data = made_series()
    fitted = ost.StateSpace(horizon=4, season=4, transform="none").fit(
        {str(n): one for n, one in enumerate(data)}
    )
    fitted.save(tmp_path / "model")
    fitted.save(tmp_path / "same", training=False)  # no fit continues it
    assert (tmp_path / "same").read_bytes() == (tmp_path / "model").read_bytes()
    again = ost.load(tmp_path / "model")
    assert again.variances_.tobytes() == fitted.variances_.tobytes()
    for one in (fitted, again):
        one.update("2", 21.0)
        one.update("2", [np.nan, 22.0])
    assert fitted.predict_quantiles().tobytes() == again.predict_quantiles().tobytes()
    assert fitted.predict(9).shape == (5, 9)
    state = fitted._filtered["2"]
    whole = (np.concatenate([data[2], [21.0, np.nan, 22.0]]) - state.center) / state.size
    known = ~np.isnan(whole)
    x = np.concatenate(
        [np.where(known, whole, 0)[:, None], known[:, None], np.tile(state.log_variances, (len(whole), 1))], 1
    )
    start = {"a": np.zeros((1, 1, 5)), "P": 1e6 * np.eye(5)[None, None]}
    assert fitted.network_.run(x[None], state=start).final_state["a"][0, 0].tobytes() == state.a.tobytes()


def test_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(0)
    walks = [rng.normal(size=104).cumsum() + rng.normal(size=104) for _ in range(60)]
    fitted = ost.StateSpace(horizon=4, season=1, trend=False, transform="none").fit(
        [one[:100] for one in walks]
    )
    quantiles = fitted.predict_quantiles()
    truth = np.array([one[100:] for one in walks])
    held = ((quantiles[:, :, 0] <= truth) & (truth <= quantiles[:, :, -1])).mean()
    # 240 values of 60 independent series: three deviations of a share of 0.8 among 60
    assert abs(held - 0.8) < 3 * np.sqrt(0.8 * 0.2 / 60)


def test_bfgs_finds_minima_of_many_rows():
    scales = np.array([[1.0, 4.0], [9.0, 0.5], [1.0, 1.0]])

    def evaluate(x: Any) -> tuple[Any, Any]:
        return (scales * (x - 1.5) ** 2).sum(1) + (x[:, 0] - 1.5) ** 4, np.stack(
            [
                2 * scales[:, 0] * (x[:, 0] - 1.5) + 4 * (x[:, 0] - 1.5) ** 3,
                2 * scales[:, 1] * (x[:, 1] - 1.5),
            ],
            1,
        )

    x, value, iterations = minimized(evaluate, np.zeros((3, 2)), 60, 1e-8)
    assert np.abs(x - 1.5).max() < 1e-6 and np.abs(value).max() < 1e-12 and iterations < 30


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ost.StateSpace(season=40).fit(made_series()), "season is 40; expected at most 31"),
        (
            lambda: ost.StateSpace(season=12).fit([[1.0, 2.0, 3.0]]),
            r"y\[0\] has 3 values; expected more than 13",
        ),
        (lambda: ost.StateSpace(trend="yes").fit(made_series()), "trend is 'yes'"),
        (lambda: ost.StateSpace(tol=0).fit(made_series()), "tol is 0"),
        (lambda: ost.StateSpace().predict(), "not fitted"),
        (
            lambda: ost.StateSpace(season=4).fit(made_series()).update(9, 1.0),
            "update: id is 9, which is no series",
        ),
        (
            lambda: ost.StateSpace(season=4).fit(made_series()).update(0, -1.0),
            "y has -1.0 at 0; the model forecasts",
        ),
    ],
)
def test_what_does_not_fit_is_named(call: Any, words: str):
    with pytest.raises(ost.OstinatoError, match=words):
        call()


def test_the_dates_of_forecasts_follow_the_series(tmp_path: Path):
    months = [str(one) for one in np.datetime64("2024-01") + np.arange(20)]
    columns = {"shop": ["x"] * 20, "month": months, "sales": 9 + np.sin(np.arange(20.0))}
    model = ost.StateSpace(season=1, horizon=2).fit(columns, id="shop", time="month", target="sales")
    model.update("x", [9.0, 9.5])
    model.save(tmp_path / "m")
    for one in (model, ost.load(tmp_path / "m")):
        found = one.predict_table()
        assert list(found) == ["shop", "month", "sales", *(f"{n / 10:g}" for n in range(1, 10))]
        assert found["month"].astype("datetime64[M]").astype(str).tolist() == ["2025-11", "2025-12"]
        assert (found["sales"] == one.predict()[0]).all()
    plain = ost.StateSpace(season=1, horizon=2).fit([columns["sales"]])
    assert plain.predict_table()["step"].tolist() == [1, 2]
    pd = pytest.importorskip("pandas", reason="pandas is not installed; the extra [test] has it")
    late = pd.Series([9.0], index=pd.to_datetime(["2026-01-01"]))
    with pytest.raises(ost.ConfigError, match=r"y begins with 2026-01-01.*expected 2025-11-01"):
        model.update("x", late)
