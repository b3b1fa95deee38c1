"""Truncated BPTT of networks with memories: windows of the decoder's steps, with an encoder that stays whole.

`tests/parity/test_decoders.py` compares with loops of PyTorch that detach the states.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.any_threads import bits_with_any_threads
from tests.bad import Bad
from tests.decoders.forms import FORMS, Form, graph
from tests.decoders.test_forms import ENTRIES, STEPS, batch, lengths

X = ost.Input("x", size=3)


def decoder(query: str) -> tuple[Any, dict[str, Any], Any, dict[str, Any]]:
    """A decoder alone, with data: rows of 0 to 7 steps and 0 to 5 entries."""
    net = ost.Decoder("gru", 3, 4, 2, query=query, num_layers=2, dtype="float64", seed=1)
    rng = np.random.default_rng(2)
    x = {"x": rng.normal(size=(4, 7, 3)), "source": rng.normal(size=(4, 5, 2))}
    return net, x, rng.normal(size=(4, 7, 4)), {"time": [7, 3, 0, 6], "source": [5, 2, 4, 0]}


@pytest.mark.parametrize("k", [1, 2, 3, 6])
@pytest.mark.parametrize("query", ["before", "between", "after"])
def test_gradients_are_the_sum_over_windows_of_full_bptt(query: str, k: int) -> None:
    """Each window starts from the final state of the one before; all of them read the whole memory."""
    net, x, targets, of = decoder(query)
    loss, found = net.value_and_grad(
        x, targets, loss="mse", reduction="sum", lengths=of, through_time=ost.TruncatedBPTT(k, k)
    )
    state, total, arena, source = None, 0.0, np.zeros_like(found.arena), np.zeros_like(x["source"])
    inputs = np.zeros_like(x["x"])
    for start in range(0, 7, k):
        piece = slice(start, start + k)
        own = {"time": np.clip(np.array(of["time"]) - start, 0, min(k, 7 - start)), "source": of["source"]}
        value, grads = net.value_and_grad(
            {**x, "x": x["x"][:, piece]},
            targets[:, piece],
            loss="mse",
            reduction="sum",
            lengths=own,
            state=state,
        )
        if start == 0:
            first = grads.initial_state
        state, total = grads.final_state, total + value
        arena += grads.arena
        source += grads.inputs["source"]
        inputs[:, piece] = grads.inputs["x"]
    # sums of up to 7 x 4 terms of size 1 in another order
    assert abs(loss - total) < 1e-11
    np.testing.assert_allclose(found.arena, arena, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.inputs["source"], source, rtol=1e-11, atol=1e-12)
    np.testing.assert_allclose(found.inputs["x"], inputs, rtol=1e-11, atol=1e-12)
    for name, value in first.items():
        np.testing.assert_allclose(found.initial_state[name], value, rtol=1e-11, atol=1e-12)
        assert np.array_equal(found.final_state[name], state[name])


@pytest.mark.parametrize("form", FORMS[:3], ids=str)
def test_windows_as_long_as_the_rows_are_full_bptt(form: Form) -> None:
    net, (x, targets), of = graph(form), batch(STEPS, ENTRIES), lengths(STEPS, ENTRIES)

    def bits(way: Any) -> list[bytes]:
        loss, grads = net.value_and_grad(x, targets, loss="cross_entropy", lengths=of, through_time=way)
        return [np.float64(loss).tobytes(), grads.arena.tobytes()]

    full = bits(None)
    # 5 steps of the decoder, 6 entries
    assert bits(ost.TruncatedBPTT(5, 5)) == bits(ost.TruncatedBPTT(2, 5)) == full
    assert bits(ost.TruncatedBPTT(2, 2)) != full


def test_the_bits_do_not_depend_on_threads_nor_a_rows_loss_on_its_company() -> None:
    net, rng = graph(FORMS[0], "float32"), np.random.default_rng(4)
    steps, entries = (rng.integers(0, most + 1, 40).tolist() for most in (9, 11))
    x, targets = batch(steps, entries)

    def results() -> list[bytes]:
        loss, grads = net.value_and_grad(
            x,
            targets,
            loss="cross_entropy",
            lengths=lengths(steps, entries),
            through_time=ost.TruncatedBPTT(4, 4),
        )
        return [np.float64(loss).tobytes(), grads.arena.tobytes()]

    first, *others = bits_with_any_threads(results)
    assert all(one == first for one in others)


SOURCE = ost.Input("source", size=2, axis="source")


def run(make: Any, k1: int = 2, k2: int = 2, of_row: bool = False) -> Any:
    net = ost.Graph(make(ost.Decoder("gru", 3, 4, 2)(X, source=SOURCE)))
    data = {"x": np.zeros((2, 3, 3), "f"), "source": np.zeros((2, 5, 2), "f")}
    targets = np.zeros((2, 4) if of_row else (2, 3, 4), "f")
    return net.value_and_grad(data, targets, loss="mse", through_time=ost.TruncatedBPTT(k1, k2))


REFUSED = {
    "windows that overlap": Bad(
        lambda: run(lambda read: read, 1, 2),
        ost.ConfigError,
        ("TruncatedBPTT(1, 2)", "overlap", "(2, 2)", "3 steps"),
    ),
    "a reduction": Bad(
        lambda: run(ost.mean, of_row=True),
        ost.ConfigError,
        ('"mean" of a sequence', "all steps of a row", "windows"),
    ),
    "the last step": Bad(
        lambda: run(ost.last, of_row=True),
        ost.ConfigError,
        ('"last" of a sequence', "all steps of a row", "windows"),
    ),
    "a reversed sequence": Bad(
        lambda: run(ost.reverse), ost.ConfigError, ("reversed", "windows", "CheckpointedBPTT")
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_no_window_holds_is_refused(name: str) -> None:
    REFUSED[name].check()
