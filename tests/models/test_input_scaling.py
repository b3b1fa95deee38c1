"""Features of rows whose sizes differ by orders of magnitude."""

import pickle
from pathlib import Path

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.reading.input_scaling import InputScaling

EARLIER = Path(__file__).parents[1] / "golden" / "earlier"
SMALL = {"hidden_size": 6, "max_iter": 12, "batch_size": 8, "random_state": 0}


def recordings(count, seed, low=-4.0, high=3.0):
    """Rising (0) and falling (1) lines of 15 to 25 steps with noise, each times its own power of ten."""
    rng = np.random.default_rng(seed)
    y = np.arange(count) % 2
    X = []
    for kind in y:
        steps = rng.integers(15, 26)
        line = 2 + (1 - 2 * kind) * np.linspace(-1, 1, steps) + 0.2 * rng.normal(size=steps)
        X.append(10.0 ** rng.uniform(low, high) * line[:, None])
    return X, y


def currents(count, seed):
    """Rows of 20 to 39 steps of noise with the mean 0, up to rounding, each times its own power of ten."""
    rng = np.random.default_rng(seed)
    X = []
    for n in range(count):
        steps = int(rng.integers(20, 40))
        row = 0.3 * rng.normal(size=steps) + np.sin(np.linspace(0, 6.28 * (2 + n % 2), steps))
        X.append(((row - row.mean()) * 10 ** rng.uniform(-3, 2))[:, None])
    return X


def inputs(scaling, rows):
    return scaling.apply("test", rows, np.float64)


def test_a_classifier_learns_shapes_of_any_size():
    X, y = recordings(160, 0)
    found = {
        scale: ost.SequenceClassifier(**SMALL, scale=scale).fit(X[:80], y[:80]).score(X[80:], y[80:])
        for scale in (True, "features")
    }
    assert found[True] > 0.95 and found["features"] < 0.8, found


def test_a_relative_row_times_a_factor_has_the_same_shape():
    X, _ = recordings(20, 1)
    scaling = InputScaling.of(X, None)
    assert scaling.relative.all() and (scaling.width, scaling.inputs) == (1, 4)
    one, thousand = inputs(scaling, [X[0]])[0], inputs(scaling, [1000 * X[0]])[0]
    # 1e-12: a rounding of each number; 1e-9: differences of such numbers
    np.testing.assert_allclose(thousand[:, 1], one[:, 1], rtol=1e-12)
    larger = np.log(1000) / scaling.scaler.deviation[2]
    np.testing.assert_allclose(thousand[:, 2] - one[:, 2], larger, rtol=1e-9)
    np.testing.assert_allclose(thousand[:, 3], one[:, 3], rtol=1e-9)
    values = np.concatenate(inputs(scaling, X))
    assert values.shape[1] == 4
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(values[:, :3].std(0), 1, rtol=1e-12)
    assert values[:, 3].std() <= 1


def test_the_features_of_before_stay_as_inputs():
    X, _ = recordings(20, 8)
    plain = inputs(InputScaling.of(X, False), X)
    for one, two in zip(plain, inputs(InputScaling.of(X, True), X), strict=True):
        assert np.array_equal(two[:, :1], one)


def test_events_of_one_size_are_learned_although_spikes_differ():
    rng = np.random.default_rng(0)
    X = 0.001 * rng.normal(size=(160, 30, 1))
    X[rng.random(160) < 0.5, 20] = 1000 * rng.normal()
    X[1::2, 3] += 0.5
    y = np.arange(160) % 2
    model = ost.SequenceClassifier(**{**SMALL, "hidden_size": 16, "max_iter": 15}).fit(X[:100], y[:100])
    assert model._scaling.relative.all()
    assert model.score(X[100:], y[100:]) > 0.95


@pytest.mark.parametrize("rows", [currents(30, 0), [one / one.std() for one in currents(30, 0)]])
def test_roundings_of_means_and_sizes_stay_small(rows):
    scaling = InputScaling.of(rows, True)
    for one, moved in zip(
        inputs(scaling, rows),
        inputs(scaling, [row * (1 + 1e-6) + 1e-6 * row.std() for row in rows]),
        strict=True,
    ):
        # 1e-4: 1e-6 for each deviation; arcsinh of the features of before is steeper
        np.testing.assert_allclose(moved[:, 1:], one[:, 1:], rtol=1e-4, atol=1e-4)
    assert (np.abs(np.concatenate(inputs(scaling, rows))[:, 3]) == 0).all()  # the levels


@pytest.mark.parametrize("factor", [3, 1000])
@pytest.mark.parametrize("X", [recordings(20, 2)[0], currents(20, 2)])
def test_units_of_the_data_change_nothing(factor, X):
    others = [factor * row for row in X]
    other = InputScaling.of(others, None)
    for one, two in zip(inputs(InputScaling.of(X, None), X), inputs(other, others), strict=True):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-12)  # sums of other numbers


