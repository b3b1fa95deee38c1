"""A weight of 0 means not read: a NaN, -100 or any other id under it reaches no loss and no metric."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import ops
from ostinato.data import pack
from ostinato.losses import Loss
from ostinato.metrics import Metric
from ostinato.plugins.registry import registry

ROWS, STEPS, FEATURES, WIDTH = 6, 5, 3, 12  # some losses have two or three outputs for each number
rng = np.random.default_rng(0)
X = rng.normal(size=(ROWS, STEPS, FEATURES)).astype("float32")
WEIGHTS = rng.integers(0, 3, (ROWS, STEPS)).astype("float32")
WEIGHTS[0] = 0.0  # a row of which nothing counts
LENGTHS = np.array([5, 3, 4, 5, 1, 2])
ROW_WEIGHTS = np.array([1, 0, 2, 0, 1, 3], dtype="float32")


class PinballOfATest(ost.Loss):
    """Quantile loss, with corners."""

    def step(self, y, target):
        error = target - y
        return ops.mean(ops.maximum(0.9 * error, -0.1 * error))


class FocalOfATest(ost.Loss):
    """A loss on ids with a power and a product, which turn inf into NaN."""

    target = "index"

    def step(self, y, target):
        log_p = ops.pick(ops.log_softmax(y), target)
        return -ops.square(1.0 - ops.exp(log_p)) * log_p


class LogsOfATest(ost.Loss):
    """A loss that is infinite at targets of 0, and NaN below."""

    def step(self, y, target):
        return ops.mean(ops.square(y - ops.log(ops.abs(target) + 0.1)) + 0.0 * ops.exp(ops.square(y)))


class HitsOfATest(ost.Metric):
    """A metric that compares."""

    better = "higher"

    def step(self, y, target):
        return ops.where(ops.max(ops.abs(y - target)) < 1.0, 1.0, 0.0)


class RankOfATest(ost.Metric):
    """A metric on ids."""

    target = "index"
    better = "lower"

    def step(self, y, target):
        return ops.sum(ops.where(y > ops.pick(y, target), 1.0, 0.0))


OWN = (PinballOfATest(), FocalOfATest(), LogsOfATest(), HitsOfATest(), RankOfATest())
LOSSES = {name: registry.make("loss", name, Loss) for name in registry.names("loss")}
# with states: a step of weight 0 is read by later ones, see tests/language/test_sequence_losses.py
del LOSSES["crf"], LOSSES["ctc"]
LOSSES["pinball"] = ost.losses.Pinball(quantiles=(0.1, 0.9))  # which divide WIDTH
LOSSES |= {one.name: one for one in OWN if isinstance(one, Loss)}
METRICS = {name: registry.make("metric", name, Metric) for name in registry.names("metric")}
QUANTILES = (0.1, 0.9)
METRICS["wql"] = ost.metrics.WQL(quantiles=QUANTILES)
METRICS["coverage"] = ost.metrics.Coverage(quantiles=QUANTILES)
METRICS["chunk_f1"] = ost.metrics.ChunkF1(
    tags=("O", *(f"{part}-{kind}" for kind in "abcdef" for part in "BI"))[:WIDTH]
)
METRICS |= {one.name: one for one in OWN if isinstance(one, Metric)}
JUNK = {
    "output": (math.nan, math.inf, -math.inf, 3e38),
    "index": (-100, -1, WIDTH, 2**40),
}


def network(**options: Any) -> ost.Network:
    return ost.Sequential(ost.GRU(FEATURES, 5, **options), ost.Dense(5, WIDTH))


def labels(**options: Any) -> ost.Network:
    return ost.Sequential(ost.GRU(FEATURES, 5, **options), ost.Last(), ost.Dense(5, WIDTH))


def targets_of(made: Loss | Metric, shape: tuple[int, ...]) -> Any:
    own = np.random.default_rng(1)
    if made.target == "index":
        return own.integers(0, WIDTH, shape)
    limits = made.target_range() if isinstance(made, Loss) else None
    size = (*shape, made.target_size(WIDTH))
    return (own.normal(size=size) if limits is None else own.uniform(*limits, size=size)).astype("float32")


def rows_of(array: Any) -> list[Any]:
    return [row[:n] for row, n in zip(array, LENGTHS, strict=True)]


def calls(made: Loss | Metric) -> dict[str, Callable[[Any], Any]]:
    """Everything that reads targets: name -> the numbers that come of it, for targets (N, T, ...)."""
    loss: Any = made
    if isinstance(made, Metric):
        loss = "cross_entropy" if made.target == "index" else "mse"
        if made.target == "output" and made.target_size(WIDTH) != WIDTH:
            loss = LOSSES["pinball"]
    metrics = [made] if isinstance(made, Metric) else []
    last = ROW_WEIGHTS

    def trainer(net: ost.Network | None = None, **options: Any) -> ost.Trainer:
        return ost.Trainer(net or network(), loss=loss, metrics=metrics, **options)

    def gradient(t: Any, net: ost.Network | None = None, **options: Any) -> Any:
        value, grads = (net or network()).value_and_grad(X, t, loss=loss, weights=WEIGHTS, **options)
        return value, grads.arena

    def fitted(one: ost.Trainer, *data: Any, **options: Any) -> Any:
        history = one.fit(*data, epochs=2, batch_size=4, **options)
        return history.rows, one.net.arena

    def batches(t: Any) -> Any:
        one = trainer()
        return one.fit([ost.Batch(X, t, weights=WEIGHTS)], epochs=2).rows, one.net.arena

    def several(t: Any) -> Any:
        x = ost.Input("x", size=FEATURES)
        hidden = ost.GRU(FEATURES, 5)(x)
        net = ost.Graph(outputs={"a": ost.Dense(5, WIDTH)(hidden), "b": ost.Dense(5, WIDTH)(hidden)})
        one = ost.Trainer(net, loss={"a": loss, "b": "mse"}, metrics={"a": metrics})
        plain = {"a": t, "b": targets_of(LOSSES["mse"], (ROWS, STEPS))}
        return fitted(one, X, plain, weights={"a": WEIGHTS})

    turned = np.ascontiguousarray
    return {
        "value_and_grad": gradient,
        "value_and_grad, a sum": lambda t: gradient(t, reduction="sum"),
        "value_and_grad with lengths": lambda t: gradient(t, lengths=LENGTHS),
        "value_and_grad with resets": lambda t: gradient(
            t, resets=np.arange(STEPS) % 2 * np.ones((ROWS, 1)) > 0
        ),
        "truncated": lambda t: gradient(t, through_time=ost.TruncatedBPTT(2, 3)),
        "checkpointed": lambda t: gradient(t, through_time=ost.CheckpointedBPTT("sqrt")),
        "both directions": lambda t: gradient(
            t, ost.Sequential(ost.GRU(FEATURES, 5, bidirectional=True), ost.Dense(10, WIDTH))
        ),
        "time first": lambda t: (
            network(batch_first=False)
            .value_and_grad(
                turned(X.swapaxes(0, 1)), turned(t.swapaxes(0, 1)), loss=loss, weights=turned(WEIGHTS.T)
            )[1]
            .arena
        ),
        "loss_value": lambda t: network().loss_value(X, t, loss=loss, weights=WEIGHTS)[0],
        "lists of rows": lambda t: (
            network().value_and_grad(rows_of(X), rows_of(t), loss=loss, weights=rows_of(WEIGHTS))[1].arena
        ),
        "packed": lambda t: network().loss_value(
            pack(X, LENGTHS), pack(t, LENGTHS), loss=loss, weights=pack(WEIGHTS, LENGTHS)
        )[0],
        "a value of rows": lambda t: labels().value_and_grad(X, t[:, 0], loss=loss, weights=last)[1].arena,
        "fit": lambda t: fitted(trainer(), X, t, weights=WEIGHTS),
        "fit of rows": lambda t: fitted(trainer(labels()), X, t[:, 0], weights=last),
        "fit of lists": lambda t: fitted(trainer(), rows_of(X), rows_of(t), weights=rows_of(WEIGHTS)),
        "fit of batches": batches,
        "fit with updates in the row": lambda t: fitted(
            trainer(strategies=[ost.strategies.Truncated(1, update_every=2)]), X, t, weights=WEIGHTS
        ),
        "evaluate": lambda t: trainer().evaluate(X, t, weights=WEIGHTS),
        "validation": lambda t: fitted(
            trainer(),
            X,
            targets_of(made, (ROWS, STEPS)),
            validation=(X, t, None, WEIGHTS),
        ),
        "several outputs": several,
    }


def spoiled(made: Loss | Metric, name: str) -> list[Any]:
    """Targets with each junk of its kind where the weight is 0: one for each place, in turn.

    Calls of rows take the targets of step 0. They have fewer places than kinds of junk, so they get two.
    """
    unread = (ROW_WEIGHTS if "of rows" in name and "lists" not in name else WEIGHTS) == 0
    junk, count, found = JUNK[made.target], int(unread.sum()), []
    for first in range(0, len(junk), count):
        targets = targets_of(made, (ROWS, STEPS)).copy()
        rest = targets[unread].shape[1:]
        targets[unread] = np.resize(junk[first:] + junk[:first], count).reshape(-1, *[1] * len(rest))
        found.append(targets)
    return found


def bits(value: Any) -> Any:
    """Anything as something that == compares bit for bit, a NaN as well."""
    if isinstance(value, dict):
        return {name: bits(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [bits(one) for one in value]
    return value.tobytes() if isinstance(value, np.ndarray) else repr(value)


@pytest.mark.slow
@pytest.mark.parametrize("name", [f"loss {one}" for one in LOSSES] + [f"metric {one}" for one in METRICS])
def test_what_has_the_weight_0_is_not_read(name):
    kind, _, bare = name.partition(" ")
    made = (LOSSES if kind == "loss" else METRICS)[bare]
    wrong = []
    for call, results in calls(made).items():
        clean = bits(results(targets_of(made, (ROWS, STEPS))))
        assert "nan" not in repr(clean)
        for targets in spoiled(made, call):
            try:
                found = bits(results(targets))
            except ost.OstinatoError as error:
                wrong.append(f"{call}: {error}")
            else:
                wrong += [f"{call}: other numbers"] * (found != clean)
    assert wrong == []


def test_the_table_has_everything_that_has_a_name():
    assert {"mse", "cross_entropy", "pinballofatest", "focalofatest"} <= {one.name for one in LOSSES.values()}
    assert {"accuracy", "perplexity", "bits_per_character", "mae", "rmse"} <= {
        one.name for one in METRICS.values()
    }


@pytest.mark.parametrize("value", [math.inf, 3e38])
def test_an_output_of_weight_0_that_overflows_the_loss_reaches_nothing(value):
    net = ost.Dense(1, 1, dtype="float32")
    net.arena[...] = 0.0
    net.parameters()["weight"][...] = 1.0
    x = np.array([[[1.0], [value], [2.0]]], dtype="float32")
    targets, weights = np.zeros((1, 3, 1), "float32"), np.array([[1.0, 0.0, 1.0]])
    loss, grads = net.value_and_grad(x, targets, loss="mse", weights=weights)
    assert loss == 2.5
    assert grads.inputs.tolist() == [[[1.0], [0.0], [2.0]]]
    assert grads.params["bias"] == [3.0]


def test_a_nan_that_counts_is_named_and_one_that_does_not_is_not():
    targets = targets_of(LOSSES["mse"], (ROWS, STEPS)).astype("float64")
    targets[1, 1], targets[4, 2, 3] = np.nan, np.nan
    weights = np.ones((ROWS, STEPS))
    weights[1, 1] = 0.0
    for data in ((X, targets, weights), tuple(map(list, (X, targets, weights)))):
        with pytest.raises(ost.NonFiniteError, match="targets holds nan in row 4, step 2"):
            ost.Trainer(network(), loss="mse").fit(*data[:2], weights=data[2], epochs=1)
    with pytest.raises(ost.NonFiniteError, match="targets holds nan in row 5"):
        rows = np.full((ROWS, WIDTH), np.nan)
        ost.Trainer(labels(), loss="mse").fit(X, rows, weights=np.array([0, 0, 0, 0, 0, 1.0]), epochs=1)


def test_an_id_that_marks_what_to_leave_out_is_refused_with_the_way_to_write_it():
    targets = targets_of(LOSSES["cross_entropy"], (ROWS, STEPS))
    targets[2, 1] = -100
    for given in (np.ones((ROWS, STEPS)), None):
        with pytest.raises(
            ost.ConfigError, match=r"id -100 \(row 2, step 1\).*give weights= that are 0 there"
        ):
            network().value_and_grad(X, targets, loss="cross_entropy", weights=given)
    with pytest.raises(ost.ConfigError, match=r"id -100 \(row 2\).*give weights= that are 0 there"):
        labels().loss_value(X, targets[:, 1], loss="cross_entropy")
    with pytest.raises(ost.ConfigError, match=r"id 12 .* expected ids from 0 to 11$"):
        network().value_and_grad(X, np.full((ROWS, STEPS), WIDTH), loss="cross_entropy")


IDS = rng.integers(0, WIDTH, (ROWS, STEPS))
IGNORED = np.where(WEIGHTS == 0, -100, IDS)


@pytest.mark.parametrize("given", [{}, {"label_smoothing": 0.1}, {"class_weight": np.arange(WIDTH) / 3}])
@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [None, rng.random((ROWS, STEPS)).astype("float32")])
def test_an_id_that_is_ignored_is_not_read(given: dict[str, Any], reduction: str, weights: Any):
    net = ost.Sequential(ost.RNN(FEATURES, 4), ost.Dense(4, WIDTH))
    used = (WEIGHTS > 0).astype("float32")
    wanted = used if weights is None else used * weights
    plain, ignoring = ost.CrossEntropy(**given), ost.CrossEntropy(ignore=-100, **given)
    want, want_grads = net.value_and_grad(
        X, IDS, loss=plain, weights=wanted, lengths=LENGTHS, reduction=reduction
    )
    found, grads = net.value_and_grad(
        X, IGNORED, loss=ignoring, weights=weights, lengths=LENGTHS, reduction=reduction
    )
    assert found == want and np.array_equal(grads.arena, want_grads.arena)
    rows = [row[:length] for row, length in zip(X, LENGTHS, strict=True)]
    ids = [row[:length] for row, length in zip(IGNORED, LENGTHS, strict=True)]
    histories, arenas = [], []
    start = net.state_dict()
    for loss, x, targets, more in (
        (plain, X, IDS, {"weights": wanted, "lengths": LENGTHS}),
        (ignoring, X, IGNORED, {"weights": weights, "lengths": LENGTHS}),
        (ignoring, rows, ids, {"weights": None if weights is None else list(weights)}),
    ):
        if isinstance(x, list) and weights is not None:
            more = {"weights": [row[:length] for row, length in zip(weights, LENGTHS, strict=True)]}
        net.load_state_dict(start)
        trainer = ost.Trainer(net, loss=loss, reduction=reduction, metrics=["accuracy"])
        trainer.fit(x, targets, epochs=2, batch_size=3, progress=False, training_metrics=True, **more)
        histories.append(trainer.history.rows)
        arenas.append(net.arena.tobytes())
    assert histories[0] == histories[1] == histories[2] and len(set(arenas)) == 1


class Replacing(ost.Estimator):
    """Takes the gradients of a batch with other targets or weights."""

    def __init__(self, **given: Any):
        self.given = given

    def estimate(self, core: Any, batch: Any) -> Any:
        return core.value_and_grad(batch.replace(**self.given))


OTHER_IDS = np.where(IDS % 3 == 0, 0, IDS)
OTHER_WEIGHTS = rng.random((ROWS, STEPS)).astype("float32")


@pytest.mark.parametrize(
    ("given", "explicit"),
    [
        ({"weights": OTHER_WEIGHTS}, {"weights": OTHER_WEIGHTS * (IDS != 0)}),
        ({"targets": OTHER_IDS}, {"targets": OTHER_IDS, "weights": (OTHER_IDS != 0).astype("float32")}),
    ],
    ids=["weights", "targets"],
)
def test_what_a_strategy_replaces_has_no_weight_where_a_target_stands_for_none(given: Any, explicit: Any):
    losses, arenas = [], []
    for loss, parts in ((ost.CrossEntropy(ignore=0), given), (ost.CrossEntropy(), explicit)):
        net = ost.Sequential(ost.RNN(FEATURES, 4), ost.Dense(4, WIDTH), seed=0)
        trainer = ost.Trainer(net, loss=loss, strategies=[Replacing(**parts)])
        losses.append(trainer.fit([(X, IDS, LENGTHS)], epochs=2, progress=False)["loss"])
        arenas.append(net.arena.tobytes())
    assert losses[0] == losses[1] and arenas[0] == arenas[1]


def test_an_ignored_id_of_one_of_several_outputs_and_of_rows():
    h = ost.GRU(FEATURES, 4)(ost.Input("x", size=FEATURES))
    net = ost.Graph({"a": ost.Dense(4, 3)(h), "b": ost.Dense(4, WIDTH)(ost.last(h))})
    loss = {"a": "mse", "b": ost.CrossEntropy(ignore=-1)}
    targets = {"a": np.zeros((ROWS, STEPS, 3)), "b": np.array([0, -1, 2, -1, 1, 3])}
    found = ost.Trainer(net, loss=loss).evaluate(X, targets)
    weights = {"b": (targets["b"] >= 0).astype("float32")}
    shown = {**targets, "b": np.maximum(targets["b"], 0)}
    plain = {"a": "mse", "b": "cross_entropy"}
    assert found == ost.Trainer(net, loss=plain).evaluate(X, shown, weights=weights)
    assert net.value_and_grad(X, targets, loss=loss)[0] == pytest.approx(found["loss"])
    with pytest.raises(ost.ConfigError, match="holds the id -1"):
        ost.Trainer(net, loss=plain).evaluate(X, targets)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"class_weight": [1.0, -2.0]}, r"class_weight\[1\] is -2.0"),
        ({"class_weight": [1.0, 1e300]}, r"class_weight\[1\] is 1e\+300; expected 0, or 1e-18 to 1e\+18"),
        ({"class_weight": [1e-300, 1.0]}, r"class_weight\[0\] is 1e-300; expected 0, or 1e-18"),
        ({"class_weight": "balanced"}, "expected a number for each class"),
        ({"class_weight": []}, "expected a number for each class"),
        ({"ignore": 1.5}, "ignore is 1.5"),
    ],
)
def test_options_of_cross_entropy_that_do_not_fit_are_named(given: dict[str, Any], words: str):
    with pytest.raises(ost.OstinatoError, match=words):
        ost.CrossEntropy(**given)


def test_class_weights_are_those_of_pytorch():
    net = ost.Dense(3, 3, dtype="float64")
    weights, x, ids = np.array([1.0, 2.5, 0.0]), rng.normal(size=(4, 5, 3)), rng.integers(0, 3, (4, 5))
    logs = net.run(x).outputs
    logs = logs - np.log(np.exp(logs).sum(-1, keepdims=True))
    picked = np.take_along_axis(logs, ids[..., None], -1)[..., 0]
    for share in (0.0, 0.2):
        # torch.nn.functional.cross_entropy(..., weight=, label_smoothing=, reduction="sum")
        want = -(1 - share) * weights[ids] * picked - share / 3 * (weights * logs).sum(-1)
        loss = ost.CrossEntropy(class_weight=weights, label_smoothing=share)
        assert net.value_and_grad(x, ids, loss=loss, reduction="sum")[0] == pytest.approx(want.sum())
        assert net.value_and_grad(x, ids, loss=loss)[0] == pytest.approx(want.mean())
    with pytest.raises(ost.ShapeError, match="has 2 weights; the output has 3 logits"):
        net.value_and_grad(x, ids, loss=ost.CrossEntropy(class_weight=[1.0, 2.0]))


def test_targets_of_binary_cross_entropy_are_from_0_to_1():
    net = ost.Sequential(ost.RNN(FEATURES, 4), ost.Dense(4, 2))
    targets = np.full((ROWS, STEPS, 2), 0.5)
    targets[1, 2, 1] = 7.0
    given: dict[str, Any] = {"lengths": LENGTHS}
    trainer = ost.Trainer(net, loss="binary_cross_entropy")
    for call in (
        lambda: net.value_and_grad(X, targets, loss="binary_cross_entropy", **given),
        lambda: trainer.fit(X, targets, epochs=1, progress=False, **given),
        lambda: trainer.evaluate(X, targets, **given),
    ):
        with pytest.raises(ost.ConfigError, match=r"targets\[1, 2, 1\] is 7; .* numbers from 0 to 1"):
            call()
    weights = np.ones((ROWS, STEPS))
    weights[1, 2] = 0.0
    trainer.evaluate(X, targets, weights=weights, **given)  # what has no weight is not read
    targets[1, 2, 1], targets[1, 4, 0] = 1.0, -3.0  # what is after the end of a row is not read
    assert LENGTHS[1] == 3
    trainer.evaluate(X, targets, **given)
    rows = ost.Sequential(ost.RNN(FEATURES, 4), ost.Last(), ost.Dense(4, 2))
    with pytest.raises(ost.ConfigError, match=r"targets\[5, 0\] is -0.45"):
        rows.value_and_grad(
            X,
            np.arange(12.0)[::-1].reshape(6, 2) / 20 - 0.5 * (np.arange(6) == 5)[:, None],
            loss="binary_cross_entropy",
        )
