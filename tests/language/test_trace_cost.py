"""The cost of tracing grows with the number of ops, and with nothing else: counted in lines of Python."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

import ostinato as ost
from ostinato.trace import trace_cell

tanh = ost.ops.tanh


def one_name(x: Any, count: int) -> Any:
    """One variable, set again and again: its values are h, h_2, h_3, ..."""
    h = x
    for _ in range(count):
        h = tanh(h * 0.5)
    return h


def in_a_list(x: Any, count: int) -> Any:
    """Values without a name."""
    values = [x]
    for _ in range(count):
        values.append(tanh(values[-1]))
    return values[-1]


def two_names(x: Any, count: int) -> Any:
    """Names that take turns, one of which looks like a number of the other."""
    h = h_2 = x
    for _ in range(count // 2):
        h = tanh(h_2)
        h_2 = tanh(h + 1.0)
    return h_2


def in_functions(x: Any, count: int) -> Any:
    """The same name in many calls of a function."""

    def layer(h: Any) -> Any:
        scaled = h * 0.5
        return tanh(scaled)

    for _ in range(count):
        x = layer(x)
    return x


def cell(step_of: Callable[[Any, int], Any], count: int) -> ost.Cell:
    class Long(ost.Cell):
        def parameters(self, size: Any) -> Any:
            return {"w": ost.Param((size.hidden, size.input), init="ones")}

        def state(self, size: Any) -> Any:
            return {"h": ost.State(size.hidden)}

        def step(self, x: Any, state: Any, p: Any) -> Any:
            y = step_of(p.w @ x + state.h, count)
            return y, {"h": y}

    return Long()


def lines(step_of: Callable[[Any, int], Any], count: int) -> int:
    """Lines of the package that run while a step of `count` ops is traced."""
    found: Counter[str] = Counter()

    def watch(frame: FrameType, event: str, argument: Any) -> Any:
        if "ostinato" not in frame.f_code.co_filename:
            return None
        found[event] += 1
        return watch

    made = cell(step_of, count)
    sys.settrace(watch)
    try:
        trace_cell(made, 2, 2)
    finally:
        sys.settrace(None)
    return found["line"]


@pytest.mark.parametrize("step_of", [one_name, in_a_list, two_names, in_functions])
def test_twice_the_ops_are_twice_the_lines(step_of: Callable[[Any, int], Any]) -> None:
    lines(step_of, 10)  # what is imported or made once
    few, many = lines(step_of, 100), lines(step_of, 200)
    assert many < 2.1 * few


def test_names_in_use_are_numbered_without_gaps() -> None:
    program = trace_cell(cell(one_name, 4), 2, 2).program
    text = str(program)
    assert [name in text for name in ("h_2", "h_3", "h_4")] == [True] * 3
