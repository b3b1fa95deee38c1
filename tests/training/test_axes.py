"""Networks with sequences on several axes in a Trainer: lengths and masks by axis, in every form of data."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches, ByLength
from tests.bad import Bad
from tests.masks import compressed, poisoned, valid_of
from tests.training.translation import (
    LOSSES,
    N,
    S,
    T,
    along,
    as_lists,
    chosen,
    inputs,
    lengths,
    masks,
    targets,
    trainer,
    translator,
)

X, COUNTS, MASKS = inputs(), lengths(), masks()
Y = targets(X)
IN_ORDER = ost.strategies.AllRows(shuffle=False)
GROUPS = [slice(start, start + 8) for start in range(0, N, 8)]


def valid(axis: str) -> Any:
    return np.arange(S if axis == "source" else T) < COUNTS[axis][:, None]


def test_a_trainer_is_a_loop_of_value_and_grad_and_an_optimizer_to_the_bit():
    made = trainer(strategies=[IN_ORDER])
    made.fit(X, Y, lengths=COUNTS, mask=MASKS, epochs=3, batch_size=8)
    net, adam = translator(), ost.Adam(lr=1e-2)
    for _ in range(3):
        for rows in GROUPS:
            _, grads = net.value_and_grad(
                chosen(X, rows),
                chosen(Y, rows),
                loss=LOSSES,
                lengths=chosen(COUNTS, rows),
                mask=chosen(MASKS, rows),
            )
            adam.step(net.arena, grads.arena, clip_norm=1.0)
    np.testing.assert_array_equal(made.net.arena, net.arena)


def test_every_output_is_learned():
    big, counts = inputs(512, seed=7), lengths(512)
    made = trainer()
    history = made.fit(big, targets(big), lengths=counts, epochs=30, validation=(X, Y, COUNTS))
    assert history["words.val_accuracy"][-1] > 0.95
    assert history["tags.val_mae"][-1] < 0.1
    assert history["kind.val_accuracy"][-1] > 0.85
    assert made.evaluate(X, Y, lengths=COUNTS)["loss"] == pytest.approx(history["val_loss"][-1])


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_and_metrics_are_means_over_the_steps_of_their_axis(reduction):
    made = trainer(reduction=reduction, optimizer=ost.SGD(0.0), strategies=[IN_ORDER])
    weights = {"words": np.random.default_rng(2).random((N, T)), "kind": np.arange(N) % 3 + 0.0}
    outputs = made.net(X, lengths=COUNTS)

    def cross_entropy(y, ids):
        y = y.astype(float)
        return np.log(np.exp(y).sum(-1)) - np.take_along_axis(y, ids[..., None], -1)[..., 0]

    inside = {axis: valid(axis) for axis in COUNTS}
    scale = weights["words"] * inside["target"]
    words = (scale * cross_entropy(outputs["words"], Y["words"])).sum() / scale.sum()
    tags = 0.5 * ((outputs["tags"].astype(float) - Y["tags"]) ** 2).mean(-1)[inside["source"]].mean()
    kinds = weights["kind"] * cross_entropy(outputs["kind"], Y["kind"])
    kind = 0.3 * kinds.sum() / weights["kind"].sum()
    right = outputs["words"].argmax(-1) == Y["words"]
    expected = {
        "loss": words + tags + kind,
        "words.loss": words,
        "tags.loss": tags,
        "kind.loss": kind,
        "words.accuracy": (scale * right).sum() / scale.sum(),
        "words.perplexity": np.exp(words),
        "tags.mae": np.abs(outputs["tags"].astype(float) - Y["tags"]).mean(-1)[inside["source"]].mean(),
        "kind.accuracy": (weights["kind"] * (outputs["kind"].argmax(-1) == Y["kind"])).sum()
        / weights["kind"].sum(),
    }
    evaluated = made.evaluate(X, Y, lengths=COUNTS, weights=weights, batch_size=7)
    assert evaluated == pytest.approx(expected, rel=1e-5)
    # With a learning rate of 0 an epoch of training measures the same, whatever the batches.
    row = made.fit(X, Y, lengths=COUNTS, weights=weights, epochs=1, batch_size=7)[0]
    for name in ("loss", "words.loss", "tags.loss", "kind.loss", "words.perplexity"):
        assert row[name] == pytest.approx(expected[name], rel=1e-5)


def data(form: str) -> dict[str, Any]:
    """The data of three updates in some form, as arguments of `fit`."""
    both = {axis: [flags[:n] for flags, n in zip(MASKS[axis], COUNTS[axis], strict=True)] for axis in MASKS}
    if form == "arrays":
        return {"data": X, "targets": Y, "lengths": COUNTS, "mask": MASKS, "batch_size": 8}
    if form == "lists":
        made = as_lists(X, COUNTS), as_lists(Y, COUNTS)
        return {"data": made[0], "targets": made[1], "mask": both, "batch_size": 8}
    if form == "lists on one axis":
        made = as_lists(X, COUNTS, ("target",)), as_lists(Y, COUNTS, ("target",))
        return {
            "data": made[0],
            "targets": made[1],
            "lengths": {"source": COUNTS["source"]},
            "mask": {"source": MASKS["source"], "target": both["target"]},
            "batch_size": 8,
        }
    if form == "batches":
        return {
            "data": [
                ost.Batch(chosen(X, one), chosen(Y, one), chosen(COUNTS, one), mask=chosen(MASKS, one))
                for one in GROUPS
            ]
        }
    if form == "batches of lists":
        return {
            "data": [
                ost.Batch(
                    chosen(as_lists(X, COUNTS), one),
                    chosen(as_lists(Y, COUNTS), one),
                    mask=chosen(both, one),
                )
                for one in GROUPS
            ]
        }
    options = {"batch_size": 8, "shuffle": False, "pool": 1, "net": translator()}
    if form == "data.Batches":
        return {"data": Batches(X, Y, lengths=COUNTS, mask=MASKS, **options)}
    return {"data": Batches(as_lists(X, COUNTS), as_lists(Y, COUNTS), mask=both, **options)}


@pytest.mark.parametrize(
    "form",
    ["lists", "lists on one axis", "batches", "batches of lists", "data.Batches", "data.Batches of lists"],
)
def test_every_form_of_data_gives_the_same_bits(form):
    arrays = trainer(strategies=[IN_ORDER])
    arrays.fit(**data("arrays"), epochs=2)
    other = trainer(strategies=[IN_ORDER])
    other.fit(**data(form), epochs=2)
    np.testing.assert_array_equal(other.net.arena, arrays.net.arena)
    assert other.history == arrays.history
    assert other.evaluate(**data(form)) == arrays.evaluate(**data("arrays"))


def test_a_mask_on_each_axis_leaves_the_rows_of_valid_steps():
    inside = {axis: valid_of(MASKS[axis], COUNTS[axis]) for axis in MASKS}
    metrics = {"words": ["accuracy"], "tags": ["mae"]}
    masked, by_hand = trainer(metrics=metrics), trainer(metrics=metrics)
    given = [along(one, lambda array, axis: poisoned(array, inside[axis])) for one in (X, Y)]
    masked.fit(*given, lengths=COUNTS, mask=MASKS, epochs=2, batch_size=8)
    plain = [along(one, lambda array, axis: compressed(array, inside[axis])) for one in (X, Y)]
    counts = {axis: steps.sum(1) for axis, steps in inside.items()}
    by_hand.fit(*plain, lengths=counts, epochs=2, batch_size=8)
    assert masked.net.arena.tobytes() == by_hand.net.arena.tobytes()
    found = masked.evaluate(*given, lengths=COUNTS, mask=MASKS)
    assert found == pytest.approx(by_hand.evaluate(*plain, lengths=counts), rel=1e-12)


def test_time_first_is_the_same_network():
    turned = [along(one, lambda array, _: array.swapaxes(0, 1)) for one in (X, Y)]
    flags = {axis: one.T for axis, one in MASKS.items()}
    made = trainer(translator(batch_first=False), strategies=[IN_ORDER])
    made.fit(*turned, lengths=COUNTS, mask=flags, epochs=2, batch_size=8)
    whole = trainer(strategies=[IN_ORDER])
    whole.fit(X, Y, lengths=COUNTS, mask=MASKS, epochs=2, batch_size=8)
    np.testing.assert_array_equal(made.net.arena, whole.net.arena)


def test_a_batch_has_lengths_masks_and_counts_by_axis():
    seen: list[ost.Batch] = []

    class Watch:
        @ost.hookimpl
        def ostinato_batch_start(self, batch):
            seen.append(batch)

    made = trainer(callbacks=[Watch()])
    made.fit(X, Y, lengths=COUNTS, mask=MASKS, epochs=1, batch_size=10)
    places = np.concatenate([batch.places for batch in seen])
    assert sorted(places) == list(range(N)) and (places != np.arange(N)).any()
    for batch in seen:
        assert batch.axes.inputs == {"target": "target", "source": "source"}
        assert batch.axes.outputs == {"words": "target", "tags": "source", "kind": "row"}
        for axis in COUNTS:
            np.testing.assert_array_equal(batch.lengths[axis], COUNTS[axis][batch.places])
            inside = valid_of(MASKS[axis], COUNTS[axis])[batch.places]
            np.testing.assert_array_equal(batch.valid_of(axis), inside)
            np.testing.assert_array_equal(batch.lengths_of(axis), COUNTS[axis][batch.places])
        both = COUNTS["source"] + COUNTS["target"]
        np.testing.assert_array_equal(batch.row_lengths, both[batch.places])
        assert (batch.rows, batch.steps) == (len(batch.places), S + T)
        assert batch.counts == {
            "words": batch.valid_of("target").sum(),
            "tags": batch.valid_of("source").sum(),
            "kind": batch.rows,
        }


def test_batches_by_length_count_the_steps_of_all_axes():
    both = COUNTS["source"] + COUNTS["target"]
    made = trainer()
    made.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=ByLength(8, pool=None))
    assert made.run.step == 3
    steady = Batches(X, Y, lengths=COUNTS, batch_size=8, pool=None, shuffle=False, net=made.net)
    order = np.argsort(-both, kind="stable")
    found = sorted((sorted(batch.places) for batch in steady), key=min)
    assert found == sorted((sorted(order[a : a + 8]) for a in (0, 8, 16)), key=min)
    padding = steady.padding()
    held = [batch.rows * batch.steps for batch in Batches(X, Y, lengths=COUNTS, batch_size=8, net=made.net)]
    assert padding.valid == both.sum() and len(held) == 3
    expected = sum(
        8 * (COUNTS["source"][order[a : a + 8]].max() + COUNTS["target"][order[a : a + 8]].max())
        for a in (0, 8, 16)
    )
    assert padding.steps == expected < padding.unsorted + 1


class OfShortRows(ost.Curriculum):
    """Rows of at most so many steps, on all axes together; `steps` is what the lesson cuts rows to."""

    name = "of short rows"

    def __init__(self, most: int, steps: int | None) -> None:
        self.most, self.steps = most, steps

    def lesson(self, when, lengths):
        assert (lengths == COUNTS["source"] + COUNTS["target"]).all()
        return ost.Lesson(np.flatnonzero(lengths <= self.most), self.steps)


def test_a_curriculum_chooses_rows_by_the_steps_of_all_axes():
    rows = np.flatnonzero(COUNTS["source"] + COUNTS["target"] <= 6)
    for steps in (None, 6):  # a lesson that cuts no row is as good as one without a number of steps
        made = trainer(strategies=[OfShortRows(6, steps)])
        made.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=4)
        by_hand = trainer(strategies=[IN_ORDER])
        by_hand.fit(chosen(X, rows), chosen(Y, rows), lengths=chosen(COUNTS, rows), epochs=1, batch_size=4)
        np.testing.assert_array_equal(made.net.arena, by_hand.net.arena)


@pytest.mark.parametrize("threads", [1, 2, 3, 4])
def test_the_bits_of_a_training_do_not_depend_on_threads(threads):
    arenas = []
    for count in (1, threads):
        before = ost.get_num_threads()
        ost.set_num_threads(count)
        try:
            made = trainer()
            made.fit(X, Y, lengths=COUNTS, mask=MASKS, epochs=2, batch_size=24)
        finally:
            ost.set_num_threads(before)
        arenas.append(made.net.arena)
    np.testing.assert_array_equal(*arenas)


def test_a_row_measures_the_same_alone_and_in_a_batch():
    made = trainer()
    together = made.net(X, lengths=COUNTS, mask=MASKS)
    for n in range(N):
        row = slice(n, n + 1)
        alone = made.net(chosen(X, row), lengths=chosen(COUNTS, row), mask=chosen(MASKS, row))
        for name, value in alone.items():
            assert value.tobytes() == together[name][row].tobytes()


def test_checkpointed_backpropagation_has_the_bits_of_full():
    arenas = []
    for way in (None, ost.CheckpointedBPTT("sqrt")):
        made = trainer(through_time=way)
        made.fit(X, Y, lengths=COUNTS, mask=MASKS, epochs=2, batch_size=8)
        arenas.append(made.net.arena)
    np.testing.assert_array_equal(*arenas)


@pytest.mark.parametrize("size", [5, 24])
def test_predict_takes_lengths_and_masks_by_axis(size):
    made = trainer()
    whole = made.net(X, lengths=COUNTS, mask=MASKS)
    for name, found in made.predict(X, lengths=COUNTS, mask=MASKS, batch_size=size).items():
        assert found.tobytes() == whole[name].tobytes()
    net, x = ost.GRU(2, 3), np.random.default_rng(0).normal(size=(7, 5, 2))
    given = {"lengths": {"time": np.arange(7) % 6}, "mask": {"time": x[..., 0] > -1}}
    assert net.predict(x, batch_size=3, **given).tobytes() == net(x, **given).tobytes()


@pytest.mark.parametrize("cut", [0, 2, 3, 7])
def test_a_resumed_run_has_the_bits_of_one_that_was_not_cut(cut, tmp_path):
    path = tmp_path / "cut"
    arguments: dict[str, Any] = {"lengths": COUNTS, "mask": MASKS, "epochs": 3, "batch_size": 8}

    class Save:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == cut:
                run.save(path)

    whole = trainer(callbacks=[Save()])
    whole.fit(X, Y, validation=(X, Y, COUNTS), **arguments)
    resumed = trainer(translator(seed=5))
    resumed.fit(X, Y, validation=(X, Y, COUNTS), resume=path, **arguments)
    np.testing.assert_array_equal(resumed.net.arena, whole.net.arena)
    assert list(resumed.history) == list(whole.history)


def test_a_resumed_run_compares_the_valid_steps_of_each_axis(tmp_path):
    made = trainer()
    made.fit(X, Y, lengths=COUNTS, epochs=1)
    made.save(tmp_path / "one")
    padding = {"source": ~valid("source"), "target": ~valid("target")}
    other = {axis: np.where(padding[axis], (X[axis] + 1) % 5, X[axis]) for axis in X}
    resumed = trainer()
    resumed.fit(other, Y, lengths=COUNTS, epochs=2, resume=tmp_path / "one")
    assert resumed.run.step == 2
    for axis in X:
        row = int(np.argmax(COUNTS[axis]))
        changed = {**X, axis: X[axis].copy()}
        changed[axis][row, COUNTS[axis][row] - 1] += 1
        changed[axis] %= 7
        with pytest.raises(ost.ConfigError, match=f"cannot resume: .* {axis}"):
            trainer().fit(changed, Y, lengths=COUNTS, epochs=2, resume=tmp_path / "one")


def test_batches_that_carry_the_state_continue_both_axes():
    """Two sensors of different rates, in windows: each layer goes on where the window before ended."""

    def net() -> ost.Graph:
        fast, slow = ost.Input("fast", size=2, axis="fast"), ost.Input("slow", size=3, axis="slow")
        a, b = ost.GRU(2, 4)(fast), ost.LSTM(3, 2)(slow)
        return ost.Graph(
            {"fast": ost.Dense(4, 1)(a), "both": ost.Dense(6, 1)(ost.concat(ost.last(a), ost.last(b)))}
        )

    rng = np.random.default_rng(0)
    x = {"fast": rng.normal(size=(4, 12, 2)), "slow": rng.normal(size=(4, 6, 3))}
    y = {"fast": rng.normal(size=(4, 12, 1)), "both": rng.normal(size=(2, 4, 1))}

    def window(k: int) -> tuple[Any, Any]:
        now = {"fast": x["fast"][:, 6 * k : 6 * k + 6], "slow": x["slow"][:, 3 * k : 3 * k + 3]}
        return now, {"fast": y["fast"][:, 6 * k : 6 * k + 6], "both": y["both"][k]}

    losses = {"fast": "mse", "both": "mse"}
    made = ost.Trainer(net(), loss=losses, optimizer=ost.SGD(0.1))
    made.fit([ost.Batch(*window(0)), ost.Batch(*window(1), carries=True)], epochs=2)
    other, sgd = net(), ost.SGD(0.1)
    for _ in range(2):
        state = None
        for k in range(2):
            _, grads = other.value_and_grad(*window(k), loss=losses, state=state)
            sgd.step(other.arena, grads.arena)
            state = grads.final_state
    np.testing.assert_array_equal(made.net.arena, other.arena)


@pytest.mark.parametrize("where", ["x", "targets", "weights"])
def test_a_nan_is_named_with_its_place_on_its_axis(where):
    source = ost.Input("source", size=2, axis="source")
    target = ost.Input("target", size=2, axis="target")
    y = ost.GRU(2, 4)(target, initial_state=ost.final_states(ost.GRU(2, 4)(source)))
    net = ost.Graph({"y": ost.Dense(4, 2)(y), "end": ost.Dense(4, 2)(ost.last(y))})
    rng = np.random.default_rng(0)
    x = {"source": rng.normal(size=(6, S, 2)), "target": rng.normal(size=(6, T, 2))}
    wanted = {"y": rng.normal(size=(6, T, 2)), "end": np.zeros((6, 2))}
    weights = {"y": np.ones((6, T))}
    x["source"][:, 5], wanted["y"][4, 3:] = np.nan, np.nan  # past the lengths
    {"x": x["source"], "targets": wanted["y"], "weights": weights["y"]}[where][3, 2] = np.nan
    name = {"x": "source", "targets": r"targets\['y'\]", "weights": r"weights\['y'\]"}[where]
    made = ost.Trainer(net, loss={"y": "mse", "end": "mse"}, strategies=[IN_ORDER])
    counts = {"source": np.full(6, 5), "target": np.array([5, 5, 5, 5, 3, 5])}
    with pytest.raises(ost.NonFiniteError, match=f"{name} holds nan in row 3, step 2"):
        made.fit(x, wanted, weights=weights, lengths=counts, epochs=1)


def fit(x: Any = X, y: Any = Y, made: Any = trainer, **options: Any) -> Any:
    arguments = {"lengths": COUNTS, "epochs": 1, "batch_size": 5, **options}
    return lambda: made().fit(x, y, **{key: value for key, value in arguments.items() if value is not None})


def stream(**options: Any) -> Any:
    return [ost.Batch(X, Y, COUNTS), ost.Batch(X, Y, COUNTS, **options)]


TABLE = {
    "an array of lengths": Bad(
        fit(lengths=COUNTS["source"]),
        ost.ConfigError,
        ("fit: lengths is a ndarray", "several axes", "lengths={'target': ..., 'source': ...}"),
    ),
    "lengths by output": Bad(
        fit(lengths={"words": COUNTS["target"]}), ost.ConfigError, ("the axis 'words'",)
    ),
    "lengths of other rows": Bad(
        fit(lengths={"source": COUNTS["source"][:-1]}),
        ost.ShapeError,
        ("lengths['source'] is (23,)", "(24,)"),
    ),
    "lengths beyond the steps of their axis": Bad(
        fit(lengths={"target": COUNTS["target"] + T}), ost.ShapeError, ("lengths['target'][0]", "0 to 5")
    ),
    "lengths with lists": Bad(
        fit(as_lists(X, COUNTS), as_lists(Y, COUNTS)),
        ost.ConfigError,
        ("lengths['source'] is given", "source is a list of rows"),
    ),
    "targets with the lengths of the other axis": Bad(
        fit(
            as_lists(X, COUNTS),
            as_lists({**Y, "words": Y["tags"][..., 0]}, {**COUNTS, "target": COUNTS["source"]}),
            lengths=None,
        ),
        ost.ShapeError,
        ("targets['words'][", "steps; target["),
    ),
    "a mask for all axes": Bad(
        fit(mask=MASKS["source"]),
        ost.ConfigError,
        ("mask is a ndarray", "mask={'target': ..., 'source': ...}"),
    ),
    "a mask of the other axis's steps": Bad(
        fit(mask={"target": MASKS["source"]}), ost.ShapeError, ("mask['target'] is (24, 6)",)
    ),
    "an axis of other rows": Bad(
        fit({**X, "source": X["source"][:-1]}), ost.ShapeError, ("source has 23 rows", "target has 24")
    ),
    "resets": Bad(
        fit(stream(resets=MASKS["target"]), None, lengths=None, batch_size=None),
        ost.ConfigError,
        ("resets is given", "several axes", "a row of its own"),
    ),
    "a stream of a network that starts from a bridge": Bad(
        fit(stream(carries=True), None, lengths=None, batch_size=None),
        ost.ConfigError,
        ("carries the state over", "starts from a value of the graph", "whole rows"),
    ),
    "windows of time": Bad(
        fit(made=lambda: trainer(through_time=ost.TruncatedBPTT(2, 2))),
        ost.ConfigError,
        ("several axes (target, source)", "no steps in common", "CheckpointedBPTT"),
    ),
    "updates within rows": Bad(
        fit(made=lambda: trainer(strategies=[ost.strategies.Truncated(2, update_every=2)])),
        ost.ConfigError,
        ("several axes ('target', 'source')", "no steps in common", "whole rows"),
    ),
    "a curriculum that cuts rows": Bad(
        fit(made=lambda: trainer(strategies=[OfShortRows(7, 3)])),
        ost.ConfigError,
        ("first 3 steps", "'target', 'source'", "whole rows"),
    ),
}


@pytest.mark.parametrize("name", TABLE)
def test_a_bad_call_says_what_to_write(name):
    TABLE[name].check()


@pytest.mark.parametrize("name", [name for name in TABLE if "stream" not in name and name != "resets"])
def test_a_bad_call_changes_nothing(name):
    made: list[ost.Trainer] = []

    class Kept(ost.Trainer):
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            made.append(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.training.translation.ost.Trainer", Kept)
        with pytest.raises(ost.OstinatoError):
            TABLE[name].call()
    np.testing.assert_array_equal(made[0].net.arena, translator().arena)
    assert made[0].run.step == 0