def test_only_features_whose_sizes_differ_widely_are_relative():
    wide, _ = recordings(40, 3)
    narrow = [np.concatenate([row, np.sin(row)], axis=1) for row in recordings(40, 3, -0.5, 0.5)[0]]
    assert not InputScaling.of(narrow, None).relative.any()
    mixed = [np.concatenate([one, one / np.abs(one).max()], axis=1) for one in wide]
    scaling = InputScaling.of(mixed, None)
    assert scaling.relative.tolist() == [True, False]
    assert inputs(scaling, mixed)[0].shape == (len(mixed[0]), 5)
    X, y = recordings(40, 3)
    forwards = ost.SequenceClassifier(**{**SMALL, "max_iter": 1}, bidirectional=False).fit(X, y)
    assert not forwards._scaling.relative.any()
    assert forwards.stream().step(X[0][:1]).shape == (1, 2)
    numbers = ost.SequenceRegressor(**{**SMALL, "max_iter": 1}).fit(X, y)
    assert not numbers._scaling.relative.any()
    numbers = ost.SequenceRegressor(**{**SMALL, "max_iter": 1}, scale="rows").fit(X, y)
    assert numbers._scaling.relative.all()


def test_a_row_does_not_depend_on_the_others_and_a_file_holds_the_sizes(tmp_path):
    X, y = recordings(30, 4)
    model = ost.SequenceClassifier(**{**SMALL, "max_iter": 1}).fit(X, y)
    model.save(tmp_path / "model")
    again = ost.load(tmp_path / "model")
    together = model.predict_proba(X)
    assert np.array_equal(again.predict_proba(X), together)
    assert np.array_equal(np.concatenate([model.predict_proba([row]) for row in X]), together)
    assert model.transform(X).shape == (30, 36)
    assert model.importance(X, y, n_repeats=1).mean.shape == (1,)
    assert model.memory_length(X).length > 0


def test_rows_of_zeros_and_of_large_numbers_are_finite():
    X, _ = recordings(20, 5)
    scaling = InputScaling.of(X, None)
    odd = [np.zeros((3, 1)), np.full((3, 1), 1e300), np.full((3, 1), 5e-324)]
    assert all(np.isfinite(one).all() for one in inputs(scaling, odd))


def test_levels_of_constant_rows_do_not_depend_on_the_smallest_deviation():
    constant = [np.full((4, 1), 10.0**n) for n in range(7)]
    assert not InputScaling.of(constant, True).relative.any()
    tiny, one = np.array([[0.0], [1e-20], [0.0], [1e-20]]), np.array([[0.0], [1.0], [0.0], [1.0]])
    rows = [*constant * 4, tiny, one]
    assert not InputScaling.of(rows, None).relative.any()  # most rows are constant
    found = inputs(InputScaling.of([tiny, one, 2 * one], True), constant)
    assert len({row[0, 3] for row in found}) == 7
    found = inputs(InputScaling.of(rows, True), constant)
    assert len({row[0, 0] for row in found}) == 7
    assert {row[0, 1] for row in found} == {found[0][0, 1]}  # they have no shape


def test_a_number_that_is_too_large_is_named_as_in_X():
    X, y = recordings(20, 9)
    both = [np.concatenate([row, np.sin(np.arange(len(row)))[:, None]], axis=1) for row in X]
    model = ost.SequenceClassifier(**{**SMALL, "max_iter": 1}, scale="rows").fit(both, y)
    with pytest.raises(ost.ConfigError, match=r"X\[0\]\[2, 1\] is 1e\+300: too large"):
        model.predict([np.where([[0, 0], [0, 0], [0, 1]], 1e300, both[0][:3])])
    still = ost.SequenceClassifier(**{**SMALL, "max_iter": 1}).fit(currents(20, 9), y)
    assert np.isfinite(still.predict_proba([np.full((5, 1), 1e18)])).all()


def test_files_and_pickles_of_earlier_versions_predict_as_before():
    X = [np.sin(np.arange(6.0)[:, None] * (1 + n % 2) + n) for n in range(8)]
    expected = [[0.77702191, 0.22297809], [0.72897003, 0.27102997]]
    for model in (
        ost.load(EARLIER / "classifier.safetensors"),
        pickle.loads((EARLIER / "classifier.pickle").read_bytes()),
    ):
        # 1e-5: exponentials in float32 differ between instruction sets
        np.testing.assert_allclose(model.predict_proba(X[:2]), expected, atol=1e-5)
        assert model.transform(X).shape[0] == 8


def test_wrong_scales_are_errors():
    X, y = recordings(20, 7)
    for scale in ("row", 3, None):
        expected = f"scale is {scale!r}; expected True, False, 'features' or 'rows'"
        with pytest.raises(ost.ConfigError, match=expected):
            ost.SequenceClassifier(**SMALL, scale=scale).fit(X, y)
    model = ost.SequenceClassifier(
        **{**SMALL, "max_iter": 1}, scale="rows", bidirectional=False, pooling="last"
    )
    with pytest.raises(ost.ConfigError, match="scaled by the whole sequence; expected a model"):
        model.fit(X, y).stream()


def test_a_model_of_an_earlier_version_is_not_continued():
    """Neither its file nor its pickle holds a training of this version."""
    for model in (
        ost.load(EARLIER / "classifier.safetensors"),
        pickle.loads((EARLIER / "classifier.pickle").read_bytes()),
    ):
        data = [np.ones((5, model.n_features_in_))] * 4, list(model.classes_[:2]) * 2
        with pytest.raises(ost.ConfigError, match="partial_fit continues a training, but the file of this"):
            model.partial_fit(*data)
        with pytest.raises(ost.ConfigError, match="warm_start continues a training, but the file of this"):
            model.set_params(warm_start=True).fit(*data)
        assert model.set_params(warm_start=False, max_iter=1).fit(*data).partial_fit(*data).n_iter_ == 2
