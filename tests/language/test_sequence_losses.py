"""Losses with states: CRF against all paths, CTC against all alignments, and the rules for authors."""

import itertools
import math

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from ostinato.losses import CRF, CTC

rng = np.random.default_rng(0)


class Passage(ost.Cell):
    """The input is the output."""

    def step(self, x, state, p):
        return x, {}


def passage(width):
    return ost.Recurrent(Passage, width, 1, dtype="float64")


def scores(rows, steps, tags):
    y = rng.normal(size=(rows, steps, tags + tags * tags))
    return y, y[..., :tags], y[..., tags:].reshape(rows, steps, tags, tags)


def score_of(path, emit, move):
    total = sum(emit[t, tag] for t, tag in enumerate(path))
    return total + sum(move[t, path[t], path[t - 1]] for t in range(1, len(path)))


def numeric(value, array):
    grad = np.zeros_like(array)
    for at in np.ndindex(array.shape):
        found, before = [], array[at]
        for moved in (before + 1e-6, before - 1e-6):
            array[at] = moved
            found.append(value())
        array[at] = before
        grad[at] = (found[0] - found[1]) / 2e-6
    return grad


@pytest.mark.parametrize("tags", [1, 2, 4])
def test_the_crf_is_the_sum_over_all_paths(tags):
    y, emit, move = scores(5, 4, tags)
    lengths, target = np.array([4, 1, 3, 0, 2]), rng.integers(0, tags, (5, 4))
    expected = 0.0
    for n, length in enumerate(lengths):
        if length:
            paths = itertools.product(range(tags), repeat=int(length))
            every = [score_of(path, emit[n], move[n]) for path in paths]
            expected += np.logaddexp.reduce(every) - score_of(target[n, :length], emit[n], move[n])
    net = passage(y.shape[-1])
    given = {"loss": CRF(), "lengths": lengths, "reduction": "sum"}
    value, grads = net.value_and_grad(y, target, **given)
    assert value == pytest.approx(expected, rel=1e-12, abs=1e-12)
    slopes = numeric(lambda: net.loss_value(y, target, **given)[0], y)
    np.testing.assert_allclose(grads.inputs, slopes, atol=2e-8)
    mean = net.loss_value(y, target, loss="crf", lengths=lengths)[0]
    assert mean == pytest.approx(expected / lengths.sum(), rel=1e-12, abs=1e-12)


def test_viterbi_finds_the_best_of_all_paths():
    y, emit, move = scores(6, 5, 3)
    lengths = [5, 4, 1, 0, 3, 2]
    for n, found in enumerate(CRF().decode(y, lengths)):
        paths = list(itertools.product(range(3), repeat=lengths[n]))
        best = max(paths, key=lambda path: score_of(path, emit[n], move[n]))
        assert tuple(found) == best


def merged(path, blank):
    return tuple(tag for tag, _ in itertools.groupby(path) if tag != blank)


@pytest.mark.parametrize("blank", [0, 2])
def test_ctc_is_the_sum_over_all_alignments(blank):
    y = rng.normal(size=(6, 4, 3))
    others = [one for one in range(3) if one != blank]
    labels = np.array(
        [[others[0], others[1]], [others[0]] * 2, [others[1], -1], [-1, -1], [others[0]] * 2, [-1] * 2]
    )
    lengths = [4, 4, 3, 2, 2, 0]  # the fifth row cannot hold two equal labels
    p = np.exp(y) / np.exp(y).sum(-1, keepdims=True)
    expected = []
    for n, length in enumerate(lengths):
        wanted = tuple(one for one in labels[n] if one >= 0)
        every = [path for path in itertools.product(range(3), repeat=length) if merged(path, blank) == wanted]
        total = math.fsum(math.prod(p[n, t, tag] for t, tag in enumerate(path)) for path in every)
        expected.append(-math.log(total) if every and length else 0.0)
    assert expected[4] == 0.0
    net = passage(3)
    given = {"loss": CTC(labels=2, blank=blank), "lengths": lengths, "reduction": "sum"}
    value, grads = net.value_and_grad(y, labels, **given)
    assert value == pytest.approx(sum(expected), rel=1e-12)
    assert not grads.inputs[4].any()
    slopes = numeric(lambda: net.loss_value(y, labels, **given)[0], y)
    np.testing.assert_allclose(grads.inputs, slopes, atol=2e-8)
    weights = np.arange(6.0)
    value = net.loss_value(y, labels, **{**given, "reduction": "mean"}, weights=weights)[0]
    # the last row has no step, and so no weight
    assert value == pytest.approx(np.dot(weights, expected) / weights[:5].sum(), rel=1e-12)


