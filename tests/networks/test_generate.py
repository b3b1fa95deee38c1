"""`ost.generate`: ids drawn from what a network predicts, one by one."""

from __future__ import annotations

import numpy as np
import pytest

import ostinato as ost


def model(cell: str = "gru", **options) -> ost.Network:
    net = ost.Sequential(ost.Embedding(5, 4), ost.Recurrent(cell, 4, 6, **options), ost.Dense(6, 5), seed=3)
    net.arena[...] *= 3
    return net


def by_hand(net, prompt, length):
    """The likeliest ids, each from a run over everything before it."""
    ids = list(prompt)
    for _ in range(length):
        ids.append(int(net(np.array([ids]))[0, -1].argmax()))
    return ids[len(prompt) :]


@pytest.mark.parametrize("cell", ["rnn", "lstm", "min_gru", "linear_ssm"])
def test_temperature_0_takes_the_likeliest_id(cell):
    net = model(cell)
    assert ost.generate(net, [1, 2, 3], 12, temperature=0).tolist() == by_hand(net, [1, 2, 3], 12)
    assert ost.generate(net, [1, 2, 3], 12, temperature=1e-12, seed=4).tolist() == by_hand(net, [1, 2, 3], 12)
    assert ost.generate(net, [1, 2, 3], 12, top_k=1).tolist() == by_hand(net, [1, 2, 3], 12)


def test_a_row_draws_what_it_draws_first_or_alone():
    net = model()
    prompts = np.array([[1, 2], [3, 4], [0, 0]])
    many = ost.generate(net, prompts, 20, seed=7)
    assert many.shape == (3, 20) and many.dtype == np.int64
    assert (many[:2] == ost.generate(net, prompts[:2], 20, seed=7)).all()
    assert (many[0] == ost.generate(net, prompts[0], 20, seed=7)).all()
    assert (many != ost.generate(net, prompts, 20, seed=8)).any()
    assert (many[:, :5] == ost.generate(net, prompts, 5, seed=7)).all()


def test_the_frequencies_are_those_of_the_softmax():
    net = model()
    rows = 4000
    first = ost.generate(net, np.tile([1, 2], (rows, 1)), 1, temperature=0.7, seed=1)[:, 0]
    logits = net(np.array([[1, 2]]))[0, -1].astype(float) / 0.7
    p = np.exp(logits - logits.max())
    p /= p.sum()
    counts = np.bincount(first, minlength=5)
    assert (np.abs(counts - rows * p) < 5 * np.sqrt(rows * p * (1 - p)) + 1).all()


def test_top_k_draws_from_the_likeliest_alone():
    net = model()
    likely = np.argsort(-net(np.array([[1, 2]]))[0, -1])[:2]
    drawn = ost.generate(net, np.tile([1, 2], (200, 1)), 1, temperature=5.0, top_k=2)[:, 0]
    assert set(drawn) == set(likely.tolist())
    same = ost.generate(net, [1], 9, seed=2), ost.generate(net, [1], 9, top_k=99, seed=2)
    assert (same[0] == same[1]).all()


def test_no_ids_no_rows_and_time_first():
    net = model()
    assert ost.generate(net, [1], 0).shape == (0,)
    assert ost.generate(net, np.zeros((0, 3), int), 4).shape == (0, 4)
    turned = ost.Sequential(ost.Embedding(5, 4), ost.GRU(4, 6, batch_first=False), ost.Dense(6, 5), seed=3)
    turned.load_state_dict(net.state_dict())
    prompts = np.array([[1, 2, 0], [3, 4, 1]])
    assert (ost.generate(turned, prompts, 6, seed=5) == ost.generate(net, prompts, 6, seed=5)).all()


def test_a_network_without_states_is_a_table_of_pairs():
    net = ost.Sequential(ost.Embedding(4, 4), ost.Dense(4, 4))
    drawn = ost.generate(net, [2], 6, temperature=0)
    assert drawn.tolist() == by_hand(net, [2], 6)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"prompt": []}, ost.ShapeError, "prompt is"),
        ({"prompt": [[]]}, ost.ShapeError, "prompt is"),
        ({"prompt": 3}, ost.ShapeError, "prompt is"),
        ({"prompt": [0.5]}, ost.DTypeError, "prompt is float64"),
        ({"prompt": "abc"}, ost.DTypeError, "prompt is"),
        ({"prompt": [7]}, ost.OstinatoError, "7"),
        ({"length": -1}, ost.ConfigError, "length"),
        ({"length": 1.5}, ost.ConfigError, "length"),
        ({"temperature": -0.1}, ost.ConfigError, "temperature"),
        ({"temperature": float("nan")}, ost.ConfigError, "temperature"),
        ({"temperature": 1e9}, ost.ConfigError, "temperature"),
        ({"top_k": 0}, ost.ConfigError, "top_k"),
        ({"seed": -1}, ost.ConfigError, "seed"),
        ({"net": 3}, ost.DTypeError, "net is 3"),
        ({"net": ost.GRU(5, 5)}, ost.ConfigError, "expected ids"),
        (
            {"net": ost.Sequential(ost.Embedding(5, 4), ost.Dense(4, 3))},
            ost.ConfigError,
            "5 ids to 3 features",
        ),
    ],
)
def test_a_bad_argument_is_named(change, error, message):
    given = {"net": model(), "prompt": [1], "length": 3, **change}
    with pytest.raises(error, match=message):
        ost.generate(given.pop("net"), given.pop("prompt"), given.pop("length"), **given)


def test_a_network_that_reads_backwards_cannot_generate():
    net = ost.Sequential(ost.Embedding(5, 4), ost.GRU(4, 3, bidirectional=True), ost.Dense(6, 5))
    with pytest.raises(ost.ConfigError, match="bidirectional network"):
        ost.generate(net, [1], 3)


def test_logits_that_are_not_finite_are_an_error():
    net = model()
    net.arena[...] = np.nan
    with pytest.raises(ost.NonFiniteError, match="generate: the network predicts nan"):
        ost.generate(net, [1], 3)
