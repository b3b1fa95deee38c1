"""A curriculum that reads the loss of each row."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost

X = np.random.default_rng(0).normal(size=(9, 6, 2))
LENGTHS = np.array([6, 0, 3, 6, 1, 2, 6, 5, 4])


class Reads(ost.Curriculum):
    def __init__(self):
        self.seen = []

    def lesson(self, when, lengths, losses):
        self.seen.append(losses)
        return ost.Lesson()


def network():
    return ost.Sequential(ost.GRU(2, 4, dtype="float64"), ost.Dense(4, 2, dtype="float64"))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("dropout", [(), (ost.VariationalDropout(0.5),)])
def test_each_row_has_the_loss_of_the_row_alone_in_inference(reduction, dropout):
    reads = Reads()
    net = ost.Sequential(
        ost.GRU(2, 4, dtype="float64", regularizers=dropout), ost.Dense(4, 2, dtype="float64")
    )
    start = net.state_dict()
    trainer = ost.Trainer(net, loss="mse", strategies=[reads], reduction=reduction, optimizer=ost.SGD(0.01))
    trainer.fit(X, X[:, ::-1], epochs=2, lengths=LENGTHS, batch_size=4, progress=False)
    assert len(reads.seen) == 2 and (reads.seen[0] != reads.seen[1]).any()
    net.load_state_dict(start)
    alone = ost.Trainer(net, loss="mse")
    for n, found in enumerate(reads.seen[0]):
        if not LENGTHS[n]:
            assert np.isnan(found)
            continue
        row = slice(n, n + 1)
        want = alone.evaluate(X[row], X[row, ::-1], lengths=LENGTHS[row])["loss"]
        assert found == pytest.approx(want, rel=1e-12)


def test_several_outputs_weights_and_labels_of_rows():
    h = ost.GRU(2, 4, dtype="float64")(ost.Input("x", size=2))
    a, b = ost.Dense(4, 2, dtype="float64")(h), ost.Dense(4, 3, dtype="float64")(ost.last(h))
    net = ost.Graph({"a": a, "b": b})
    labels = np.arange(9) % 3
    weights = {"a": np.random.default_rng(1).random((9, 6))}
    losses = {"a": "mse", "b": ost.weighted("cross_entropy", 0.3)}
    reads = Reads()
    alone = ost.Trainer(net, loss=losses)
    want = [
        alone.evaluate(
            X[n : n + 1],
            {"a": X[n : n + 1], "b": labels[n : n + 1]},
            weights={"a": weights["a"][n : n + 1]},
        )["loss"]
        for n in range(9)
    ]
    trainer = ost.Trainer(net, loss=losses, strategies=[reads])
    trainer.fit(X, {"a": X, "b": labels}, weights=weights, epochs=1, progress=False)
    np.testing.assert_allclose(reads.seen[0], want, rtol=1e-12)


def test_an_iterable_of_batches_has_no_rows():
    reads = Reads()
    ost.Trainer(network(), loss="mse", strategies=[reads]).fit([(X, X)], epochs=1, progress=False)
    assert reads.seen == [None]


def test_the_run_is_the_same_as_without_the_measurement():
    class Plain(Reads):
        def lesson(self, when, lengths):
            return ost.Lesson()

    arenas = []
    for curriculum in (Reads(), Plain()):
        trainer = ost.Trainer(network(), loss="mse", strategies=[curriculum])
        trainer.fit(X, X, epochs=2, lengths=LENGTHS, batch_size=4, progress=False)
        arenas.append(trainer.net.arena.tobytes())
    assert arenas[0] == arenas[1]
