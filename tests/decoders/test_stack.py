"""`ost.stack`: one program that gives what its steps give one after the other."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato import eager, testing
from tests.bad import Bad
from tests.decoders.cells import InPython, Reads
from tests.slopes import RELATIVE, slope

RNG = np.random.default_rng(0)
X = RNG.normal(size=(3, 5, 2))
LENGTHS = [5, 0, 3]


def split(net: ost.Recurrent, parts: list[ost.Network]) -> None:
    """Gives the parts the parameters of the steps of a stack."""
    own = net.parameters()
    for place, part in enumerate(parts):
        for name, view in part.parameters().items():
            view[...] = own[f"step{place}_{name.removesuffix('_l0')}_l0"]


def test_a_stack_gives_what_layers_one_after_the_other_give() -> None:
    net = ost.Recurrent(ost.stack("gru", "lstm", ost.Head(3, "tanh")), 2, 4, dtype="float64")
    parts: list[ost.Network] = [
        ost.GRU(2, 4, dtype="float64"),
        ost.LSTM(4, 4, dtype="float64"),
        ost.Dense(4, 3, "tanh", dtype="float64"),
    ]
    split(net, parts)
    layers = ost.Sequential(*parts)
    run, other = (one.run(X, lengths=LENGTHS, training=True) for one in (net, layers))
    np.testing.assert_allclose(run.outputs, other.outputs, rtol=0, atol=1e-12)
    assert set(run.final_state) == {"step0_h", "step1_h", "step1_c"}
    for name, value in run.final_state.items():
        np.testing.assert_allclose(value, other.final_state[name[4:].replace("_", ".")], rtol=0, atol=1e-12)
    d = RNG.normal(size=run.outputs.shape)
    grads, wanted = run.backward(d), other.backward(d)
    np.testing.assert_allclose(grads.inputs, wanted.inputs, rtol=0, atol=1e-12)
    for name, value in wanted.params.items():
        place, _, rest = name.partition(".")
        found = grads.params[f"step{place}_{rest.removesuffix('_l0')}_l0"]
        np.testing.assert_allclose(found, value, rtol=0, atol=1e-12, err_msg=name)


def test_steps_of_one_memory_name_read_the_same_memory() -> None:
    net = ost.Recurrent(
        ost.stack(Reads(), "gru", Reads(memory="other", width=3), Reads()), 2, 4, dtype="float64"
    )
    assert net.memories == {"source": 2, "other": 3}
    x = {"x": X, "source": RNG.normal(size=(3, 4, 2)), "other": RNG.normal(size=(3, 6, 3))}
    of = {"time": LENGTHS, "source": [0, 4, 2], "other": [6, 1, 0]}
    run = net.run(x, lengths=of, training=True)
    p = {name.removesuffix("_l0"): value for name, value in net.parameters().items()}
    for row, step in enumerate(LENGTHS):
        memories = {name: x[name][row, : of[name][row]] for name in ("source", "other")}
        wanted, _ = eager.run(net.cell, p, X[row, :step], hidden_size=4, memories=memories)  # type: ignore[arg-type]
        np.testing.assert_allclose(run.outputs[row, :step], wanted, rtol=0, atol=1e-12)
    d = np.where(run.outputs == 0, 0, RNG.normal(size=run.outputs.shape))
    grads = run.backward(d)

    def loss() -> float:
        return float((net(x, lengths=of) * d).sum())

    for values, found in ((net.parameters(), grads.params), (x, grads.inputs)):
        for name, value in values.items():
            np.testing.assert_allclose(found[name], slope(loss, value), rtol=RELATIVE, atol=1e-8)


def test_one_stack_makes_layers_of_several_sizes() -> None:
    cell = ost.stack("gru", "gru")
    small, large = ost.Recurrent(cell, 2, 3), ost.Recurrent(cell, 4, 5, num_layers=2, bidirectional=True)
    assert small(X).shape == (3, 5, 3)
    assert large(np.ones((1, 2, 4))).shape == (1, 2, 10)
    assert np.array_equal(ost.Recurrent(cell, 2, 3)(X), small(X))


def test_a_stack_of_stacks_is_a_stack() -> None:
    net = ost.Recurrent(ost.stack(ost.stack("rnn", "rnn"), "rnn"), 2, 3)
    assert list(net.state_shapes) == ["step0_step0_h", "step0_step1_h", "step1_h"]


def test_a_decoder_with_a_head_is_one_program() -> None:
    decoder = ost.Decoder("gru", 2, 4, 3, query="after", num_layers=2, dtype="float64")
    net = ost.Recurrent(ost.stack(decoder.cell, ost.Head(5)), 2, 4, dtype="float64")  # type: ignore[arg-type]
    dense = ost.Dense(4, 5, dtype="float64")
    own = net.parameters()
    for name, view in decoder.parameters().items():
        view[...] = own[f"step0_{name}_l0"]
    for name, view in dense.parameters().items():
        view[...] = own[f"step1_{name}_l0"]
    x = {"x": X, "source": RNG.normal(size=(3, 4, 3))}
    of = {"time": LENGTHS, "source": [4, 2, 0]}
    valid = np.arange(5) < np.asarray(LENGTHS)[:, None]
    np.testing.assert_allclose(
        net(x, lengths=of)[valid], dense(decoder(x, lengths=of))[valid], rtol=0, atol=1e-12
    )


def test_files_copies_and_pickles_hold_a_stack(tmp_path: Path) -> None:
    net = ost.Recurrent(ost.stack("gru", ost.Head(3)), 2, 4)
    net.save(tmp_path / "model")
    others = ost.load(tmp_path / "model"), copy.copy(net), copy.deepcopy(net), pickle.loads(pickle.dumps(net))
    for other in others:
        assert np.array_equal(other(X), net(X))
        loss, grads = other.value_and_grad(X, np.ones((3, 5, 3)), loss="mse")
        assert grads.arena.any() and np.isfinite(loss)


def test_regularizers_change_the_products_of_all_steps() -> None:
    net = ost.Recurrent(ost.stack("gru", "gru"), 2, 4, regularizers=[ost.RecurrentDropout(0.5)])
    one, other = (net.run(X, training=True, seed=seed).outputs for seed in (1, 2))
    assert not np.array_equal(one, other)


def test_a_head_passes_the_kit() -> None:
    testing.check_cell(ost.Head(3), "quick").raise_if_failed()


def build(*cells: Any) -> Any:
    return lambda: ost.Recurrent(ost.stack(*cells), 2, 4)


BAD = {
    "no cells": Bad(lambda: ost.stack(), ost.ConfigError, ("stack: no cells",)),
    "an unknown name": Bad(lambda: ost.stack("gru", "gur"), ost.ConfigError, ("cell 1", "no cell 'gur'")),
    "a layer": Bad(
        lambda: ost.stack("gru", ost.Dense(2, 3)),  # type: ignore[arg-type]
        ost.DTypeError,
        ("stack: cell 1", "expected a name, a subclass of Cell"),
    ),
    "a step in Python": Bad(build("gru", InPython), ost.ConfigError, ("'inpython'", "runs in Python")),
    "one memory of two widths": Bad(
        build(Reads(width=2), Reads(width=3)), ost.ConfigError, ("'source'", "with 2 features", "with 3")
    ),
    "a head without a size": Bad(lambda: ost.Head(0), ost.ConfigError, ("Head: size is 0",)),
    "a head of an unknown activation": Bad(lambda: ost.Head(2, "tan"), ost.ConfigError, ("activation",)),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_wrong_is_refused_with_a_typed_error(name: str) -> None:
    BAD[name].check()
