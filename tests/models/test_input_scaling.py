"""Features of rows whose sizes differ by orders of magnitude."""

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.reading.input_scaling import InputScaling

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
    assert scaling.relative.all() and (scaling.width, scaling.inputs) == (1, 3)
    one, thousand = inputs(scaling, [X[0]])[0], inputs(scaling, [1000 * X[0]])[0]
    np.testing.assert_allclose(thousand[:, 0], one[:, 0], rtol=1e-12)  # 1e-12: a rounding of each number
    larger = np.log(1000) / scaling.scaler.deviation[1]
    np.testing.assert_allclose(thousand[:, 1] - one[:, 1], larger, rtol=1e-9)
    np.testing.assert_allclose(thousand[:, 2], one[:, 2], rtol=1e-9)
    values = np.concatenate(inputs(scaling, X))
    assert values.shape[1] == 3
    np.testing.assert_allclose(values.mean(0), 0, atol=1e-12)
    np.testing.assert_allclose(values.std(0), 1, rtol=1e-12)


def test_units_of_the_data_change_nothing():
    X, _ = recordings(20, 2)
    other = InputScaling.of([1000 * row for row in X], None)
    for one, two in zip(
        inputs(InputScaling.of(X, None), X), inputs(other, [1000 * row for row in X]), strict=True
    ):
        np.testing.assert_allclose(two, one, rtol=1e-9, atol=1e-12)  # sums of other numbers


def test_only_features_whose_sizes_differ_widely_are_relative():
    wide, _ = recordings(40, 3)
    narrow = [np.concatenate([row, np.sin(row)], axis=1) for row in recordings(40, 3, -0.5, 0.5)[0]]
    assert not InputScaling.of(narrow, None).relative.any()
    mixed = [np.concatenate([one, one / np.abs(one).max()], axis=1) for one in wide]
    scaling = InputScaling.of(mixed, None)
    assert scaling.relative.tolist() == [True, False]
    assert inputs(scaling, mixed)[0].shape == (len(mixed[0]), 4)
    X, y = recordings(40, 3)
    forwards = ost.SequenceClassifier(**{**SMALL, "max_iter": 1}, bidirectional=False).fit(X, y)
    assert not forwards._scaling.relative.any()
    assert forwards.stream().step(X[0][:1]).shape == (1, 2)


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
    assert model.memory_length(X).length >= 0


def test_rows_of_zeros_and_of_the_largest_numbers_are_finite():
    X, _ = recordings(20, 5)
    scaling = InputScaling.of(X, None)
    odd = [np.zeros((3, 1)), np.full((3, 1), np.finfo(np.float64).max), np.full((3, 1), 5e-324)]
    assert all(np.isfinite(one).all() for one in inputs(scaling, odd))
    constant = [np.full((4, 1), 0.1 * 10.0**n) for n in range(6)]
    assert not InputScaling.of(constant, True).relative.any()
    found = inputs(scaling, constant)
    assert len({one[0, 0] for one in found}) == 1 and len({one[0, 2] for one in found}) == 6  # the levels


def test_files_of_earlier_versions_have_no_relative_features():
    X, _ = recordings(20, 6)
    scaling = InputScaling.of(X, False)
    state = {name: one for name, one in scaling.state().items() if name not in ("relative", "least")}
    again = InputScaling.from_state(state)
    for one, two in zip(inputs(scaling, X), inputs(again, X), strict=True):
        assert np.array_equal(one, two)


def test_wrong_scales_are_errors():
    X, y = recordings(20, 7)
    with pytest.raises(ost.ConfigError, match="scale is 'row'; expected True, False, 'features' or 'rows'"):
        ost.SequenceClassifier(**SMALL, scale="row").fit(X, y)
    model = ost.SequenceClassifier(
        **{**SMALL, "max_iter": 1}, scale="rows", bidirectional=False, pooling="last"
    )
    with pytest.raises(ost.ConfigError, match="scaled by the whole sequence; expected a model"):
        model.fit(X, y).stream()
