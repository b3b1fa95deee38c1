"""Metrics are their formulas over valid steps, whatever stands in the padding."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from tests.training.tasks import ragged_lengths

ROWS, STEPS, WIDTH = 10, 7, 5


def cross_entropy(y, targets):
    y = y.astype(np.float64)
    shifted = y - y.max(-1, keepdims=True)
    return np.log(np.exp(shifted).sum(-1)) - np.take_along_axis(shifted, targets[:, None], -1)[:, 0]


# metric, loss, formula over the valid steps (M, V) and targets (M,) or (M, V)
CASES = {
    "accuracy": ("cross_entropy", lambda y, t: (y.argmax(-1) == t).mean()),
    "perplexity": ("cross_entropy", lambda y, t: np.exp(cross_entropy(y, t).mean())),
    "bits_per_character": ("cross_entropy", lambda y, t: cross_entropy(y, t).mean() / np.log(2)),
    "mae": ("mse", lambda y, t: np.abs(y - t).mean()),
    "rmse": ("mse", lambda y, t: np.sqrt(np.square(y - t).mean())),
    "smape": ("mse", lambda y, t: (200 * np.abs(y - t) / (np.abs(y) + np.abs(t))).mean()),
}


def network(**options):
    return ost.Sequential(ost.GRU(3, 4, **options), ost.Dense(4, WIDTH))


def data(loss):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(ROWS, STEPS, 3)).astype("float32")
    if loss == "mse":
        return x, rng.normal(size=(ROWS, STEPS, WIDTH)).astype("float32")
    return x, rng.integers(0, WIDTH, size=(ROWS, STEPS))


@pytest.mark.parametrize("kind", ["whole", "padded", "ragged", "time first"])
@pytest.mark.parametrize("name", CASES)
def test_a_metric_is_its_formula_over_the_valid_steps(name, kind):
    loss, formula = CASES[name]
    x, targets = data(loss)
    lengths = np.full(ROWS, STEPS) if kind == "whole" else ragged_lengths(ROWS, STEPS)
    net = network(batch_first=kind != "time first")
    inside = np.arange(STEPS) < lengths[:, None]
    x[~inside] = np.nan
    outputs = network().run(np.nan_to_num(x), lengths=lengths).outputs
    expected = formula(outputs[inside], targets[inside])
    trainer = ost.Trainer(net, loss=loss, metrics=[name])
    if kind == "ragged":
        rows = [[row[:length] for row, length in zip(a, lengths, strict=True)] for a in (x, targets)]
        measured = trainer.evaluate(*rows, batch_size=4)
    elif kind == "time first":
        turned = [np.ascontiguousarray(a.swapaxes(0, 1)) for a in (x, targets)]
        measured = trainer.evaluate(*turned, lengths=lengths, batch_size=4)
    else:
        measured = trainer.evaluate(x, targets, lengths=None if kind == "whole" else lengths, batch_size=4)
    # The engine's float32 exponentials and logarithms against float64.
    assert measured[name] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("loss", ["mse", "cross_entropy"])
def test_metrics_together_are_what_they_are_alone(loss):
    x, targets = data(loss)
    names = [name for name in CASES if CASES[name][0] == loss]
    together = ost.Trainer(network(), loss=loss, metrics=names).evaluate(x, targets)
    for name in names:
        alone = ost.Trainer(network(), loss=loss, metrics=[name]).evaluate(x, targets)
        assert together[name] == pytest.approx(alone[name], rel=1e-6)  # The loss alone sums in another order.


def test_weights_say_what_a_step_counts():
    x, targets = data("mse")
    weights = np.zeros((ROWS, STEPS), "float32")
    weights[:, -1] = 2.0
    trainer = ost.Trainer(network(), loss="mse", metrics=["mae"])
    outputs = trainer.net.run(x).outputs
    measured = trainer.evaluate(x, targets, weights=weights)
    assert measured["mae"] == pytest.approx(np.abs(outputs - targets)[:, -1].mean(), rel=1e-5)
    assert measured["loss"] == pytest.approx(np.square(outputs - targets)[:, -1].mean(), rel=1e-5)
    still = ost.Trainer(network(), loss="mse", optimizer=ost.SGD(0.0))
    history = still.fit(x, targets, weights=weights, epochs=1)
    assert history[0]["loss"] == pytest.approx(measured["loss"], rel=1e-5)


def test_of_equal_outputs_the_first_is_the_answer():
    net = ost.Dense(3, WIDTH)
    net.arena[...] = 0.0
    targets = np.arange(WIDTH)[None, :]
    trainer = ost.Trainer(net, loss="cross_entropy", metrics=["accuracy"])
    assert trainer.evaluate(np.zeros((1, WIDTH, 3), "float32"), targets)["accuracy"] == 1 / WIDTH


def test_a_metric_of_ones_own_needs_a_step_and_perhaps_a_finish():
    class Worst(ost.Metric):
        """The mean over steps of the largest error, doubled."""

        def step(self, y, target):
            return ops.max(ops.abs(y - target))

        def finish(self, mean):
            return 2 * mean

    x, targets = data("mse")
    trainer = ost.Trainer(network(), loss="mse", metrics=[Worst()])
    outputs = trainer.net.run(x).outputs
    expected = 2 * np.abs(outputs - targets).max(-1).mean()
    assert trainer.evaluate(x, targets)["worst"] == pytest.approx(expected, rel=1e-5)
    with pytest.raises(ost.ConfigError, match="write step"):
        ost.Trainer(network(), loss="mse", metrics=[ost.Metric()])


def test_an_error_in_an_equation_calls_a_metric_a_metric():
    class Bad(ost.Metric):
        """A matrix, where a number or a vector is wanted."""

        def step(self, y, target):
            return ops.outer(y, target)

    with pytest.raises(ost.ShapeError, match=r"^metric 'bad': "):
        ost.Trainer(network(), loss="mse", metrics=[Bad()])


def test_a_perplexity_that_no_float_holds_is_infinite():
    assert ost.metrics.Perplexity().finish(1e6) == np.inf


class TokenF1(ost.Metric):
    """F1 of the class 1, from three means."""

    target = "index"
    better = "higher"

    def step(self, y, target):
        said, true = (ops.one_hot(one, y.shape[0])[1] for one in (ops.argmax(y), target))
        return ops.concat(*(ops.reshape(one, (1,)) for one in (said * true, said, true)))

    def finish(self, mean):
        return 2 * mean[0] / (mean[1] + mean[2])


def confusion(name, y, t, average):
    """Counted in loops."""
    measures = {
        "precision": lambda tp, said, true: tp / said if said else 0.0,
        "recall": lambda tp, said, true: tp / true if true else 0.0,
        "f1": lambda tp, said, true: 2 * tp / (said + true),
    }
    said = [int(row.argmax()) for row in y]
    counts = [
        (sum(s == k == c for s, k in zip(said, t, strict=True)), said.count(c), list(t).count(c))
        for c in range(WIDTH)
    ]
    if average == "micro":
        return measures[name](*np.sum(counts, 0))
    if average == "binary":
        return measures[name](*counts[1])
    return np.mean([measures[name](*one) for one in counts if one[1] + one[2]])


MANY = {
    **{
        f"{name}, {average}": (
            "cross_entropy",
            lambda average=average, made=made: made(average=average),
            lambda y, t, name=name, average=average: confusion(name, y, t, average),
        )
        for name, made in (
            ("precision", ost.metrics.Precision),
            ("recall", ost.metrics.Recall),
            ("f1", ost.metrics.F1),
        )
        for average in ("macro", "micro", "binary")
    },
    "token f1": ("cross_entropy", TokenF1, lambda y, t: confusion("f1", y, t, "binary")),
    "r2": (
        "mse",
        ost.metrics.R2,
        lambda y, t: np.mean(1 - ((y - t) ** 2).sum(0) / ((t - t.mean(0)) ** 2).sum(0)),
    ),
    "correlation": (
        "mse",
        ost.metrics.Correlation,
        lambda y, t: np.mean([np.corrcoef(a, b)[0, 1] for a, b in zip(y.T, t.T, strict=True)]),
    ),
}


@pytest.mark.parametrize("name", MANY)
@pytest.mark.parametrize("kind", ["padded", "ragged", "time first", "mask", "weights", "per row"])
def test_a_metric_of_several_numbers_is_its_formula_over_all_valid_steps(name, kind):
    loss, make, formula = MANY[name]
    x, targets = data(loss)
    lengths = ragged_lengths(ROWS, STEPS)
    lengths[0] = 0
    inside = np.arange(STEPS) < lengths[:, None]
    outputs = network().run(x, lengths=lengths).outputs
    given = {"lengths": lengths}
    trained = network(batch_first=kind != "time first")
    if kind in ("mask", "weights"):
        chosen = np.random.default_rng(1).random(inside.shape) < 0.6
        inside &= chosen
        given[kind] = chosen if kind == "mask" else np.where(chosen, 2.0, 0.0).astype("float32")
        if kind == "mask":
            outputs = network().run(x, **given).outputs
    elif kind == "per row":
        inside = np.zeros_like(inside)
        inside[np.arange(1, ROWS), lengths[1:] - 1] = True
        trained = ost.Sequential(ost.GRU(3, 4), ost.Last(), ost.Dense(4, WIDTH))
        targets = targets[np.arange(ROWS), np.maximum(lengths - 1, 0)]
        outputs = trained.run(x, lengths=lengths).outputs
        x, targets, outputs, given = x[1:], targets[1:], outputs[1:], {"lengths": lengths[1:]}
    metric = make()
    trainer = ost.Trainer(trained, loss=loss, metrics=[metric])
    expected = formula(*((outputs, targets) if kind == "per row" else (outputs[inside], targets[inside])))
    if kind == "time first":
        x, targets = (np.ascontiguousarray(a.swapaxes(0, 1)) for a in (x, targets))
    elif kind == "ragged":
        x, targets = ([row[:n] for row, n in zip(a, lengths, strict=True)] for a in (x, targets))
        given = {}
    measured = trainer.evaluate(x, targets, batch_size=4, **given)
    assert measured[metric.name] == pytest.approx(expected, rel=1e-5)


def test_metrics_of_rows_read_the_valid_steps_of_each_row():
    x, targets = data("cross_entropy")
    lengths = ragged_lengths(ROWS, STEPS)
    lengths[0] = 0
    net = network()
    best = net.run(x, lengths=lengths).outputs.argmax(-1)
    targets[3, : lengths[3]] = best[3, : lengths[3]]
    pairs = [(best[n, :k], targets[n, :k]) for n, k in enumerate(lengths) if k]
    metrics = ["exact_match", "edit_distance", ost.metrics.BLEU(order=2)]
    measured = ost.Trainer(net, loss="cross_entropy", metrics=metrics).evaluate(
        x, targets, lengths=lengths, batch_size=3
    )
    assert measured["exact_match"] == np.mean([np.array_equal(a, b) for a, b in pairs])
    edited = sum(slow_edits(tuple(a), tuple(b)) for a, b in pairs)
    assert measured["edit_distance"] == pytest.approx(edited / lengths.sum())
    assert measured["bleu"] == pytest.approx(slow_bleu(pairs, 2))


def slow_edits(a, b):
    """The definition, without a table."""
    if not a or not b:
        return len(a) + len(b)
    if a[0] == b[0]:
        return slow_edits(a[1:], b[1:])
    return 1 + min(slow_edits(a[1:], b), slow_edits(a, b[1:]), slow_edits(a[1:], b[1:]))


def slow_bleu(pairs, order):
    """Papineni et al. 2002, section 2.3."""
    product = 1.0
    for n in range(1, order + 1):
        matched = total = 0
        for a, b in pairs:
            ours = [tuple(a[k : k + n]) for k in range(len(a) - n + 1)]
            theirs = [tuple(b[k : k + n]) for k in range(len(b) - n + 1)]
            matched += sum(min(ours.count(gram), theirs.count(gram)) for gram in set(ours))
            total += len(ours)
        product *= matched / total
    return product ** (1 / order)


def test_metrics_of_quantiles_are_their_formulas():
    levels = (0.9, 0.2, 0.5, 0.7, 0.4)
    x, targets = data("mse")
    targets, lengths = targets[..., :1], ragged_lengths(ROWS, STEPS)
    inside = np.arange(STEPS) < lengths[:, None]
    names = [ost.metrics.WQL(quantiles=levels), ost.metrics.Coverage(quantiles=levels)]
    net = network()
    trainer = ost.Trainer(net, loss=ost.losses.Pinball(quantiles=levels), metrics=names)
    measured = trainer.evaluate(x, targets, lengths=lengths, batch_size=4)
    y, t = net.run(x, lengths=lengths).outputs[inside], targets[inside][:, 0]
    lost = [
        np.sum(np.where(t > y[:, k], q * (t - y[:, k]), (1 - q) * (y[:, k] - t)))
        for k, q in enumerate(levels)
    ]
    assert measured["wql"] == pytest.approx(np.mean(2 * np.array(lost) / np.abs(t).sum()), rel=1e-5)
    assert measured["coverage"] == pytest.approx(np.mean((y[:, 1] <= t) & (t <= y[:, 0])), rel=1e-5)


def test_mase_divides_by_the_error_of_the_seasonal_naive_forecast():
    x, targets = data("mse")
    lengths = ragged_lengths(ROWS, STEPS)
    net = network()
    measured = ost.Trainer(net, loss="mse", metrics=[ost.metrics.MASE(season=2)]).evaluate(
        x, targets, lengths=lengths, batch_size=4
    )
    y, expected = net.run(x, lengths=lengths).outputs, []
    for n, length in enumerate(lengths):
        t = targets[n, :length].astype(np.float64)
        if length > 2:  # a shorter row has no unit
            expected.append(np.abs(y[n, :length] - t).mean() / np.abs(t[2:] - t[:-2]).mean())
    assert measured["mase"] == pytest.approx(np.mean(expected), rel=1e-5)
    assert ost.metrics.mase([3.0, 5.0], [4.0, np.nan], [1.0, 2.0, 4.0, np.nan, 6.0]) == 1 / 1.5
    assert np.isnan(ost.metrics.mase([3.0], [4.0], [1.0, 1.0]))
    assert ost.metrics.MASE().finish(np.zeros(2)) == np.inf


def test_chunks_are_those_of_the_script_of_conll():
    tags = ["O", "B-a", "I-a", "B-b", "I-b"]
    metric = ost.metrics.ChunkF1(tags=tags)
    true = ["B-a", "I-a", "O", "I-b", "B-b", "I-a", "I-b", "I-b"]  # a 0-1, b 3, b 4, a 5, b 6-7
    said = ["B-a", "I-a", "I-a", "I-b", "B-b", "I-b", "O", "I-b"]  # a 0-2, b 3, b 4-5, b 7
    ids = [[tags.index(one) for one in row] for row in (said, true)]
    counts = metric.row(np.eye(5)[ids[0]], np.array(ids[1]))
    assert counts.tolist() == [1, 4, 5]
    assert metric.finish(counts) == pytest.approx(2 / 9)
    assert metric.finish(np.zeros(3)) == 1.0
    with pytest.raises(ost.ConfigError, match="the id 5 has no tag"):
        metric.row(np.eye(6)[[5]], np.array([0]))


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: ost.metrics.ChunkF1(tags="O"), "tags is 'O'; expected a list"),
        (lambda: ost.metrics.ChunkF1(tags=["O", "X-a"]), r"tags\[1\] is 'X-a'; expected 'O'"),
        (lambda: ost.metrics.MASE(season=0), "metric 'mase': season is 0"),
        (lambda: ost.metrics.WQL(quantiles=(0.5, 2)), r"quantiles\[1\] is 2"),
        (lambda: ost.metrics.mase([1.0], [1.0, 2.0], [1.0, 2.0]), r"truth \(2,\)"),
    ],
)
def test_a_wrong_option_of_a_metric_is_named(call, words):
    with pytest.raises(ost.OstinatoError, match=words):
        call()


def test_functions_of_arrays_are_the_metrics():
    assert ost.metrics.smape([3.0, 0.0], [1.0, 0.0]) == 50.0
    assert ost.metrics.coverage([0.0, 0.0, 0.0], [1.0, 1.0, 1.0], [0.5, 2.0, np.nan]) == 0.5


def test_bleu_knows_a_published_example():
    """Papineni et al. 2002, example 2: "the" seven times matches twice, by two of seven."""
    metric = ost.metrics.BLEU(order=1)
    row = metric.row(np.eye(9)[[1] * 7], np.array([1, 2, 3, 4, 1, 5]))
    assert metric.finish(row) == pytest.approx(2 / 7)
    short = metric.row(np.eye(9)[[1, 2]], np.array([1, 2, 3, 4]))
    assert metric.finish(short) == pytest.approx(np.exp(1 - 4 / 2))


SCORES = np.zeros((2, 3, 6))


@pytest.mark.parametrize("loss", [ost.losses.CTC(), ost.losses.CRF()], ids=lambda loss: loss.name)
@pytest.mark.parametrize(
    ("outputs", "lengths", "error", "match"),
    [
        ("abc", None, ost.DTypeError, "outputs is 'abc'; expected numbers"),
        (None, None, ost.DTypeError, "outputs is None"),
        ({}, None, ost.DTypeError, "outputs is a dict; expected numbers"),
        ([[[1.0, 2.0]], [[1.0]]], None, ost.ShapeError, "outputs is .*, which makes no array"),
        (SCORES + 1j, None, ost.DTypeError, "outputs is an array of complex128; expected numbers"),
        (SCORES[0], None, ost.ShapeError, r"outputs is \(3, 6\)"),
        (SCORES[:, :, :0], None, ost.ConfigError, "expected"),
        (SCORES, "ab", ost.DTypeError, "lengths has dtype <U2; expected integers"),
        (SCORES, [1.5, 2.0], ost.DTypeError, "lengths has dtype float64; expected integers"),
        (SCORES, [[1], [2, 3]], ost.ShapeError, "lengths is .*, which makes no array"),
        (SCORES, [1], ost.ShapeError, r"lengths is \(1,\); expected \(2,\)"),
        (SCORES, [1, 4], ost.ShapeError, r"lengths\[1\] is 4; expected 0 to 3"),
        (SCORES, [-1, 2], ost.ShapeError, r"lengths\[0\] is -1; expected 0 to 3"),
    ],
)
def test_what_cannot_be_decoded_is_named(loss, outputs, lengths, error, match):
    assert [len(row) for row in ost.losses.CRF().decode(SCORES, [1, 3])] == [1, 3]
    with pytest.raises(error, match=match):
        loss.decode(outputs, lengths)


def test_a_blank_that_no_output_has_cannot_be_decoded():
    with pytest.raises(ost.ConfigError, match="blank is 6; expected an id below 6"):
        ost.losses.CTC(blank=6).decode(SCORES)


def test_the_edit_distance_of_ctc_reads_labels():
    x = np.random.default_rng(0).normal(size=(6, 8, 3)).astype("float32")
    labels = np.array([[1, 2, -1], [3, -1, -1], [-1, -1, -1], [1, 1, 1], [2, 3, -1], [4, -1, -1]])
    net, lengths = network(), np.array([8, 5, 3, 7, 1, 6])
    loss = ost.losses.CTC(labels=3)
    trainer = ost.Trainer(net, loss=loss, metrics=[ost.metrics.EditDistance(blank=0)])
    measured = trainer.evaluate(x, labels, lengths=lengths, batch_size=4)
    best = loss.decode(net.run(x, lengths=lengths).outputs, lengths)
    wanted = [row[row >= 0] for row in labels]
    edited = sum(slow_edits(tuple(a), tuple(b)) for a, b in zip(best, wanted, strict=True))
    assert measured["edit_distance"] == pytest.approx(edited / 9)


@pytest.mark.parametrize(
    ("rows", "error", "match"),
    [
        (lambda y, t: "many", ost.ConfigError, "row returns 'many'; expected a number or a vector"),
        (lambda y, t: np.ones((2, 2)), ost.ShapeError, r"row returns shape \(2, 2\)"),
        (lambda y, t: np.ones(len(y)), ost.ShapeError, r"row returns shape \(\d,\); expected \(\d,\)"),
        (lambda y, t: 1 / 0, ZeroDivisionError, "division by zero"),  # of the user's own class
    ],
)
def test_a_row_that_returns_something_else_is_refused(rows, error, match):
    class Mine(ost.Metric):
        """Rows as the test says."""

        better = "lower"

        def row(self, outputs, targets):
            return rows(outputs, targets)

    x, targets = data("mse")
    trainer = ost.Trainer(network(), loss="mse", metrics=[Mine()])
    with pytest.raises(error, match=match):
        trainer.evaluate(x, targets, lengths=ragged_lengths(ROWS, STEPS))


def test_a_metric_has_a_step_or_a_row():
    class Both(ost.metrics.ExactMatch):
        """Two definitions."""

        def step(self, y, target):
            return ops.sum(y)

    with pytest.raises(ost.ConfigError, match="step and row"):
        ost.Trainer(network(), loss="cross_entropy", metrics=[Both()])

    class Long(ost.Metric):
        """More numbers than a step may return."""

        def step(self, y, target):
            return ops.concat(*[y - target] * 13)

    with pytest.raises(ost.ShapeError, match="at most 64"):
        ost.Trainer(network(), loss="mse", metrics=[Long()])
