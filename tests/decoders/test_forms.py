"""Decoders in an encoder-decoder: slopes, ragged rows, same bits. `tests/parity` compares with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.any_threads import bits_with_any_threads
from tests.decoders.forms import CLASSES, FORMS, SYMBOLS, Form, graph
from tests.slopes import RELATIVE, slope

# Ragged both ways: rows without a step, without an entry, with one of each.
STEPS, ENTRIES = [5, 1, 3, 0, 2, 4], [2, 6, 0, 3, 1, 4]


def batch(steps: list[int], entries: list[int], seed: int = 0) -> tuple[dict[str, Any], Any]:
    """Ids and targets as arrays; beyond the lengths there is what is no id."""
    rng = np.random.default_rng(seed)
    x = {
        "source": rng.integers(0, SYMBOLS, (len(steps), max(entries, default=0))),
        "words": rng.integers(0, SYMBOLS, (len(steps), max(steps, default=0))),
    }
    targets = rng.integers(0, CLASSES, x["words"].shape)
    for row, (step, entry) in enumerate(zip(steps, entries, strict=True)):
        x["source"][row, entry:], x["words"][row, step:], targets[row, step:] = 10**6, -5, -1
    return x, targets


def lengths(steps: list[int], entries: list[int]) -> dict[str, list[int]]:
    return {"target": steps, "source": entries}


@pytest.mark.parametrize("form", FORMS, ids=str)
def test_every_gradient_is_the_central_difference(form: Form) -> None:
    net, (x, targets) = graph(form), batch(STEPS, ENTRIES)
    of = lengths(STEPS, ENTRIES)
    _, grads = net.value_and_grad(x, targets, loss="cross_entropy", lengths=of)

    def loss() -> float:
        return float(net.value_and_grad(x, targets, loss="cross_entropy", lengths=of)[0])

    for name, value in net.parameters().items():
        np.testing.assert_allclose(
            grads.params[name], slope(loss, value), rtol=RELATIVE, atol=1e-8, err_msg=name
        )


@pytest.mark.parametrize("query", ["before", "between", "after"])
@pytest.mark.parametrize("entries", [[0, 0, 0], [1, 1, 1], [0, 1, 3]])
def test_an_empty_memory_has_context_0_and_gradient_0(query: str, entries: list[int]) -> None:
    decoder = ost.Decoder("gru", 3, 4, 2, query=query, dtype="float64")
    rng = np.random.default_rng(0)
    steps = max(entries)
    x = {"x": rng.normal(size=(3, 2, 3)), "source": rng.normal(size=(3, steps, 2))}
    for row, entry in enumerate(entries):
        x["source"][row, entry:] = np.nan
    run = decoder.run(x, lengths={"source": entries}, training=True)
    grads = run.backward(np.ones_like(run.outputs))
    for row, entry in enumerate(entries):
        assert not grads.inputs["source"][row, entry:].any()
    assert all(np.isfinite(one).all() for one in (run.outputs, *grads.params.values()))
    if not steps:
        without = {name: one for name, one in grads.params.items() if name.startswith("attend_")}
        assert without and not any(one.any() for one in without.values())
    if entries[0] == 0 and query == "after":
        # The context 0 is what a memory of zeros gives.
        zeros = decoder({"x": x["x"], "source": np.zeros((3, 1, 2))})
        np.testing.assert_allclose(run.outputs[0], zeros[0], rtol=0, atol=1e-12)


@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_a_row_has_the_same_bits_alone_and_in_any_batch(query: str) -> None:
    net = ost.Decoder("gru", 3, 4, 5, query=query, num_layers=2)
    rng = np.random.default_rng(4)
    rows, most = 21, (5, 7)
    steps, entries = (rng.integers(0, one + 1, rows) for one in most)
    x = {"x": rng.normal(size=(rows, most[0], 3)), "source": rng.normal(size=(rows, most[1], 5))}
    for row in range(rows):
        x["x"][row, steps[row] :], x["source"][row, entries[row] :] = np.nan, 1e30
    d = rng.normal(size=(rows, most[0], 4)) * (np.arange(most[0]) < steps[:, None])[..., None]

    def results(order: Any) -> list[Any]:
        of = {"time": steps[order], "source": entries[order]}
        run = net.run({name: one[order] for name, one in x.items()}, lengths=of, training=True)
        return [run.outputs, *run.backward(d[order]).inputs.values()]

    whole = results(np.arange(rows))
    for order in (rng.permutation(rows), *np.arange(rows)[:, None]):
        for found, wanted in zip(results(order), whole, strict=True):
            assert np.array_equal(found, wanted[order])


@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_any_number_of_threads_gives_the_same_bits(query: str) -> None:
    net = ost.Decoder("lstm", 16, 64, 48, query=query, num_layers=2)
    rng = np.random.default_rng(3)
    x = {"x": rng.normal(size=(5, 20, 16)), "source": rng.normal(size=(5, 30, 48))}
    of = {"time": [20, 3, 11, 20, 0], "source": [30, 0, 7, 30, 12]}
    d = rng.normal(size=(5, 20, 64))

    def results() -> list[bytes]:
        run = net.run(x, lengths=of, training=True)
        grads = run.backward(d)
        return [one.tobytes() for one in (run.outputs, *grads.params.values(), *grads.inputs.values())]

    first, *others = bits_with_any_threads(results)
    assert all(one == first for one in others)


def test_the_first_step_sees_the_initial_state_and_feeds_nothing() -> None:
    """query="before" attends with the initial state; what is fed starts at 0, whatever the bridge makes."""
    decoder = ost.Decoder("rnn", 2, 3, 3, "dot", query="before", readout=None, dtype="float64")
    rng = np.random.default_rng(1)
    x = {"x": rng.normal(size=(1, 1, 2)), "source": rng.normal(size=(1, 4, 3))}
    h = rng.normal(size=(1, 1, 3))
    context = decoder.run(x, state={"h": h}).outputs[0, 0, 3:]
    scores = x["source"][0] @ h[0, 0]
    weights = np.exp(scores) / np.exp(scores).sum()
    np.testing.assert_allclose(context, weights @ x["source"][0], rtol=0, atol=1e-12)
    fed = ost.Decoder("rnn", 2, 3, 3, query="after", dtype="float64")
    bridge = ost.Bridge({"h": [3]}, fed, method="copy", dtype="float64")
    start = ost.Input("start", size=3, axis="row")
    source = ost.Input("source", size=3, axis="source")
    state = {"h": bridge(start)}
    net = ost.Graph(fed(ost.Input("x", size=2), source=source, initial_state=state))
    found = net({**x, "start": h[0]})
    wanted = fed.run(x, state={"h": h, "feed": np.zeros((1, 1, 3))}).outputs
    assert np.array_equal(found, wanted)


def test_the_decoder_of_the_reference() -> None:
    """h_t = f(W_hh h_{t-1} + W_ch c_t + W_xh x_t + b_h), with a(h_{t-1}, h_s) = v . tanh(W_a h + U_a h_s)."""
    decoder = ost.Decoder("rnn", 2, 3, 4, "additive", query="before", readout=None, dtype="float64")
    p = decoder.parameters()
    rng = np.random.default_rng(2)
    for view in p.values():
        view[...] = rng.normal(size=view.shape)
    x, source = rng.normal(size=(1, 6, 2)), rng.normal(size=(1, 5, 4))
    h, outputs = np.zeros(3), decoder({"x": x, "source": source})[0]
    for t in range(6):
        e = np.tanh(p["attend_weight_q"] @ h + source[0] @ p["attend_weight_k"].T) @ p["attend_v"]
        alpha = np.exp(e) / np.exp(e).sum()
        c = alpha @ source[0]
        w_xh, w_ch = p["weight_ih_l0"][:, :2], p["weight_ih_l0"][:, 2:]
        b = p["bias_ih_l0"] + p["bias_hh_l0"]
        h = np.tanh(p["weight_hh_l0"] @ h + w_ch @ c + w_xh @ x[0, t] + b)
        np.testing.assert_allclose(outputs[t], np.concatenate([h, c]), rtol=0, atol=1e-12)


def test_the_loss_is_the_mean_over_target_tokens_with_the_end_and_the_shift() -> None:
    """Words are begin + targets without their end; a row counts with each of its tokens, its end too."""
    net = graph(Form("after"))
    targets = [np.array([1, 2, 4]), np.array([4])]  # 4 ends a sequence, 6 begins one
    words = [np.concatenate([[6], one[:-1]]) for one in targets]
    source = [np.array([1, 2]), np.array([3])]
    given = {"source": source, "words": words}
    loss, _ = net.value_and_grad(given, targets, loss="cross_entropy")
    outputs = [net({"source": [a], "words": [b]})[0] for a, b in zip(source, words, strict=True)]
    total = 0.0
    for scores, row in zip(outputs, targets, strict=True):
        chances = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
        total -= np.log(chances[np.arange(len(row)), row]).sum()
    assert abs(loss - total / 4) < 1e-12
