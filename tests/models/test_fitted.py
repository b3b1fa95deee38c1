"""What a fitted model with one answer for each sequence can do: features, streams, members, temperature."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.models.base.softmax import softmax
from ostinato.models.pooling.temperature import fit_temperature
from tests.models.table import sequences
from tests.models.test_promises import bits

X, NEW = sequences(), sequences(9, seed=1)
LABELS = ["falls", "rises"] * 20
SUMS = [float(row.sum()) for row in X]
POOLING = ("max", "last", "first", "sum")


def classifier(**given: Any) -> Any:
    made = ost.SequenceClassifier(**{"random_state": 3, "hidden_size": 4, "max_iter": 2, **given})
    return made.fit(X, LABELS)


def regressor(**given: Any) -> Any:
    made = ost.SequenceRegressor(**{"random_state": 3, "hidden_size": 4, "max_iter": 2, **given})
    return made.fit(X, SUMS)


@pytest.mark.parametrize("members", [1, 2])
def test_features_are_what_the_linear_layer_reads(members: int, tmp_path: Path):
    model = classifier(n_members=members, pooling=["last", "mean"])
    found = model.transform(NEW)
    names = model.get_feature_names_out()
    assert found.shape == (9, len(names)) == (9, members * 16)
    assert names[0] == ("last_0" if members == 1 else "0_last_0") and len(set(names)) == len(names)
    parameters = model.network_.parameters()
    logits = np.stack(
        [
            found[:, 16 * n : 16 * n + 16] @ parameters[f"{2 * n + 1}.weight"].T
            + parameters[f"{2 * n + 1}.bias"]
            for n in range(members)
        ]
    )
    # NumPy sums the products of float32 in another order: a few roundings of 6e-8
    assert softmax(logits).mean(axis=0) == pytest.approx(model.predict_proba(NEW), abs=1e-6)
    model.save(tmp_path / "model.safetensors")
    assert bits(ost.load(tmp_path / "model.safetensors").transform(NEW)) == bits(found)
    assert bits(model.transform(NEW[3:4])[0]) == bits(found[3])


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("given", [{}, {"cell": "lstm", "num_layers": 2}, {"n_members": 2}])
def test_a_stream_answers_after_each_step(make: Any, given: dict[str, Any]):
    model = make(bidirectional=False, pooling=POOLING, **given)
    answer = model.predict_proba if make is classifier else model.predict
    stream = model.stream(batch=2)
    for start in (0, 2):
        rows, steps = NEW[start : start + 2], min(map(len, NEW[start : start + 2]))
        for t in range(steps):
            found = stream.step(np.stack([row[t] for row in rows]))
            assert bits(found) == bits(answer([row[: t + 1] for row in rows]))
            assert stream.steps == t + 1
        stream.reset()


def test_a_stream_with_a_mean_is_equal_up_to_rounding():
    model = classifier(bidirectional=False)
    stream = model.stream()
    for t, x in enumerate(NEW[0]):
        # the mean of at most 14 states is a sum in another order: a few roundings of 6e-8
        assert stream.step(x[None]) == pytest.approx(model.predict_proba([NEW[0][: t + 1]]), abs=1e-6)


def test_what_cannot_stream_is_refused():
    with pytest.raises(ost.ConfigError, match="fitted with bidirectional=False"):
        classifier().stream()
    stream = classifier(bidirectional=False).stream()
    for x, words in (
        (np.zeros((2, 2)), r"float64\(2, 2\); expected numbers \(1, 2\)"),
        (np.array([["a", "b"]]), "expected numbers"),
    ):
        with pytest.raises(ost.ShapeError, match=words):
            stream.step(x)
    with pytest.raises(ost.ConfigError, match=r"x\[0, 1\] is nan"):
        stream.step([[0.0, np.nan]])
    assert stream.steps == 0


@pytest.mark.parametrize("make", [classifier, regressor])
def test_members_are_networks_of_their_own(make: Any, tmp_path: Path):
    model = make(n_members=3)
    parameters = model.network_.parameters()
    weights = [parameters[f"{2 * n}.weight_hh_l0"] for n in range(3)]
    assert not np.array_equal(weights[0], weights[1]) and not np.array_equal(weights[1], weights[2])
    outputs = list(model.network_.predict([row.astype("float32") for row in NEW]).values())
    assert len(outputs) == 3 and not np.array_equal(outputs[0], outputs[1])
    model.save(tmp_path / "model.safetensors")
    assert bits(ost.load(tmp_path / "model.safetensors").predict(NEW)) == bits(model.predict(NEW))
    halves = make(n_members=3, max_iter=1, warm_start=True)
    halves.fit(X, LABELS if make is classifier else SUMS)
    assert bits(halves.network_.arena) == bits(model.network_.arena)
    assert make(n_members=3, early_stopping=True).best_loss_ is not None
    with pytest.raises(ost.ConfigError, match="n_members is 0"):
        make(n_members=0)


def test_a_member_learns_without_the_others():
    # without clipping and with one optimizer step for each number, members do not see each other
    given: dict[str, Any] = {"clip_norm": None, "dropout": 0.0}
    three, five = classifier(n_members=3, **given), classifier(n_members=5, **given)
    mine, others = three.network_.parameters(), five.network_.parameters()
    assert all(bits(value) == bits(others[name]) for name, value in mine.items())


def test_memory_and_exponents_of_a_model():
    model = regressor(bidirectional=False, cell="rnn")
    weights = model.network_.parameters()
    weights["0.weight_hh_l0"][...] = 0.0  # a state that forgets everything at each step
    found = model.memory_length(NEW)
    assert found.length == 0 and found.influence.shape == (max(map(len, NEW)),)
    assert model.lyapunov(NEW).largest == -np.inf
    weights["0.weight_hh_l0"][...] = 0.9 * np.eye(4)
    assert model.memory_length(NEW, threshold=0.2).length > 2
    assert -1.5 < model.lyapunov(NEW).largest < 0
    assert len(model.lyapunov(NEW, count=None).exponents) == 4
    # rows of one length: the numbers of ostinato.analysis
    rows = [row[:3] for row in NEW]
    x = np.stack(model._scaling.apply("", model_intake(rows).rows, "float32"))
    (net,) = model._states()
    # the same numbers once: 1e-6 of pytest is for the order of sums
    assert model.memory_length(rows).influence == pytest.approx(ost.analysis.memory_length(net, x).influence)
    assert classifier().memory_length(NEW).length > 0
    with pytest.raises(ost.ConfigError, match="bidirectional=False"):
        classifier().lyapunov(NEW)


def model_intake(rows: Any) -> Any:
    from ostinato.models.reading.intake import read_sequences

    return read_sequences("test", rows)


def test_the_feature_that_decides_is_important():
    rng = np.random.default_rng(0)
    rows = [rng.normal(size=(rng.integers(4, 9), 3)) for _ in range(80)]
    y = np.arange(80) % 2
    for row, one in zip(rows, y, strict=True):
        row[:, 1] += 2.0 * one
    model = ost.SequenceClassifier(random_state=0, hidden_size=8, max_iter=20).fit(rows[:60], y[:60])
    found = model.importance(rows[60:], y[60:], n_repeats=3)
    assert found.scores.shape == (3, 3) and found.names == ["x0", "x1", "x2"]
    # the score is near 1, and 0.5 by chance: the feature that decides costs much of 0.5, noise little
    assert found.mean[1] > 0.2 > max(found.mean[0], found.mean[2])
    assert str(found).startswith("x1")
    other = model.importance(rows[60:], y[60:], n_repeats=3, random_state=1)
    assert bits(other.scores) != bits(found.scores)


def test_a_temperature_makes_probabilities_as_sure_as_they_are_right():
    rng = np.random.default_rng(0)
    truth = rng.normal(size=(4000, 3))
    y = np.array([rng.choice(3, p=row) for row in softmax(truth)])
    # with 4,000 rows the temperatures of six seeds have a deviation of 0.022; four of them are allowed
    for factor in (0.5, 1.0, 3.0):
        found = fit_temperature([(factor * truth).astype("float32")], y, None)
        assert found == pytest.approx(factor, rel=0.1)
    assert fit_temperature([truth[:49]], y[:49], None) == 1.0
    # without an error it stays above 0: targets are 1 - 1/62 and 0.5/62, whose logits differ by log(122);
    # the search is far closer than 1e-3
    sure = np.eye(3)[y[:60]]
    assert fit_temperature([sure], y[:60], None) == pytest.approx(1 / np.log(122), rel=1e-3)
    # rows of weight 0 are not read
    weights = np.repeat([1.0, 0.0], 2000)
    changed = np.where(weights > 0, y, 0)
    assert fit_temperature([truth], changed, weights) == fit_temperature([truth], y, weights)


def test_the_temperature_comes_from_held_out_rows(tmp_path: Path):
    rows, y = sequences(200, seed=5), np.array(LABELS * 5)
    given: dict[str, Any] = {"early_stopping": True, "validation_fraction": 0.3, "hidden_size": 4}
    model = ost.SequenceClassifier(random_state=0, max_iter=3, **given).fit(rows, y)
    assert model.temperature_ != 1.0
    plain = ost.SequenceClassifier(random_state=0, max_iter=3, temperature=1.0, **given).fit(rows, y)
    assert plain.temperature_ == 1.0 and bits(plain.network_.arena) == bits(model.network_.arena)
    logits = np.log(plain.predict_proba(NEW))
    # logits are read back from probabilities of float64 numbers: 1e-6 of pytest
    assert softmax(logits / model.temperature_) == pytest.approx(model.predict_proba(NEW))
    model.save(tmp_path / "model.safetensors")
    assert bits(ost.load(tmp_path / "model.safetensors").predict_proba(NEW)) == bits(model.predict_proba(NEW))
    halves = ost.SequenceClassifier(random_state=0, max_iter=1, warm_start=True, **given).fit(rows, y)
    halves.set_params(max_iter=2).fit(rows, y)
    assert halves.temperature_ == model.temperature_
    assert classifier(temperature=2.5).temperature_ == 2.5
    for wrong in (0, -1.0, "cold"):
        with pytest.raises(ost.ConfigError, match="temperature is"):
            classifier(temperature=wrong)
