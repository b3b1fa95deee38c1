"""Recursive forecasts: sample paths by feedback, beyond the horizon, the same bits by every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.forecasting.outputs.distributions import DISTRIBUTIONS
from tests.models.test_forecaster import HORIZON, made, model

METHODS = [
    {"method": "direct"},
    {"method": "auto"},
    {"method": "recursive"},
    {"method": "recursive", "distribution": "student_t"},
    {"method": "recursive", "distribution": "negative_binomial"},
]


def series_for(options: dict[str, Any], count: int = 12, seed: int = 0) -> list[Any]:
    found = made(count, seed)
    return [np.rint(one) for one in found] if "negative" in str(options) else found


each = pytest.mark.parametrize("options", METHODS, ids=lambda one: "-".join(one.values()))


@each
def test_a_backtest_is_update_and_predict_at_every_origin(options: dict[str, Any]):
    whole = series_for(options)
    history, future = [one[:-4] for one in whole], [one[-4:].copy() for one in whole]
    future[2][1] = np.nan
    fitted = model(max_iter=2, **options).fit(history)
    found = fitted.backtest(future)
    for step in range(5):
        expected = fitted.predict_quantiles()
        for n, one in enumerate(expected):
            assert one.tobytes() == found[n][step].tobytes()
        for n, one in enumerate(future):
            if step < 4:
                fitted.update(n, one[step])
    # and a pass over the whole series
    known = [np.concatenate(pair) for pair in zip(history, future, strict=True)]
    assert fitted.predict_quantiles(series=known).tobytes() == fitted.predict_quantiles().tobytes()


@each
def test_an_answer_does_not_depend_on_other_series(options: dict[str, Any]):
    fitted = model(max_iter=2, **options).fit(series_for(options))
    new = series_for(options, 7, seed=5)
    together = fitted.predict_quantiles(series=new)
    for n, one in enumerate(new):
        assert fitted.predict_quantiles(series=[one])[0].tobytes() == together[n].tobytes()
    if options["method"] != "direct":
        named = {f"s{n}": one for n, one in enumerate(new)}
        paths = fitted.sample(7, 9, seed=3, series=named)
        alone = fitted.sample(7, 9, seed=3, series={"s4": new[4]})
        assert paths.shape == (7, 9, 7) and alone[0].tobytes() == paths[4].tobytes()
        assert fitted.sample(7, 9, seed=4, series=named).tobytes() != paths.tobytes()


@each
def test_a_file_continues_alike(options: dict[str, Any], tmp_path: Path):
    fitted = model(max_iter=1, **options).fit(series_for(options))
    fitted.save(tmp_path / "model")
    again = ost.load(tmp_path / "model")
    for one in (fitted, again):
        one.update(1, 21.0)
    steps = HORIZON + (0 if options["method"] == "direct" else 4)
    assert again.predict_quantiles(steps).tobytes() == fitted.predict_quantiles(steps).tobytes()
    if options["method"] != "direct":
        assert again.sample(3, 5, seed=1).tobytes() == fitted.sample(3, 5, seed=1).tobytes()


@each
def test_a_thousand_times_the_series_have_a_thousand_times_the_forecasts(options: dict[str, Any]):
    if options.get("distribution") == "negative_binomial":
        pytest.skip("counts have no units")
    plain = model(transform="none", **options).fit(made())
    exact = model(transform="none", **options).fit([1024 * one for one in made()])
    # a power of two changes no bit of a number
    assert exact.predict().tobytes() == (1024 * plain.predict()).tobytes()
    many = model(transform="none", **options).fit([1000 * one for one in made()])
    # float32 features of values that were rounded anew, through 36 updates: about 2e-6 of the values
    np.testing.assert_allclose(many.predict(), 1000 * plain.predict(), rtol=1e-4)


def test_auto_is_direct_within_the_horizon_and_recursive_beyond():
    fitted = model(method="auto").fit(made())
    long = fitted.predict_quantiles(HORIZON + 6)
    assert long.shape == (12, HORIZON + 6, 9)
    assert long[:, :HORIZON].tobytes() == fitted.predict_quantiles().tobytes()
    assert (np.diff(long, axis=-1) >= 0).all() and np.isfinite(long).all()
    for call in (lambda one: one.predict(HORIZON + 1), lambda one: one.sample()):
        with pytest.raises(ost.ConfigError, match="with method='auto'"):
            call(model(method="direct", max_iter=1).fit(made()))


def test_paths_are_joint():
    # Of random walks: the spread grows, and neighboring steps are alike. Independent draws of each step would
    # have a correlation of 0, those of a walk have one of 0.95 here.
    rng = np.random.default_rng(0)
    walks = [50 + rng.normal(size=60).cumsum() for _ in range(20)]
    fitted = ost.Forecaster(
        horizon=8, season=1, method="recursive", hidden_size=8, max_iter=30, transform="none", random_state=0
    ).fit(walks)
    paths = fitted.sample(16, 400, seed=0)
    spread = paths.std(axis=1).mean(axis=0)
    assert spread[15] > 1.5 * spread[0]
    near = np.mean([np.corrcoef(one[:, 8], one[:, 9])[0, 1] for one in paths])
    assert near > 0.5
    # quantiles are those of the paths: of 200 against 400, within three deviations of a median of 200
    medians = np.median(paths[:, :, :8], axis=1)
    assert np.abs(medians - fitted.predict()).mean() < 3 * 1.25 * spread[7] / np.sqrt(200)


def test_counts_are_counts():
    rng = np.random.default_rng(1)
    counts = [rng.negative_binomial(4, 4 / (4 + 3.0 + n % 5), size=80).astype(float) for n in range(20)]
    fitted = ost.Forecaster(
        horizon=4, season=1, method="recursive", distribution="negative_binomial", max_iter=30, random_state=0
    ).fit(counts)
    paths = fitted.sample(3, 300)
    assert (paths >= 0).all() and (paths == np.rint(paths)).all()
    quantiles = fitted.predict_quantiles(6)
    assert (
        (quantiles >= 0).all() and (quantiles == np.rint(quantiles)).all() and not np.signbit(quantiles).any()
    )
    found = fitted.backtest([one[:2] for one in counts])
    assert all((one == np.rint(one)).all() for one in found)
    assert 3.5 < paths.mean() < 6.5  # the mean of all series is 5
    with pytest.raises(ost.ConfigError, match=r"y\[0\] has 1.5 at 1; distribution='negative_binomial'"):
        fitted.fit([[1.0, 1.5, 2.0]])
    with pytest.raises(ost.ConfigError, match=r"update: y has -1.0 at 0"):
        fitted.update(0, -1.0)


def test_quantiles_of_counts_are_those_of_their_paths():
    rng = np.random.default_rng(0)
    counts = [(rng.random(60) < 0.2) * rng.poisson(3, 60).astype(float) for _ in range(5)]
    fitted = model(season=1, method="recursive", distribution="negative_binomial", conformal=False).fit(
        counts
    )
    paths, found = fitted.sample(3, 4000), fitted.predict_quantiles(3)
    for place, level in enumerate(fitted.quantiles):
        below = (paths <= found[:, None, :, place]).mean(1)
        under = (paths < found[:, None, :, place]).mean(1)
        # Three deviations of a share of the 200 paths that quantiles are taken from.
        assert (below > level - 0.11).all() and (under < level + 0.11).all()
    # direct quantiles too: 0.3 is no count, nor is -0.1
    direct = model(season=1, method="auto", distribution="negative_binomial").fit(counts).predict_quantiles()
    assert (direct >= 0).all() and (direct == np.rint(direct)).all()


@pytest.mark.parametrize("name", list(DISTRIBUTIONS))
def test_draws_have_the_density_of_their_loss(name: str):
    chosen, count = DISTRIBUTIONS[name], 20000
    outputs = {"normal": [0.3, -0.5], "student_t": [0.3, -0.5, 0.2], "negative_binomial": [0.1, 0.4]}[name]
    base = [1.2] * chosen.is_counts
    rows = np.tile(np.array(outputs + base), (1, count, 1))
    drawn = np.sort(chosen.draw(rows, chosen.noise([[7]], 1, count), 0)[0])
    grid = np.arange(80.0) if chosen.is_counts else np.linspace(-25, 25, 801)
    log_base = np.array(base or [0.0])
    losses = [float(np.sum(chosen.nll(np.array(outputs), np.array([one]), log_base))) for one in grid]
    density = np.exp(-np.array(losses))
    cumulative = density.cumsum() / density.sum()
    if not chosen.is_counts:
        cumulative -= 0.5 * density / density.sum()  # at the middle of each cell
    found = np.searchsorted(drawn, grid, side="right") / count
    # Kolmogorov's distance of 20,000 draws is below 1.95 / sqrt(20,000) in 999 of 1,000 cases
    assert np.abs(found - cumulative).max() < 1.95 / np.sqrt(count)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"method": "both"}, "method is 'both'"),
        ({"distribution": "cauchy"}, "distribution is 'cauchy'"),
        ({"method": "direct", "distribution": "normal"}, "which method='direct' does not use"),
        ({"distribution": "negative_binomial", "transform": "log"}, "counts have no logarithm"),
    ],
)
def test_options_that_do_not_fit_are_named(options: dict[str, Any], words: str):
    with pytest.raises(ost.ConfigError, match=words):
        model(**options).fit(made())
