"""Networks with several inputs and outputs in a Trainer: dicts of data, losses, metrics and weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches, ByLength
from ostinato.network import Port
from tests.training.several import (
    LOSSES,
    MOODS,
    TAGS,
    N,
    T,
    as_lists,
    chosen,
    inputs,
    lengths,
    tagger,
    targets,
    trainer,
)

X, COUNTS = inputs(), lengths()
Y = targets(X)
IN_ORDER = ost.strategies.AllRows(shuffle=False)


def test_a_trainer_is_a_loop_of_value_and_grad_and_an_optimizer_to_the_bit():
    made = trainer(strategies=[IN_ORDER])
    made.fit(X, Y, lengths=COUNTS, epochs=3, batch_size=8)
    net, adam = tagger(), ost.Adam(lr=1e-2)
    for _ in range(3):
        for start in range(0, N, 8):
            rows = slice(start, start + 8)
            _, grads = net.value_and_grad(chosen(X, rows), chosen(Y, rows), loss=LOSSES, lengths=COUNTS[rows])
            adam.step(net.arena, grads.arena, clip_norm=1.0)
    np.testing.assert_array_equal(made.net.arena, net.arena)


def test_both_outputs_are_learned():
    big = inputs(256)
    made = trainer()
    counts = lengths(256)
    history = made.fit(big, targets(big), lengths=counts, epochs=25, batch_size=16, validation=(X, Y, COUNTS))
    assert history["mood.val_accuracy"][-1] > 0.9
    assert history["tags.val_accuracy"][-1] > 0.9


def test_the_history_has_each_output_and_their_sum():
    made = trainer()
    history = made.fit(X, Y, lengths=COUNTS, epochs=2, batch_size=8, validation=(X, Y, COUNTS))
    assert history.names == [
        "epoch",
        "step",
        "loss",
        "tags.loss",
        "mood.loss",
        "tags.perplexity",
        "val_loss",
        "tags.val_loss",
        "mood.val_loss",
        "tags.val_accuracy",
        "tags.val_perplexity",
        "mood.val_accuracy",
        "grad_norm",
        "lr",
    ]
    for row in history:
        assert row["loss"] == pytest.approx(row["tags.loss"] + row["mood.loss"])
        assert row["val_loss"] == pytest.approx(row["tags.val_loss"] + row["mood.val_loss"])
        assert row["tags.perplexity"] == pytest.approx(np.exp(row["tags.loss"]))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_losses_and_metrics_are_their_formulas(reduction):
    weights = {"mood": np.arange(N, dtype="float32") % 3}
    metrics = {"tags": ["accuracy", "perplexity"], "mood": ["accuracy", "perplexity"]}
    made = trainer(reduction=reduction, optimizer=ost.SGD(0.0), strategies=[IN_ORDER], metrics=metrics)
    outputs = made.net(X, lengths=COUNTS)
    inside = np.arange(T) < COUNTS[:, None]

    def cross_entropy(y, ids):
        y = y.astype(float)
        return np.log(np.exp(y).sum(-1)) - np.take_along_axis(y, ids[..., None], -1)[..., 0]

    tags = cross_entropy(outputs["tags"], Y["tags"])[inside].mean()
    each = cross_entropy(outputs["mood"], Y["mood"])
    mood = 0.3 * (weights["mood"] * each).sum() / weights["mood"].sum()
    right = outputs["mood"].argmax(-1) == Y["mood"]
    expected = {
        "loss": tags + mood,
        "tags.loss": tags,
        "mood.loss": mood,
        "tags.accuracy": (outputs["tags"].argmax(-1) == Y["tags"])[inside].mean(),
        "tags.perplexity": np.exp(tags),
        "mood.accuracy": (weights["mood"] * right).sum() / weights["mood"].sum(),
        "mood.perplexity": np.exp(mood / 0.3),
    }
    evaluated = made.evaluate(X, Y, lengths=COUNTS, weights=weights, batch_size=7)
    assert evaluated == pytest.approx(expected, rel=1e-5)
    alone = trainer(metrics={}).evaluate(X, Y, lengths=COUNTS, weights=weights, batch_size=5)
    assert alone == pytest.approx({name: expected[name] for name in alone}, rel=1e-5)
    assert list(alone) == ["loss", "tags.loss", "mood.loss"]
    # With a learning rate of 0 an epoch of training measures the same, whatever the batches.
    row = made.fit(X, Y, lengths=COUNTS, weights=weights, epochs=1, batch_size=7)[0]
    for name in ("loss", "tags.loss", "mood.loss", "tags.perplexity", "mood.perplexity"):
        assert row[name] == pytest.approx(expected[name], rel=1e-5)


def batches(form: str) -> dict[str, Any]:
    """The data of three updates in some form, as arguments of `fit`."""
    groups = [slice(start, start + 8) for start in range(0, N, 8)]
    if form == "arrays":
        return {"data": X, "targets": Y, "lengths": COUNTS, "batch_size": 8}
    if form == "lists":
        return {"data": as_lists(X, COUNTS), "targets": as_lists(Y, COUNTS), "batch_size": 8}
    if form == "lists of all":
        listed = {**as_lists(X, COUNTS), "speaker": list(X["speaker"])}
        return {
            "data": listed,
            "targets": {"tags": as_lists(Y, COUNTS)["tags"], "mood": list(Y["mood"])},
            "batch_size": 8,
        }
    if form == "a list and an array":
        cut = COUNTS.max()
        return {"data": as_lists(X, COUNTS), "targets": {**Y, "tags": Y["tags"][:, :cut]}, "batch_size": 8}
    if form == "packed":
        packed = {**X, "text": ost.data.pack(X["text"], COUNTS)}
        return {"data": packed, "targets": as_lists(Y, COUNTS), "batch_size": 8}
    if form == "tuples":
        return {"data": [(chosen(X, one), chosen(Y, one), COUNTS[one]) for one in groups]}
    if form == "batches":
        return {"data": [ost.Batch(chosen(X, one), chosen(Y, one), COUNTS[one]) for one in groups]}
    if form == "batches of lists":
        return {
            "data": [
                ost.Batch(as_lists(chosen(X, one), COUNTS[one]), as_lists(chosen(Y, one), COUNTS[one]))
                for one in groups
            ]
        }
    data = Batches(X, Y, lengths=COUNTS, batch_size=8, shuffle=False, pool=1, net=tagger())
    return {"data": data}


@pytest.mark.parametrize(
    "form",
    [
        "lists",
        "lists of all",
        "a list and an array",
        "packed",
        "tuples",
        "batches",
        "batches of lists",
        "data.Batches",
    ],
)
def test_every_form_of_data_gives_the_same_bits(form):
    arrays = trainer(strategies=[IN_ORDER])
    arrays.fit(**batches("arrays"), epochs=2)
    other = trainer(strategies=[IN_ORDER])
    other.fit(**batches(form), epochs=2)
    np.testing.assert_array_equal(other.net.arena, arrays.net.arena)
    assert other.history == arrays.history
    assert other.evaluate(**batches(form)) == arrays.evaluate(**batches("arrays"))


def test_time_first_is_the_same_network():
    turned = ({**X, "text": X["text"].T}, {**Y, "tags": Y["tags"].T})
    made = trainer(tagger(batch_first=False), strategies=[IN_ORDER])
    made.fit(*turned, lengths=COUNTS, epochs=2, batch_size=8)
    whole = trainer(strategies=[IN_ORDER])
    whole.fit(X, Y, lengths=COUNTS, epochs=2, batch_size=8)
    np.testing.assert_array_equal(made.net.arena, whole.net.arena)
    assert made.evaluate(*turned, lengths=COUNTS) == whole.evaluate(X, Y, lengths=COUNTS)


def test_rows_are_shuffled_together():
    made = trainer()
    seen = []

    class Watch:
        @ost.hookimpl
        def ostinato_batch_start(self, batch):
            seen.append(batch)

    made = trainer(callbacks=[Watch()])
    made.fit(X, Y, lengths=COUNTS, weights={"mood": np.arange(N) + 0.0}, epochs=1, batch_size=8)
    places = np.concatenate([batch.places for batch in seen])
    assert sorted(places) == list(range(N)) and (places != np.arange(N)).any()
    for batch in seen:
        for name in X:
            np.testing.assert_array_equal(batch.x[name], X[name][batch.places])
        for name in Y:
            np.testing.assert_array_equal(batch.targets[name], Y[name][batch.places])
        np.testing.assert_array_equal(batch.lengths, COUNTS[batch.places])
        np.testing.assert_array_equal(batch.weights["mood"], batch.places)
        assert batch.counts == {"tags": COUNTS[batch.places].sum(), "mood": batch.places.sum()}


def test_batches_by_length_hold_the_rows_of_every_input():
    made = trainer()
    made.fit(X, Y, lengths=COUNTS, epochs=2, batch_size=ByLength(8, pool=None))
    assert made.run.step == 6
    steady = Batches(X, Y, lengths=COUNTS, batch_size=8, seed=4, net=made.net)
    for batch in steady:
        assert batch.axes.outputs == {"tags": "time", "mood": "row"}
        longest = COUNTS[batch.places].max()
        np.testing.assert_array_equal(
            batch.x["text"][0],
            X["text"][batch.places[0]][:longest] * (np.arange(longest) < COUNTS[batch.places[0]]),
        )
        np.testing.assert_array_equal(batch.x["speaker"], X["speaker"][batch.places])
        np.testing.assert_array_equal(batch.targets["mood"], Y["mood"][batch.places])


def test_a_curriculum_cuts_sequences_and_keeps_values_of_rows():
    class Short(ost.Curriculum):
        def lesson(self, when, lengths):
            assert (lengths == COUNTS).all()
            return ost.Lesson(np.arange(N), steps=3)

    cut = trainer(strategies=[Short()])
    cut.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=8)
    short = trainer(strategies=[IN_ORDER])
    short.fit(
        {**X, "text": X["text"][:, :3]},
        {**Y, "tags": Y["tags"][:, :3]},
        lengths=np.minimum(COUNTS, 3),
        epochs=1,
        batch_size=8,
    )
    np.testing.assert_array_equal(cut.net.arena, short.net.arena)


def sequences(seed=0):
    """Two sequences in, two sequences out: time may be cut."""
    a, b = ost.Input("a", size=2), ost.Input("b", ids=5)
    h = ost.GRU(2 + 3, 6)(ost.concat(a, ost.Embedding(5, 3)(b)))
    return ost.Graph({"sum": ost.Dense(6, 1)(h), "next": ost.Dense(6, 5)(h)}, seed=seed)


def pair(steps=8):
    rng = np.random.default_rng(2)
    x = {"a": rng.normal(size=(6, steps, 2)), "b": rng.integers(0, 5, (6, steps))}
    return x, {"sum": x["a"].sum(-1, keepdims=True), "next": x["b"]}


def test_truncated_updates_cut_every_sequence():
    losses = {"sum": "mse", "next": "cross_entropy"}
    estimator = ost.strategies.Truncated(2, 4, update_every=4)
    x, y = pair()
    made = ost.Trainer(sequences(), loss=losses, strategies=[estimator, IN_ORDER], optimizer=ost.SGD(0.1))
    made.fit(x, y, epochs=1, batch_size=6)
    assert made.run.step == 2
    net, sgd, state = sequences(), ost.SGD(0.1), None
    for piece in (slice(0, 4), slice(4, 8)):
        cut = [{name: array[:, piece] for name, array in data.items()} for data in (x, y)]
        _, grads = net.value_and_grad(*cut, loss=losses, state=state, through_time=ost.TruncatedBPTT(2, 4))
        sgd.step(net.arena, grads.arena)
        state = grads.final_state
    np.testing.assert_array_equal(made.net.arena, net.arena)


def test_checkpointed_backpropagation_has_the_bits_of_full():
    losses = {"sum": "mse", "next": "cross_entropy"}
    x, y = pair(40)
    arenas = []
    for way in (None, ost.CheckpointedBPTT("sqrt")):
        made = ost.Trainer(sequences(), loss=losses, through_time=way)
        arenas.append(made.net.arena)
        made.fit(x, y, epochs=2, batch_size=3)
    np.testing.assert_array_equal(*arenas)


def test_checkpointed_backpropagation_of_a_network_with_reductions_has_the_bits_of_full():
    arenas = []
    for way in (None, ost.CheckpointedBPTT("sqrt")):
        made = trainer(through_time=way)
        made.fit(X, Y, lengths=COUNTS, epochs=2, batch_size=8)
        arenas.append(made.net.arena)
    np.testing.assert_array_equal(*arenas)


def test_windows_of_a_network_with_reductions_are_refused():
    made = trainer(through_time=ost.TruncatedBPTT(2, 4))
    before = made.net.arena.copy()
    with pytest.raises(ost.ConfigError, match=r'"last" of a sequence depends on all steps.*FullBPTT\(\)'):
        made.fit(X, Y, lengths=COUNTS, epochs=1)
    np.testing.assert_array_equal(made.net.arena, before)


def test_an_output_may_be_left_out():
    made = trainer(loss={"mood": "cross_entropy"}, metrics={"mood": ["accuracy"]}, strategies=[IN_ORDER])
    made.fit(X, {"mood": Y["mood"]}, lengths=COUNTS, epochs=1, batch_size=8)
    assert "tags.loss" not in made.history.names
    assert made.history[0]["loss"] == made.history[0]["mood.loss"]
    start = tagger()
    name = "2.weight"
    np.testing.assert_array_equal(made.net.parameters()[name], start.parameters()[name])
    assert set(made.evaluate(X, {"mood": Y["mood"]}, lengths=COUNTS)) == {
        "loss",
        "mood.loss",
        "mood.accuracy",
    }


def test_a_scale_of_0_measures_without_training():
    losses = {"tags": "cross_entropy", "mood": ost.weighted("cross_entropy", 0)}
    made = trainer(loss=losses)
    made.fit(X, Y, lengths=COUNTS, epochs=1, validation=(X, Y, COUNTS))
    assert made.history["mood.loss"] == [0.0]
    assert 0 < made.history["mood.val_accuracy"][0] <= 1
    weights = made.net.parameters()["3.weight"]
    np.testing.assert_array_equal(weights, tagger().parameters()["3.weight"])


def test_one_output_keeps_the_names_it_had():
    x = ost.Input("x", size=2)
    net = ost.Graph({"label": ost.Dense(4, 2)(ost.last(ost.GRU(2, 4)(x)))})
    rng = np.random.default_rng(0)
    data, labels = rng.normal(size=(6, 5, 2)), rng.integers(0, 2, 6)
    plain = ost.Trainer(net, loss="cross_entropy", metrics=["accuracy"])
    plain.fit(data, labels, epochs=1, validation=(data, labels))
    assert "val_accuracy" in plain.history.names
    named = ost.Trainer(net, loss={"label": "cross_entropy"}, metrics={"label": ["accuracy"]})
    named.fit({"x": data}, {"label": labels}, epochs=1, validation=({"x": data}, {"label": labels}))
    assert named.history.names == plain.history.names
    assert named.evaluate({"x": data}, {"label": labels}, weights={"label": np.ones(6)}) == named.evaluate(
        data, labels
    )


def test_values_of_rows_alone_are_a_network_too():
    a, b = ost.Input("a", size=2, axis="row"), ost.Input("b", ids=4, axis="row")
    net = ost.Graph(ost.Dense(5, 2)(ost.concat(a, ost.Embedding(4, 3)(b))))
    rng = np.random.default_rng(0)
    x = {"a": rng.normal(size=(30, 2)), "b": rng.integers(0, 4, 30)}
    made = ost.Trainer(net, loss="cross_entropy", optimizer=ost.Adam(lr=0.1), metrics=["accuracy"])
    made.fit(x, x["b"] % 2, epochs=20, batch_size=10)
    assert made.evaluate(x, x["b"] % 2)["accuracy"] == 1.0


@pytest.mark.parametrize("seen", ["mood.val_accuracy", "tags.val_loss", "tags.loss", "loss"])
def test_stopping_and_schedules_watch_one_output(seen):
    mode = "max" if "accuracy" in seen else "min"
    stopping = ost.EarlyStopping(seen, mode=mode, patience=50)
    schedule = ost.schedules.Plateau(seen, mode=mode, patience=1)
    made = trainer(callbacks=[stopping], schedule=schedule)
    made.fit(X, Y, lengths=COUNTS, epochs=2, validation=(X, Y, COUNTS))
    pick = max if mode == "max" else min
    assert stopping.best == pick(made.history[seen])


@pytest.mark.parametrize(
    ("seen", "says"),
    [
        ("val_accuracy", "did you mean 'tags.val_accuracy'"),
        ("mod.val_accuracy", "did you mean 'mood.val_accuracy'"),
        ("mood.accuracy", "as 'mood.val_accuracy'"),
    ],
)
def test_an_unknown_measurement_is_answered_with_the_nearest(seen, says):
    for made in (
        trainer(callbacks=[ost.EarlyStopping(seen)]),
        trainer(schedule=ost.schedules.Plateau(seen)),
    ):
        with pytest.raises((ost.ConfigError, ost.PluginError), match=says):
            made.fit(X, Y, lengths=COUNTS, epochs=1, validation=(X, Y, COUNTS))
    made = trainer()
    made.fit(X, Y, lengths=COUNTS, epochs=1, validation=(X, Y, COUNTS))
    with pytest.raises(ost.ConfigError, match=says):
        made.history[seen]


def test_the_progress_line_has_every_output(capsys):
    made = trainer(callbacks=[ost.Progress()])
    made.fit(X, Y, lengths=COUNTS, epochs=1)
    line = capsys.readouterr().out
    assert "tags.loss" in line and "mood.loss" in line


@pytest.mark.parametrize("where", ["speaker", "targets", "weights"])
def test_a_nan_is_named_with_input_or_output_and_row(where):
    x = {**X, "speaker": X["speaker"].copy()}
    losses = {"tags": "cross_entropy", "mood": "mse"}
    y = {**Y, "mood": np.zeros((N, MOODS), "float32")}
    weights = {"mood": np.ones(N, "float32")}
    {"speaker": x["speaker"], "targets": y["mood"], "weights": weights["mood"]}[where][5] = np.nan
    name = {"speaker": "speaker", "targets": r"targets\['mood'\]", "weights": r"weights\['mood'\]"}[where]
    made = trainer(loss=losses, metrics={})
    with pytest.raises(ost.NonFiniteError, match=f"{name} holds nan in row 5"):
        made.fit(x, y, weights=weights, lengths=COUNTS, epochs=1, batch_size=N)


@pytest.mark.parametrize("cut", [0, 2, 3, 7])
def test_a_resumed_run_has_the_bits_of_one_that_was_not_cut(cut, tmp_path):
    path = tmp_path / "cut"

    class Save:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == cut:
                run.save(path)

    def train(**options):
        net = tagger(regularizers=[ost.Dropout(0.3), ost.L2(0.01)])
        stopping = ost.EarlyStopping("mood.val_accuracy", mode="max", patience=50)
        made = trainer(net, seed=5, callbacks=[stopping, *options.pop("callbacks", [])])
        made.fit(X, Y, lengths=COUNTS, epochs=3, batch_size=8, validation=(X, Y, COUNTS), **options)
        return made

    whole = train(callbacks=[Save()])
    threads = ost.get_num_threads()
    try:
        ost.set_num_threads(1)
        again = train(resume=path)
    finally:
        ost.set_num_threads(threads)
    np.testing.assert_array_equal(again.net.arena, whole.net.arena)
    assert again.history == whole.history


def test_penalties_are_a_column_of_their_own():
    made = trainer(tagger(regularizers=[ost.L2(0.1)]), optimizer=ost.SGD(0.0))
    clean = trainer(optimizer=ost.SGD(0.0))
    for one in (made, clean):
        one.fit(X, Y, lengths=COUNTS, epochs=1, batch_size=8)
    row, other = made.history[0], clean.history[0]
    assert row["penalty"] > 0
    for name in ("loss", "tags.loss", "mood.loss"):
        assert row[name] == pytest.approx(other[name], rel=1e-6)


def test_an_execution_may_divide_the_rows_of_a_dict():
    class Halves(ost.Execution):
        """Two shares of the rows, whose sums are those of the whole."""

        name = "halves"

        def core(self, local):
            class Core:
                def value_and_grad(self, batch, through_time=None):
                    rows = np.arange(batch.rows)
                    parts = [
                        local.value_and_grad(batch.take(half), through_time)
                        for half in np.array_split(rows, 2)
                    ]
                    (first, grads), (second, others) = parts
                    grads.arena[...] += others.arena
                    losses = {name: grads.losses[name] + others.losses[name] for name in grads.losses}
                    return first + second, type(grads)(**{**vars(grads), "losses": losses})

            return Core()

    options = {"reduction": "sum", "optimizer": ost.SGD(1e-3)}
    made = [trainer(strategies=[IN_ORDER, *more], **options) for more in ([], [Halves()])]
    for one in made:
        one.fit(X, Y, lengths=COUNTS, epochs=2, batch_size=8)
    whole, halves = made
    np.testing.assert_allclose(halves.net.arena, whole.net.arena, atol=1e-6)  # Sums in another order.
    assert halves.history["mood.loss"] == pytest.approx(whole.history["mood.loss"], rel=1e-5)


def test_gradients_without_losses_by_output_are_refused_before_an_update():
    class Silent(ost.Estimator):
        name = "silent"

        def estimate(self, core, batch):
            loss, grads = core.value_and_grad(batch)
            return loss, type(grads)(**{**vars(grads), "losses": {}})

    made = trainer(strategies=[Silent()])
    before = made.net.arena.copy()
    with pytest.raises(ost.ConfigError, match=r"no losses\['tags'\]"):
        made.fit(X, Y, lengths=COUNTS, epochs=1)
    np.testing.assert_array_equal(made.net.arena, before)


def test_widths_are_as_the_docs_say():
    net = tagger()
    assert dict(net.inputs) == {"text": Port("time", ids=12), "speaker": Port("row", size=3)}
    assert dict(net.outputs) == {"tags": Port("time", size=TAGS), "mood": Port("row", size=MOODS)}
    assert dict(ost.LSTM(3, 4).inputs) == {"x": Port("time", size=3)}
    with pytest.raises(TypeError):
        net.inputs["more"] = Port("row")
    with pytest.raises(AttributeError):
        net.outputs = {}
