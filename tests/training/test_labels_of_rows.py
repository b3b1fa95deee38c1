"""One label for each row: many-to-one networks in a Trainer."""

import numpy as np
import pytest

import ostinato as ost

N, T = 48, 9


def sums(seed=0, rows=N):
    """Rows of random length, labelled by the sign of their sum."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, T + 1, rows)
    x = rng.normal(size=(rows, T, 2)).astype("float32")
    inside = np.arange(T) < lengths[:, None]
    return x, (np.where(inside[..., None], x, 0).sum(axis=(1, 2)) > 0).astype(int), lengths


def classifier(reduction="last", **more):
    layer = {"last": ost.Last, "mean": ost.Mean, "max": ost.Max, "sum": ost.Sum, "first": ost.First}[
        reduction
    ]
    return ost.Sequential(
        ost.GRU(2, 12, **more), layer(), ost.Dense(12 * (1 + more.get("bidirectional", False)), 2)
    )


def trainer(net, **more):
    return ost.Trainer(net, loss="cross_entropy", optimizer=ost.Adam(lr=1e-2), metrics=["accuracy"], **more)


def test_a_sequence_classifier_learns():
    x, labels, lengths = sums(rows=256)
    made = trainer(classifier(bidirectional=True))
    history = made.fit(x, labels, lengths=lengths, epochs=30, batch_size=16, validation=(*sums(1),))
    assert history["val_accuracy"][-1] > 0.9
    assert made.evaluate(x, labels, lengths=lengths)["accuracy"] > 0.95


@pytest.mark.parametrize("form", ["arrays", "lists", "tuples", "batches", "data.Batches"])
def test_every_form_of_data_trains_alike(form):
    x, labels, lengths = sums(rows=32)
    rows = [row[:length] for row, length in zip(x, lengths, strict=True)]
    made = trainer(classifier())
    if form == "arrays":
        made.fit(x, labels, lengths=lengths, epochs=1, batch_size=8)
    elif form == "lists":
        made.fit(rows, list(labels), epochs=1, batch_size=8)
    elif form == "tuples":
        made.fit([(x[n : n + 8], labels[n : n + 8], lengths[n : n + 8]) for n in range(0, 32, 8)], epochs=1)
    elif form == "batches":
        batches = [ost.Batch(x[n : n + 8], labels[n : n + 8], lengths[n : n + 8]) for n in range(0, 32, 8)]
        made.fit(batches, epochs=1)
    else:
        made.fit(
            ost.data.Batches(rows, labels, batch_size=8, shuffle=False, pool=None, per="sequence"), epochs=1
        )
    assert made.run.step == 4
    if (
        form != "data.Batches"
    ):  # the curriculum decides the order of rows in memory, so compare what comes as it is
        assert np.isfinite(made.history["loss"][0])


def test_the_mean_is_over_rows_and_weights_count_rows():
    x, labels, lengths = sums(rows=12)
    net = classifier("mean")
    weights = np.array([0, 1, 2, 0, 1, 1, 1, 0, 1, 3, 1, 1], dtype="float32")
    loss = ost.Trainer(net, loss="cross_entropy").evaluate(x, labels, lengths=lengths, weights=weights)[
        "loss"
    ]
    logits = net.run(x, lengths=lengths).outputs.astype(float)
    each = np.log(np.exp(logits).sum(axis=1)) - logits[np.arange(12), labels]
    assert loss == pytest.approx((weights * each).sum() / weights.sum(), rel=1e-5)


def test_rows_without_steps_have_a_label_too():
    x, labels, _ = sums(rows=4)
    net = classifier()
    made = ost.Trainer(net, loss="cross_entropy")
    made.fit(x, labels, lengths=[0, 3, 0, 9], epochs=1)
    assert np.isfinite(made.history["loss"][0])


def test_regression_targets_are_rows_of_features():
    x, _, lengths = sums()
    inside = np.arange(T) < lengths[:, None]
    targets = np.where(inside[..., None], x, 0).sum(axis=1)
    net = ost.Sequential(ost.GRU(2, 16), ost.Last(), ost.Dense(16, 2))
    made = ost.Trainer(net, loss="mse", optimizer=ost.Adam(lr=1e-2), metrics=["rmse"])
    history = made.fit(
        x, targets, lengths=lengths, epochs=80, batch_size=16, validation=(x, targets, lengths)
    )
    assert history["val_rmse"][-1] < 0.5 * history["val_rmse"][0]


@pytest.mark.parametrize(
    ("targets", "error", "text"),
    [
        (lambda labels: labels[:, None].repeat(T, 1), ost.ShapeError, "one value for each row"),
        (lambda labels: labels[:-1], ost.ShapeError, "targets has 47 rows"),
        (lambda labels: labels + 7, ost.ConfigError, "expected ids from 0 to 1"),
        (lambda labels: labels.astype(float), ost.DTypeError, "expected integers"),
        (lambda labels: np.eye(2)[labels], ost.ShapeError, r"ids from 0 to 1. .*one-hot.*argmax"),
    ],
)
def test_bad_labels_are_named(targets, error, text):
    x, labels, lengths = sums()
    with pytest.raises(error, match=text):
        trainer(classifier()).fit(x, targets(labels), lengths=lengths, epochs=1)


def test_labels_of_rows_for_a_network_of_steps_name_a_reduction():
    x, labels, lengths = sums()
    net = ost.Sequential(ost.GRU(2, 4), ost.Dense(4, 2))
    with pytest.raises(ost.ShapeError, match=r"targets is \(48,\).*ost.Last\(\)"):
        net.value_and_grad(x, labels, loss="cross_entropy", lengths=lengths)
    with pytest.raises(ost.ShapeError, match="one-hot"):
        net.value_and_grad(x, np.zeros((N, T, 2)), loss="cross_entropy", lengths=lengths)


def test_a_nan_is_named_with_its_row():
    x, _, lengths = sums()
    targets = np.zeros((N, 2), dtype="float32")
    targets[5, 1] = np.nan
    net = ost.Sequential(ost.GRU(2, 4), ost.Last(), ost.Dense(4, 2))
    with pytest.raises(ost.NonFiniteError, match="targets holds nan in row 5"):
        ost.Trainer(net, loss="mse").fit(x, targets, lengths=lengths, epochs=1, batch_size=N)


def test_windows_of_time_are_refused():
    x, labels, lengths = sums()
    with pytest.raises(ost.ConfigError, match=r"FullBPTT\(\)"):
        trainer(classifier(), through_time=ost.TruncatedBPTT(2, 4)).fit(x, labels, lengths=lengths, epochs=1)


def test_a_run_that_is_resumed_has_the_same_bits(tmp_path):
    x, labels, lengths = sums()

    def made():
        return trainer(classifier(), seed=3)

    whole = made()
    whole.fit(x, labels, lengths=lengths, epochs=2, batch_size=16)
    half = made()
    half.fit(x, labels, lengths=lengths, epochs=1, batch_size=16)
    half.save(tmp_path / "half")
    other = made()
    other.fit(x, labels, lengths=lengths, epochs=2, batch_size=16, resume=tmp_path / "half")
    np.testing.assert_array_equal(other.net.arena, whole.net.arena)
