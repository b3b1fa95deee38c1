"""Attention in the loop: slopes, ragged rows, same bits. `tests/parity` compares it with PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager
from tests.any_threads import bits_with_any_threads
from tests.entries.cells import SCORERS, Decoder
from tests.slopes import RELATIVE, slope

T, S, WIDTH, HIDDEN = 5, 7, 5, 4
STEPS, ENTRIES = [5, 1, 3, 0, 2, 4], [2, 7, 0, 3, 1, 4]


def made(scorer: str, fed: bool = True, **options: Any) -> ost.Recurrent:
    return ost.Recurrent(Decoder, 3, HIDDEN, scorer=scorer, fed=fed, dtype="float64", **options)


def ragged(steps: list[int], entries: list[int], seed: int = 0) -> dict[str, Any]:
    """Rows of these numbers of steps and entries; NaN beyond them."""
    rng = np.random.default_rng(seed)
    x, source = rng.normal(size=(len(steps), T, 3)), rng.normal(size=(len(steps), S, WIDTH))
    for row, (step, entry) in enumerate(zip(steps, entries, strict=True)):
        x[row, step:], source[row, entry:] = np.nan, np.nan
    return {"x": x, "source": source}


def lengths(steps: list[int], entries: list[int]) -> dict[str, Any]:
    return {"time": steps, "source": entries}


def derivative(steps: list[int]) -> Any:
    d = np.random.default_rng(9).normal(size=(len(steps), T, HIDDEN))
    for row, step in enumerate(steps):
        d[row, step:] = 0
    return d


def run_and_back(net: ost.Recurrent, x: Any, steps: list[int], entries: list[int]) -> tuple[Any, Any]:
    run = net.run(x, lengths=lengths(steps, entries), training=True)
    return run, run.backward(derivative(steps))


@pytest.mark.parametrize("scorer", SCORERS)
def test_every_gradient_is_the_central_difference(scorer: str) -> None:
    net, x = made(scorer), ragged(STEPS, ENTRIES)
    d = derivative(STEPS)
    _, grads = run_and_back(net, x, STEPS, ENTRIES)

    def loss() -> float:
        return float((net(x, lengths=lengths(STEPS, ENTRIES)) * d).sum())

    for name, value in net.parameters().items():
        np.testing.assert_allclose(grads.params[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)
    for name, value in x.items():
        valid = ~np.isnan(value)
        np.testing.assert_allclose(
            grads.inputs[name][valid], slope(loss, value)[valid], rtol=RELATIVE, atol=1e-8
        )


@pytest.mark.parametrize("scorer", SCORERS)
def test_the_engine_gives_what_the_eager_step_gives(scorer: str) -> None:
    net, x = made(scorer), ragged(STEPS, ENTRIES)
    outputs = net(x, lengths=lengths(STEPS, ENTRIES))
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        source = {"source": x["source"][row, :entry]}
        wanted, _ = eager.run(net.cell, p, x["x"][row, :step], hidden_size=HIDDEN, memories=source)  # type: ignore[arg-type]
        np.testing.assert_allclose(outputs[row, :step], wanted, rtol=0, atol=1e-12)


def test_a_row_has_the_same_bits_alone_and_in_any_batch() -> None:
    net = made("additive")
    rows = 21
    rng = np.random.default_rng(4)
    steps, entries = rng.integers(0, T + 1, rows).tolist(), rng.integers(0, S + 1, rows).tolist()
    x = ragged(steps, entries)
    run, grads = run_and_back(net, x, steps, entries)
    for order in (rng.permutation(rows), *np.arange(rows)[:, None]):
        part = {name: value[order] for name, value in x.items()}
        own = [steps[row] for row in order], [entries[row] for row in order]
        alone = net.run(part, lengths=lengths(*own), training=True)
        assert np.array_equal(alone.outputs, run.outputs[order])
        back = alone.backward(derivative(steps)[order])
        for name, value in grads.inputs.items():
            assert np.array_equal(back.inputs[name], value[order]), name


@pytest.mark.parametrize("scorer", SCORERS)
def test_any_number_of_threads_gives_the_same_bits(scorer: str) -> None:
    net = ost.Recurrent(Decoder, 16, 96, scorer=scorer, source=64, align=96)
    rng = np.random.default_rng(3)
    x = {"x": rng.normal(size=(5, 20, 16)), "source": rng.normal(size=(5, 30, 64))}
    of = {"time": [20, 3, 11, 20, 0], "source": [30, 0, 7, 30, 12]}
    d = rng.normal(size=(5, 20, 96))

    def results() -> list[bytes]:
        run = net.run(x, lengths=of, training=True)
        grads = run.backward(d)
        return [one.tobytes() for one in (run.outputs, *grads.params.values(), *grads.inputs.values())]

    first, *others = bits_with_any_threads(results)
    assert all(one == first for one in others)
