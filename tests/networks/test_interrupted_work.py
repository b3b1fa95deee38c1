"""Ctrl-C ends work that is no pass over data, and leaves nothing behind."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.pressed import ANSWERS, answers, cost, leave

pytestmark = pytest.mark.serial


class Long(ost.Cell):
    """A step of thousands of ops."""

    def parameters(self, size: Any) -> Any:
        return {"w": ost.Param((size.hidden, size.input), init="ones")}

    def state(self, size: Any) -> Any:
        return {"h": ost.State(size.hidden)}

    def step(self, x: Any, state: Any, p: Any) -> Any:
        h = p.w @ x + state.h
        for _ in range(3000):
            h = ost.ops.tanh(h * 0.5)
        return h, {"h": h}


def planning(folder: Path) -> Callable[[], Any]:
    net = ost.GRU(4, 4)
    return lambda: ost.CheckpointedBPTT("5%").plan(net, 1, 4 * 10**7).segments[0]


def compiling(folder: Path) -> Callable[[], Any]:
    net = ost.Recurrent(Long, 2, 2)
    return lambda: ost.Sequential(*(net.__copy__() for _ in range(8))).plans()[0]["name"]


def saving(folder: Path) -> Callable[[], Any]:
    net = ost.Embedding(2_000_000, 16)
    net.save(folder / "m")
    return lambda: net.save(folder / "m")


def many_rows(folder: Path) -> Callable[[], Any]:
    net, x = ost.RNN(1, 1), np.ones((1_500_000, 1, 1), np.float32)
    return lambda: net.run(x).outputs[:2].tolist()


def batching(folder: Path) -> Callable[[], Any]:
    """Resets at every step: as many sequences as steps."""
    net, x = ost.RNN(1, 1), np.ones((2, 700_000, 1), np.float32)
    resets = np.ones((2, 700_000), bool)
    return lambda: net.run(x, resets=resets).outputs[:2, :2].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("make", [planning, compiling, saving, many_rows, batching])
def test_work_answers_signals_and_is_the_same_afterwards(
    make: Callable[[Path], Callable[[], Any]], tmp_path: Path
) -> None:
    before = ost.get_num_threads()
    ost.set_num_threads(1)
    try:
        call = make(tmp_path)
        call()
        expected, seconds = cost(call)
        assert answers(call, seconds) >= ANSWERS
        assert leave(call, 0.2 * seconds)
        assert call() == expected
        assert [name for name in os.listdir(tmp_path) if name.endswith(".tmp")] == []
    finally:
        ost.set_num_threads(before)
