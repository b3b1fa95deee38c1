"""States with a value for each entry of a memory: coverage, and the weights of the step before."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, ops
from tests.entries.cells import Remembers
from tests.entries.test_decoders import ENTRIES, HIDDEN, STEPS, derivative, lengths, ragged
from tests.slopes import RELATIVE, slope

KINDS = ("coverage", "location", "vector", "unchanged", "both")


def made(kind: str) -> ost.Recurrent:
    return ost.Recurrent(Remembers, 3, HIDDEN, kind=kind, dtype="float64")


@pytest.mark.parametrize("kind", KINDS)
def test_a_state_on_entries_gives_what_the_eager_step_gives(kind: str) -> None:
    net, x = made(kind), ragged(STEPS, ENTRIES)
    outputs = net(x, lengths=lengths(STEPS, ENTRIES))
    assert net.cell is not None
    values = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row, (step, entry) in enumerate(zip(STEPS, ENTRIES, strict=True)):
        read = {"source": x["source"][row, :entry]}
        mine, _ = eager.run(net.cell, values, x["x"][row, :step], hidden_size=HIDDEN, memories=read)
        np.testing.assert_allclose(outputs[row, :step], mine, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_gradients_through_states_on_entries_are_central_differences(kind: str) -> None:
    net, x = made(kind), ragged(STEPS, ENTRIES)
    d = derivative(STEPS)
    grads = net.run(x, lengths=lengths(STEPS, ENTRIES), training=True).backward(d)

    def loss() -> float:
        return float((net(x, lengths=lengths(STEPS, ENTRIES)) * d).sum())

    for name, value in net.parameters().items():
        np.testing.assert_allclose(grads.params[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_with_states_on_entries_have_the_same_bits_alone(kind: str) -> None:
    net, x = made(kind), ragged(STEPS, ENTRIES)
    run = net.run(x, lengths=lengths(STEPS, ENTRIES), training=True)
    grads = run.backward(derivative(STEPS))
    for row in range(len(STEPS)):
        part = {name: value[row : row + 1] for name, value in x.items()}
        alone = net.run(part, lengths=lengths(STEPS[row : row + 1], ENTRIES[row : row + 1]), training=True)
        assert np.array_equal(alone.outputs, run.outputs[row : row + 1])
        back = alone.backward(derivative(STEPS)[row : row + 1])
        for name, value in grads.inputs.items():
            assert np.array_equal(back.inputs[name], value[row : row + 1])


def test_a_model_with_a_state_on_entries_is_saved(tmp_path: Any) -> None:
    net = made("both")
    net.save(tmp_path / "a.safetensors")
    again = ost.load(tmp_path / "a.safetensors")
    x = ragged(STEPS, ENTRIES)
    of = lengths(STEPS, ENTRIES)
    assert np.array_equal(again(x, lengths=of), net(x, lengths=of))
    (program,) = net.programs.values()
    assert [name for name, _ in program.entry_states] == ["s", "past"]
    assert "s () on source" in str(program)


class OffTheEntries(Remembers):
    def step(self, x: Any, state: Any, p: Any, memory: Any) -> Any:
        h, new = super().step(x, state, p, memory)
        return h, {**new, "s": ops.entries.sum(new["s"])}


class OnNothing(Remembers):
    def state(self, size: Any) -> dict[str, ost.State]:
        return {"h": ost.State(size.hidden), "s": ost.State((), on="sauce")}


@pytest.mark.parametrize(
    ("cell", "error", "words"),
    [
        (OffTheEntries, ost.ShapeError, "value of the row as state 's'"),
        (OnNothing, ost.ConfigError, "'sauce', which memories() does not declare"),
    ],
)
def test_what_a_state_on_entries_refuses(cell: Any, error: Any, words: str) -> None:
    with pytest.raises(error) as raised:
        ost.Recurrent(cell, 3, HIDDEN)
    assert words in str(raised.value)
