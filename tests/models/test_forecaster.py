"""The Forecaster: one pass is every origin, scale changes nothing, what is missing has no loss."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.metrics import mase
from ostinato.models import naive, seasonal_naive, theta
from ostinato.models.forecasting.quality.conformal import corrections
from ostinato.models.forecasting.series.season import detect_season

SEASON, HORIZON = 4, 5


def made(count: int = 12, seed: int = 0, shift: float = 20.0) -> list[Any]:
    """Series of a season, a trend and noise, of different lengths."""
    rng = np.random.default_rng(seed)
    found = []
    for n in range(count):
        t = np.arange(int(rng.integers(24, 40)))
        found.append(shift + 3 * np.sin(2 * np.pi * t / SEASON + n) + 0.1 * t + rng.normal(size=len(t)))
    return found


def model(**options: Any) -> Any:
    given = {"horizon": HORIZON, "season": SEASON, "hidden_size": 6, "max_iter": 3, "random_state": 1}
    return ost.Forecaster(**{**given, **options})


@pytest.mark.parametrize("shift", [20.0, 0.0])
def test_a_backtest_in_one_pass_is_update_and_predict_at_every_origin(shift):
    history = [one[:-7] for one in made(shift=shift)]
    future = [one[-7:].copy() for one in made(shift=shift)]
    future[2][3] = np.nan
    fitted = model().fit(history)
    found = fitted.backtest(future)
    before = fitted.predict_quantiles()
    for step in range(8):
        expected = fitted.predict_quantiles()
        for n, one in enumerate(expected):
            assert one.tobytes() == found[n][step].tobytes()
        for n, one in enumerate(future):
            if step < 7:
                fitted.update(n, one[step])
    assert not np.array_equal(before, fitted.predict_quantiles())
    # several values in one call, and one id alone
    again = model().fit(history)
    again.update(5, future[5])
    assert again.predict_quantiles()[5].tobytes() == found[5][-1].tobytes()
    assert again.predict_quantiles()[4].tobytes() == before[4].tobytes()


@pytest.mark.parametrize("transform", ["log", "none"])
def test_an_update_is_a_pass_over_the_whole_series(transform):
    series = made()
    series[3][-4] = np.nan
    fitted = model(transform=transform).fit([one[:-6] for one in series])
    whole = fitted.predict_quantiles(series=series)
    for n, one in enumerate(series):
        fitted.update(n, one[-6])
        fitted.update(n, one[-5:])
    assert whole.tobytes() == fitted.predict_quantiles().tobytes()


@pytest.mark.parametrize("transform", ["log", "none"])
def test_forecasts_of_a_thousand_times_the_series_are_a_thousand_times_the_forecasts(transform):
    series = made()
    one = model(transform=transform).fit(series)
    many = model(transform=transform).fit([1000 * values for values in series])
    # Scales of 1000 y are rounded anew, to 1e-16; float32 features and three epochs make 1e-6 of it.
    np.testing.assert_allclose(many.predict(), 1000 * one.predict(), rtol=1e-5)
    # a power of two changes no bit of a number, so nothing at all
    if transform == "none":
        exact = model(transform=transform).fit([1024 * values for values in series])
        assert exact.predict().tobytes() == (1024 * one.predict()).tobytes()


@pytest.mark.parametrize("transform", ["none", "auto"])
def test_a_level_far_above_the_changes_moves_the_forecasts_alone(transform):
    noise = [np.random.default_rng(n).normal(size=40) for n in range(6)]
    found, backtests = {}, {}
    for level in (0.0, 1e3, 1e6, 1e8):
        fitted = model(season=1, transform=transform).fit([level + one[:-2] for one in noise])
        backtests[level] = np.stack(fitted.backtest([level + one[-2:] for one in noise])) - level
        for n, one in enumerate(noise):
            fitted.update(n, level + one[-2:])
        found[level] = fitted.predict_quantiles() - level
        assert np.array_equal(backtests[level][:, -1] + level, found[level] + level)
    # Values near 1e8 are rounded by 7e-9; training in float32 makes some 1e-5 of it.
    np.testing.assert_allclose(backtests[1e6], backtests[1e8], rtol=0, atol=1e-3)
    # At 1e3 a change is about the least that the feature of the unit has, and logarithms still bend a little.
    np.testing.assert_allclose(backtests[1e3], backtests[1e6], rtol=0, atol=0.05)
    # At 0 that feature is another number, so the network is another one: a fraction of the noise, which is 1.
    np.testing.assert_allclose(backtests[0.0], backtests[1e6], rtol=0, atol=1.0)


def test_few_changes_of_a_large_constant_have_sane_forecasts():
    series = [np.full(40, 1e6) for _ in range(4)]
    for n in range(3):
        series[n][20 + n :] += 1.0
    found = model(season=1).fit(series).predict_quantiles()
    assert np.abs(found[:3] - 1e6 - 1.0).max() < 1.0  # a change of 1 is the largest there was
    np.testing.assert_allclose(found[3], 1e6, rtol=1e-15)  # one rounding of exp(log y)


def test_a_covariate_that_was_constant_up_to_rounding_may_change():
    series = np.random.default_rng(0).normal(20.0, size=25 + HORIZON)[:25]
    constant, later = np.full(25 + HORIZON, 0.1), np.full(25 + HORIZON, 0.2)
    assert constant.std() > 0  # the mean is rounded
    fitted = model().fit([series], future=[constant])
    found = fitted.predict_quantiles(series=[series], future=[later])
    assert np.abs(found).max() < 100


def test_an_answer_does_not_depend_on_other_series():
    series = made()
    fitted = model().fit(series)
    new = made(9, seed=5)
    together = fitted.predict_quantiles(series=new)
    for n, one in enumerate(new):
        assert fitted.predict_quantiles(series=[one])[0].tobytes() == together[n].tobytes()


def test_missing_values_have_no_loss_and_no_forecast_is_missing():
    series = made()
    with_gaps = [one.copy() for one in series]
    for one in with_gaps:
        one[[3, 11, -1]] = np.nan
    fitted = model().fit(with_gaps)
    assert np.isfinite(fitted.predict_quantiles()).all()
    assert np.isfinite(fitted.loss_curve_).all()
    fitted.update(0, np.nan)
    assert np.isfinite(fitted.predict()).all()


def test_quantiles_rise_and_the_median_is_the_forecast():
    fitted = model(quantiles=(0.1, 0.5, 0.9)).fit(made())
    quantiles = fitted.predict_quantiles()
    assert quantiles.shape == (12, HORIZON, 3)
    assert (np.diff(quantiles, axis=-1) >= 0).all()
    assert fitted.predict().tobytes() == quantiles[:, :, 1].tobytes()
    assert fitted.predict(2).tobytes() == quantiles[:, :2, 1].tobytes()


def test_a_file_holds_where_each_series_stands(tmp_path: Path):
    series = {"a": made()[0], "b": made()[1]}
    fitted = model().fit(series)
    fitted.update("b", 21.5)
    fitted.save(tmp_path / "model.safetensors")
    again = ost.load(tmp_path / "model.safetensors")
    assert again.ids_ == ["a", "b"] and again.season_ == SEASON
    for one in (fitted, again):
        one.update("a", [19.0, 22.0])
    assert again.predict_quantiles().tobytes() == fitted.predict_quantiles().tobytes()


def test_two_fits_with_warm_start_are_one():
    whole = model(max_iter=4).fit(made())
    halves = model(max_iter=2, warm_start=True).fit(made()).fit(made())
    assert halves.network_.arena.tobytes() == whole.network_.arena.tobytes()
    assert halves.predict().tobytes() == whole.predict().tobytes()


def test_windows_left_out_measure_the_skill_and_correct_the_quantiles():
    series = made(60)
    fitted = model(early_stopping=True, max_iter=30, hidden_size=12).fit(series)
    assert set(fitted.skill_) == {"model", "naive", "seasonal_naive", "theta"}
    assert fitted.skill_["model"] < fitted.skill_["naive"]
    plain = model(early_stopping=True, max_iter=30, hidden_size=12, conformal=False).fit(series)
    assert not np.array_equal(plain.predict_quantiles(), fitted.predict_quantiles())
    assert model().fit(series[:9]).skill_ is None


def test_corrected_intervals_hold_as_often_as_they_say():
    rng = np.random.default_rng(0)
    wanted = rng.normal(size=4000)
    predicted = np.tile([-0.5, 0.0, 0.5], (4000, 1))
    moved = corrections(predicted[:2000], wanted[:2000], (0.1, 0.5, 0.9))
    assert moved[1] == 0.0
    low, _, high = (predicted + moved)[2000:].T
    # three deviations of a share of 0.8 among 2,000, once for the corrections and once for the test
    held = ((low <= wanted[2000:]) & (wanted[2000:] <= high)).mean()
    assert abs(held - 0.8) < 3 * np.sqrt(2 * 0.8 * 0.2 / 2000)


def test_the_season_is_found():
    t = np.arange(120)
    rng = np.random.default_rng(0)
    assert detect_season([np.sin(2 * np.pi * t / 12) + 0.3 * rng.normal(size=120)]) == 12
    assert detect_season([5 + t * 0.1 + np.sin(2 * np.pi * t / 7) + 0.1 * rng.normal(size=120)]) == 7
    assert detect_season([rng.normal(size=120) for _ in range(5)]) == 1
    assert detect_season([rng.normal(size=120).cumsum() for _ in range(5)]) == 1
    assert model(season="auto", max_iter=1).fit(made()).season_ == SEASON


def test_rivals_are_their_formulas():
    series = np.array([1.0, 2.0, 3.0, 4.0, np.nan, 6.0])
    assert naive(series, 2).tolist() == [6.0, 6.0]
    assert seasonal_naive(series, 5, 3).tolist() == [4.0, 2.0, 6.0, 4.0, 2.0]
    # no season before the missing value: the last one known
    assert seasonal_naive([0.0, np.nan, 2.0, 3.0, 4.0], 4, 4).tolist() == [4.0, 2.0, 3.0, 4.0]
    line = 5.0 + 2.0 * np.arange(30)
    # A perfect line: the best rate of the grid is 0.99, which is behind the line by (1 - 0.99) / 0.99 slopes,
    # and the drift of half the slope begins with 1 / 0.99 steps.
    expected = line[-1] - 2.0 * 0.01 / 0.99 + np.arange(3) + 1.0 / 0.99
    assert np.abs(theta(line, 3) - expected).max() < 1e-9
    assert mase(seasonal_naive(line, 4, 4), line[:4], line, 4) > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: model().fit([]), "y has no series"),
        (lambda: model().fit([[1.0, np.inf, 2.0]]), r"y\[0\] has inf at 1"),
        (lambda: model().fit([[1.0, np.nan]]), r"y\[0\] has 1 values, and 1 that are NaN"),
        (lambda: model().fit({2.5: [1.0, 2.0]}), "y has the id 2.5"),
        (lambda: model(horizon=0).fit(made()), "Forecaster: horizon is 0"),
        (lambda: model(quantiles=(0.9, 0.1)).fit(made()), "expected rising numbers"),
        (lambda: model(quantiles=(0.1, 0.9)).fit(made()), "without 0.5, the median"),
        (lambda: model().fit({True: [1.0, 2.0]}), "y has the id True"),
        (lambda: model().fit(Table([("a", [1.0, 2.0]), ("a", [3.0, 4.0])])), "y has two columns 'a'"),
        (lambda: model().fit(Table([("a", ["x", "y"])])), r"y\['a'\]"),
        (lambda: model(max_iter=1).fit({"1": made()[0], 2: made()[1]}).update(3, 1.0), "ids: '1', 2$"),
        (lambda: model().fit({"a": [1.0, None, 2.0]}), r"y\['a'\] has None at 1; expected numbers, or NaN"),
        (lambda: model().fit([["1", "2"]]), r"y\[0\] has '1' at 0; expected numbers"),
        (lambda: FITTED().update(0, [1.0, np.inf]), "update: y has inf at 1"),
        (lambda: FITTED().update(0, None), "update: y has None at 0; expected numbers, or NaN"),
        (lambda: model(season="monthly").fit(made()), "season is 'monthly'; expected steps"),
        (lambda: model(transform="log").fit([[1.0, 0.0, 2.0]]), "series 0 has 0.0 at 1"),
        (lambda: model().predict(), "not fitted"),
        (lambda: FITTED(method="direct").predict(HORIZON + 1), "this model forecasts 5 steps"),
        (
            lambda: model().fit(np.ones((60, 3))),
            r"y is \(60, 3\), which is 60 series of 3 steps, .* give y.T",
        ),
        (lambda: model().fit([[1.0, 2.0], None]), r"y\[1\] is None; expected numbers"),
        (lambda: FITTED().update("x", 1.0), "id is 'x', which is no series"),
        (lambda: FITTED().update(0, -1.0), "y has -1.0 at 0; the model forecasts logarithms"),
        (lambda: FITTED().backtest([[1.0]]), "y has 1 series; the model has 12"),
    ],
)
def test_what_does_not_fit_is_named(call, words):
    with pytest.raises(ost.OstinatoError, match=words):
        call()


class Table:
    """The part of a table of pandas that is read."""

    def __init__(self, columns: list[tuple[Any, Any]]) -> None:
        self.columns, self.dtypes = [name for name, _ in columns], []
        self._values = [np.asarray(values) for _, values in columns]

    def __getitem__(self, name: Any) -> Any:
        return self._values[self.columns.index(name)]

    def to_numpy(self) -> Any:
        return np.stack(self._values, 1)


def test_the_columns_of_a_table_are_series():
    series = [one[:24] for one in made(3)]
    found = model().fit(Table([(f"s{n}", one) for n, one in enumerate(series)]))
    assert found.ids_ == ["s0", "s1", "s2"]
    assert found.predict().tobytes() == model().fit(series).predict().tobytes()
    assert len(found.backtest(Table([("s2", [20.0, 21.0])]))) == 1


def test_an_integer_of_numpy_is_an_id():
    series = made(3)
    found = model(max_iter=1).fit({np.int64(n): one for n, one in enumerate(series)})
    plain = model(max_iter=1).fit(series)
    assert [type(one) for one in found.ids_] == [int] * 3
    for one, id in ((found, 2), (plain, np.int32(2))):
        one.update(id, 21.5)
    assert found.predict().tobytes() == plain.predict().tobytes()
    assert found.backtest({np.int64(1): [20.0]})[0].shape == (2, HORIZON, 9)


def test_a_fit_tells_how_it_understood_the_series(capsys):
    fitted = model(max_iter=1, verbose=True).fit(np.array([one[:24] for one in made()]))
    assert "12 series of 24 steps, season 4\n" in capsys.readouterr().err
    assert fitted.explain().startswith("12 series of 24 steps, season 4\n")
    fitted.update(0, 20.0)
    assert fitted.explain().startswith("12 series of 24 to 25 steps, season 4\n")


def FITTED(**options: Any) -> Any:
    return model(max_iter=1, **options).fit(made())