def test_the_best_path_is_merged_and_freed_of_blanks():
    path = [0, 1, 1, 0, 1, 2, 2, 0]
    y = np.eye(3)[path][None]
    (found,) = CTC().decode(y)
    np.testing.assert_array_equal(found, [1, 1, 2])
    (cut,) = CTC().decode(y, [5])
    np.testing.assert_array_equal(cut, [1, 1])
    (other,) = CTC(blank=1).decode(y)
    np.testing.assert_array_equal(other, [0, 0, 2, 0])


@pytest.mark.parametrize("loss", [CRF(), CTC()])
@pytest.mark.parametrize(("outputs", "lengths"), [(np.zeros((2, 6)), None), (np.zeros((2, 4, 6)), [1])])
def test_decoding_refuses_other_shapes(loss, outputs, lengths):
    with pytest.raises(ost.ShapeError, match="decode: "):
        loss.decode(outputs, lengths)


class Growth(ost.Loss):
    """The square of the change of the error since the step before."""

    name = "growth_of_tests"

    def state(self, size):
        return {"error": ost.State(size.output)}

    def step(self, y, target, state):
        error = y - target
        return ops.sum(ops.square(error - state.error)), {"error": error}


class Total(ost.Loss):
    """The squared error of the sum of all outputs of a row."""

    name = "total_of_tests"
    per = "row"

    def state(self, size):
        return {"sum": ost.State(size.output)}

    def step(self, y, target, state):
        total = state.sum + y
        return ops.sum(ops.square(total - target)), {"sum": total}


LENGTHS = np.array([5, 2, 0, 4])


def valid(y):
    return [y[n, :length] for n, length in enumerate(LENGTHS)]


def test_a_loss_remembers_the_step_before():
    y, target = rng.normal(size=(2, 4, 5, 3))
    errors = [np.diff(one, axis=0, prepend=0.0) for one in valid(y - target)]
    value = passage(3).loss_value(y, target, loss=Growth(), lengths=LENGTHS, reduction="sum")[0]
    assert value == pytest.approx(sum((one**2).sum() for one in errors))


@pytest.mark.parametrize("batch_first", [True, False])
def test_a_loss_of_rows_counts_their_last_step(batch_first):
    y, target, weights = rng.normal(size=(4, 5, 3)), rng.normal(size=(4, 3)), np.array([1.0, 0.5, 7.0, 2.0])
    each = [((one.sum(0) - target[n]) ** 2).sum() for n, one in enumerate(valid(y))]
    net = ost.Recurrent(Passage, 3, 1, dtype="float64", batch_first=batch_first)
    x = y if batch_first else np.swapaxes(y, 0, 1)
    rows = [0, 1, 3]
    expected = np.dot(weights[rows], np.array(each)[rows])
    given = {"loss": Total(), "lengths": LENGTHS, "weights": weights}
    assert net.loss_value(x, target, reduction="sum", **given)[0] == pytest.approx(expected)
    assert net.loss_value(x, target, **given)[0] == pytest.approx(expected / weights[rows].sum())


@pytest.mark.parametrize("loss", [CTC(labels=2), Total()])
def test_a_row_of_weight_0_is_not_read(loss):
    y, weights = rng.normal(size=(3, 5, 4)), np.array([1.0, 0.0, 2.0])
    labels = np.array([[1, 2], [3, 1], [1, -1]])
    targets = labels if loss.target == "labels" else rng.normal(size=(3, 4))
    clean, grads = passage(4).value_and_grad(y, targets, loss=loss, weights=weights)
    y[1], targets[1] = np.inf, 99
    value, others = passage(4).value_and_grad(y, targets, loss=loss, weights=weights)
    assert value == clean
    np.testing.assert_array_equal(others.inputs, grads.inputs)
    assert not others.inputs[1].any()


def test_a_step_of_weight_0_is_read_by_the_steps_after_it():
    y, target, weights = rng.normal(size=(2, 4, 6)), rng.integers(0, 2, (2, 4)), np.ones((2, 4))
    weights[0, 1] = 0.0
    net = passage(6)
    given = {"loss": "crf", "weights": weights, "reduction": "sum"}
    _, grads = net.value_and_grad(y, target, **given)
    slopes = numeric(lambda: net.loss_value(y, target, **given)[0], y)
    np.testing.assert_allclose(grads.inputs, slopes, atol=2e-8)
    assert grads.inputs[0, 1].any()
    target[0, 1] = -100
    with pytest.raises(ost.ConfigError, match="-100"):
        net.value_and_grad(y, target, **given)


