"""A call that leaves the gradient of the input out gives all others, bit for bit."""

import numpy as np
import pytest

import ostinato as ost

NETWORKS = {
    "lstm": lambda: ost.LSTM(5, 8),
    "gru, reset before": lambda: ost.GRU(5, 8, reset="before"),
    "both ways": lambda: ost.GRU(5, 8, 2, bidirectional=True),
    "a scan": lambda: ost.MinGRU(5, 8),
    "a penalty": lambda: ost.LSTM(5, 8, regularizers=[ost.ActivationPenalty(0.1)]),
    "dropout of the input": lambda: ost.RNN(5, 8, regularizers=[ost.Dropout(0.5, where="input")]),
    "no state": lambda: ost.Dense(5, 8),
    "a stack": lambda: ost.Sequential(ost.Dense(5, 6), ost.LSTM(6, 8)),
}
WAYS = {
    "full": ost.FullBPTT(),
    "truncated": ost.TruncatedBPTT(5, 10),
    "checkpointed": ost.CheckpointedBPTT("80%"),
}

# Windows have no meaning for a network that reads both ways.
CASES = [(name, way) for name in NETWORKS for way in WAYS if (name, way) != ("both ways", "truncated")]


@pytest.mark.parametrize(("name", "way"), CASES)
def test_all_other_gradients_have_the_same_bits(name, way):
    net = NETWORKS[name]()
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20, 40, 5)).astype(np.float32)
    y = rng.normal(size=(20, 40, net.output_size)).astype(np.float32)
    lengths = rng.integers(0, 41, 20)

    def results(input_gradient):
        loss, grads = net.value_and_grad(
            x, y, loss="mse", lengths=lengths, seed=1, through_time=WAYS[way], input_gradient=input_gradient
        )
        named = {"loss": np.float64(loss), "arena": grads.arena} | dict(grads.initial_state)
        return grads.inputs, named | {f"final {name}": value for name, value in grads.final_state.items()}

    (inputs, whole), (none, without) = results(True), results(False)
    assert inputs.shape == x.shape
    assert none is None
    assert whole.keys() == without.keys()
    for key, value in whole.items():
        np.testing.assert_array_equal(without[key], value, key)


def test_its_products_are_left_out():
    """One product of the three with the matrix of the input, which is (4 * 8, 5)."""
    net = ost.LSTM(5, 8)
    flops = [net._core(wanted).plans()[0]["backward"]["flops"] for wanted in (True, False)]
    assert flops[0] - flops[1] == 2 * 5 * 4 * 8
