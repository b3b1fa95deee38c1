"""If there are fewer row groups than threads, a row group is divided: products by columns, row ops by rows.

Or its layers run at the same time: independent layers, and the layers of a stack, each a piece of time behind
the layer below it. Results are bit-identical for every division. Row groups have 16 rows at most; idle
threads help with the last ones.
"""

import numpy as np
import pytest

import ostinato as ost

X, H, T = 21, 70, 37  # H: wider than the columns of any instruction set that belong together
LONG = 150  # steps of a stack: blocks and pieces of time for each number of rows
ROWS = [1, 3, 7, 17, 35]  # 1, 1, 1, 2 and 3 units
THREADS = [2, 3, 4]


def recurrent(cell, **options):
    def network(dtype):
        layer = ost.Recurrent(cell, X, H, dtype=dtype, **options)
        return ost.Sequential(layer, ost.Dense(layer.output_size, 5, dtype=dtype))

    return network


def embedded(dtype):
    """Gradients that are added to rows of a table."""
    return ost.Sequential(ost.Embedding(X, 33, dtype=dtype), ost.GRU(33, H, dtype=dtype))


def mixed(dtype):
    """Layers of a stack that are not alike."""
    layers = ost.GRU(X, H, dtype=dtype), ost.MinLSTM(H, H, dtype=dtype), ost.RNN(H, H, dtype=dtype)
    return ost.Sequential(*layers, ost.Dense(H, H, dtype=dtype))


STACKS = {
    "a stack": lambda dtype: ost.LSTM(X, H, 3, dtype=dtype),
    "a stack of scans": recurrent("min_gru", num_layers=3),  # the first reads too little to be like another
    "a stack with noise": lambda dtype: ost.LSTM(X, H, 3, regularizers=[ost.Zoneout(0.2)], dtype=dtype),
    "a stack that is mixed": mixed,
}
NETWORKS = STACKS | {
    "lstm": recurrent("lstm"),
    "lstm with peepholes": recurrent("lstm", peepholes=True),
    "lstm with a projection": recurrent("lstm", proj_size=40),
    "gru": recurrent("gru"),
    "gru, reset before": recurrent("gru", reset="before"),
    "rnn": recurrent("rnn"),
    "indrnn": recurrent("indrnn"),
    "min_lstm": recurrent("min_lstm"),
    "diagonal_ssm": recurrent("diagonal_ssm"),
    "both ways": lambda dtype: ost.LSTM(X, H, 2, bidirectional=True, dtype=dtype),
    "noise": lambda dtype: ost.LSTM(X, H, 2, regularizers=[ost.Dropout(0.3), ost.Zoneout(0.2)], dtype=dtype),
    "embedding": embedded,
}


def results(name, net, rows, dtype):
    rng, steps = np.random.default_rng(rows), LONG if name in STACKS else T
    lengths = rng.integers(0, steps + 1, rows)
    lengths[0] = steps
    ids = name == "embedding"
    x = rng.integers(0, X, (rows, steps)) if ids else rng.normal(size=(rows, steps, X)).astype(dtype)
    y = rng.normal(size=(rows, steps, net.output_size)).astype(dtype)
    loss, grads = net.value_and_grad(x, y, loss="mse", lengths=lengths, seed=3)
    run = net.run(x, lengths=lengths, training=True, seed=3)
    back = run.backward(y)
    alone = net.run(x, lengths=lengths)
    states = [*run.final_state.values(), *alone.final_state.values(), *grads.initial_state.values()]
    return [np.float64(loss), grads.arena, back.arena, run.outputs, alone.outputs, *states]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", NETWORKS)
def test_a_divided_unit_has_the_bits_of_a_whole_one(name, dtype, threads):
    net = NETWORKS[name](dtype)
    for rows in ROWS:
        threads(1)
        whole = results(name, net, rows, dtype)
        for count in THREADS:
            threads(count)
            for got, expected in zip(results(name, net, rows, dtype), whole, strict=True):
                np.testing.assert_array_equal(got, expected, f"{rows} rows, {count} threads")
