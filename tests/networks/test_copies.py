"""Copies and pickles: the same network with parameters of its own."""

from __future__ import annotations

import copy
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.called.cells import ManyRows, OneRow
from tests.networks.makes import MAKES, floats, make

WAYS: dict[str, Callable[[Any], Any]] = {
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
    "pickle": lambda net: pickle.loads(pickle.dumps(net)),
}


class Leaky(ost.LSTM):
    """A subclass with something of its own."""

    def __init__(self, *sizes: int, note: str) -> None:
        super().__init__(*sizes)
        self.note = note


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", MAKES)
def test_a_copy_gives_the_same_bits_and_shares_no_parameter(name: str, way: str) -> None:
    net, rng = make(name), np.random.default_rng(3)
    net.arena[...] = rng.normal(scale=0.3, size=net.arena.shape)
    made = WAYS[way](net)
    assert type(made) is type(net)
    assert str(made) == str(net)
    assert {k: p.hash for k, p in made.programs.items()} == {k: p.hash for k, p in net.programs.items()}
    x, targets = floats(rng, net, 3, 4), rng.standard_normal((3, 4, net.output_size))
    before = net.arena.copy()
    (value, gradients), (again, others) = (
        one.value_and_grad(x, targets, loss="mse", lengths=[4, 0, 2]) for one in (net, made)
    )
    assert again == value
    np.testing.assert_array_equal(others.arena, gradients.arena)
    made.arena[...] = 0
    np.testing.assert_array_equal(net.arena, before)
    for one, array in net.parameters().items():
        assert np.shares_memory(array, net.arena), one


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_goes_on_with_the_noise_and_keeps_what_a_subclass_has(way: str) -> None:
    net = ost.LSTM(2, 3, regularizers=["dropout"])
    x = np.ones((2, 3, 2), dtype=np.float32)
    net.run(x, training=True)
    made = WAYS[way](net)
    np.testing.assert_array_equal(made.run(x, training=True).outputs, net.run(x, training=True).outputs)
    assert WAYS[way](Leaky(2, 3, note="mine")).note == "mine"


@pytest.mark.parametrize("way", WAYS)
def test_a_layer_of_a_container_is_free_in_its_copy_and_layers_stay_those_of_theirs(way: str) -> None:
    net = ost.Sequential({"rnn": ost.LSTM(2, 3), "head": ost.Dense(3, 1)})
    alone, (whole, head) = WAYS[way](net["rnn"]), copy.deepcopy([net, net["head"]])
    ost.Sequential(alone, ost.Dense(3, 2))
    assert whole["head"] is head
    head.arena[...] = 7
    assert (whole.parameters()["head.weight"] == 7).all()
    assert not (net.parameters()["head.weight"] == 7).any()
    with pytest.raises(ost.ConfigError, match="has a place in a network already"):
        ost.Sequential(WAYS[way](net)["rnn"])


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", [OneRow, ManyRows])
def test_a_step_in_python_goes_along(kind: type[ost.Cell], way: str) -> None:
    net, x = ost.Recurrent(kind, 2, 3), np.ones((2, 4, 2), dtype=np.float32)
    made = WAYS[way](net)
    (one, mine), (other, others) = (
        net.value_and_grad(x, np.zeros((2, 4, 3)), loss="mse") for net in (net, made)
    )
    assert one == other
    np.testing.assert_array_equal(mine.arena, others.arena)


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_a_graph_has_layers_of_its_own(way: str) -> None:
    x = ost.Input("x", size=2)
    net = ost.Graph(outputs={"all": ost.Dense(3, 1)(h := ost.GRU(2, 3)(x)), "end": ost.last(h)})
    made, values = WAYS[way](net), np.ones((2, 4, 2), dtype=np.float32)
    made.arena[...] = 0
    assert not made(values)["end"].any()
    assert net(values)["end"].any()
    assert str(made) == str(net)


class Annotated(ost.Sequential):
    """A subclass with attributes of its own, one of which can be neither copied nor pickled."""

    def __init__(self, *layers: ost.Network, notes: list[str]) -> None:
        super().__init__(*layers)
        self.notes, self.lock = notes, threading.Lock()


def test_a_copy_shares_what_a_subclass_has_and_a_deep_copy_does_not() -> None:
    net = ost.Sequential(Annotated(ost.RNN(2, 3), notes=["mine"]), ost.Dense(3, 1))
    inner, made = net[0], copy.copy(net)
    assert made[0].notes is inner.notes
    assert made[0].lock is inner.lock
    assert ost.Bidirectional(copy.copy(inner)).backward.lock is inner.lock
    inner.lock = None
    deep = copy.deepcopy(net)
    assert deep[0].notes == inner.notes
    assert deep[0].notes is not inner.notes


def test_an_initializer_without_a_name_is_what_pickle_refuses() -> None:
    net = ost.LSTM(2, 3, init=lambda shape, rng: np.zeros(shape))
    copy.deepcopy(net)
    with pytest.raises((pickle.PicklingError, AttributeError), match="lambda"):
        pickle.dumps(net)


def test_a_cell_of_ones_own_travels_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "mycells.py").write_text(
        "import ostinato as ost\n"
        "class Mine(ost.Cell):\n"
        "    def parameters(self, size):\n"
        "        return {'w': ost.Param((size.hidden, size.input))}\n"
        "    def state(self, size):\n"
        "        return {'h': ost.State((size.hidden,))}\n"
        "    def step(self, x, state, p):\n"
        "        h = ost.ops.tanh(p.w @ x + state.h)\n"
        "        return h, {'h': h}\n"
    )
    program = (
        "import pickle, sys, numpy as np, ostinato as ost, mycells\n"
        "net = ost.Recurrent(mycells.Mine, 2, 3)\n"
        "x = np.ones((1, 4, 2), dtype=np.float32)\n"
        "sys.stdout.buffer.write(pickle.dumps((net, x, net.run(x).outputs)))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, check=True)
    sys.path.insert(0, str(tmp_path))
    try:
        net, x, outputs = pickle.loads(done.stdout)
    finally:
        sys.path.remove(str(tmp_path))
        sys.modules.pop("mycells", None)
    np.testing.assert_array_equal(net.run(x).outputs, outputs)