def test_training_and_validation_with_targets_of_rows():
    x = rng.normal(size=(64, 8, 2)).astype("float32")
    targets = x.sum(axis=1) * 0.5
    net = ost.Sequential(ost.GRU(2, 16), ost.Dense(16, 2))
    trainer = ost.Trainer(net, loss=Total(), optimizer=ost.Adam(lr=1e-2), seed=1)
    trainer.fit(x[:48], targets[:48], epochs=15, batch_size=16, validation=(x[48:], targets[48:]))
    history = trainer.history
    assert history["val_loss"][-1] < 0.3 * history["val_loss"][0]
    whole, _ = net.loss_value(x[48:], targets[48:], loss=Total())
    assert trainer.evaluate(x[48:], targets[48:])["loss"] == pytest.approx(whole, rel=1e-6)


def test_a_crf_learns_the_transitions_that_a_softmax_cannot_see():
    # tags run through 0, 1, 2, 3, 0, ...; the input says little about the tag
    starts = rng.integers(0, 4, 96)
    tags = (starts[:, None] + np.arange(12)) % 4
    x = (np.eye(4)[tags] + rng.normal(size=(96, 12, 4))).astype("float32")
    found = {}
    for name, head in {"crf": ost.Recurrent("crf_scores", 4, 4), "cross_entropy": ost.Dense(4, 4)}.items():
        net = ost.Sequential(head)
        trainer = ost.Trainer(net, loss=name, optimizer=ost.Adam(lr=5e-2), seed=1)
        trainer.fit(x[:64], tags[:64], epochs=30, batch_size=16)
        outputs = net(x[64:])
        best = np.array(CRF().decode(outputs)) if name == "crf" else outputs.argmax(-1)
        found[name] = float((best == tags[64:]).mean())
    assert found["crf"] > found["cross_entropy"] + 0.2


@pytest.mark.parametrize("way", [ost.TruncatedBPTT(2, 2), ost.CheckpointedBPTT("sqrt")])
def test_a_loss_with_states_needs_all_steps(way):
    y = rng.normal(size=(2, 6, 3))
    with pytest.raises(ost.ConfigError, match=r"loss growth_of_tests: its value .* use FullBPTT\(\)"):
        ost.RNN(3, 3, dtype="float64").value_and_grad(y, y, loss=Growth(), through_time=way)


def changed(**attributes):
    return type("Changed", (Growth,), {"name": "changed_of_tests", **attributes})()


X = np.zeros((2, 4, 3))


@pytest.mark.parametrize(
    ("loss", "targets", "error", "words"),
    [
        (changed(per="batch"), X, ost.ConfigError, "per is 'batch'; expected 'step' or 'row'"),
        (changed(target="texts"), X, ost.ConfigError, "target is 'texts'; expected"),
        (changed(target="labels"), X, ost.ConfigError, "labels is 0"),
        (changed(target="labels", labels=2), X, ost.ConfigError, "expected per = 'row'"),
        (changed(state=lambda self, size: {"error": 3}), X, ost.ConfigError, r"state\(\) gives 3"),
        (changed(step=lambda self, y, target, state: 1.0), X, ost.TraceError, "expected `return output"),
        (CTC(labels=2), np.zeros((2, 3), int), ost.ShapeError, r"targets is \(2, 3\); expected \(2, 2\)"),
        (CTC(labels=2), np.zeros((2, 2)), ost.DTypeError, "expected integers"),
        (
            CTC(labels=2),
            [[1, 3], [0, 0]],
            ost.ConfigError,
            "has 3 in row 0, place 1; expected labels from 0 to 2",
        ),
        (CTC(labels=2), [[-1, 1], [0, 0]], ost.ConfigError, "has 1 in row 0, place 1.*-1 after the last"),
        (CTC(labels=2, blank=3), [[1, 1], [1, 1]], ost.ConfigError, "blank is 3; expected an id below 3"),
        (CRF(), np.zeros((2, 4), int), ost.ConfigError, "3 features; expected K .* such as 6 for 2"),
        (Total(), X, ost.ShapeError, r"targets is \(2, 4, 3\); expected \(2, 3\)"),
    ],
)
def test_wrong_declarations_and_targets_are_named(loss, targets, error, words):
    with pytest.raises(error, match=words):
        passage(3).value_and_grad(X, targets, loss=loss)


def test_tags_beyond_the_classes_are_refused():
    with pytest.raises(ost.ConfigError, match="2"):
        passage(6).value_and_grad(np.zeros((1, 2, 6)), np.array([[0, 2]]), loss="crf")


def test_a_loss_of_rows_needs_a_sequence():
    net = ost.Sequential(ost.RNN(3, 3), ost.Last())
    with pytest.raises(ost.ConfigError, match="one value for each row"):
        net.value_and_grad(X, np.zeros((2, 3)), loss=Total())


@pytest.mark.parametrize("make", [lambda: CTC(labels=0), lambda: CTC(blank=-1), lambda: CTC(labels=1.5)])
def test_bad_options_are_refused(make):
    with pytest.raises(ost.ConfigError, match=r"loss 'ctc': (labels|blank) is"):
        make()
