"""Sources of plugins, and `install`, which puts them into a folder as an installer would."""

from __future__ import annotations

from ostinato.testing.distribution import install

__all__ = ["good", "install"]

GOOD = '''
from ostinato import Cell, CellSpec, Param, State, hookimpl, ops

class {cls}(Cell):
    """A cell of a test."""
    def parameters(self, size):
        return {{"W": Param((size.hidden, size.input), init="orthogonal")}}
    def state(self, size):
        return {{"h": State(size.hidden)}}
    def step(self, x, state, p):
        h = ops.tanh(p.W @ x + 0.5 * state.h)
        return h, {{"h": h}}

@hookimpl
def ostinato_cells():
    return [CellSpec("{name}", {cls})]
'''


def good(name: str) -> str:
    """The source of a plugin with one cell of this name."""
    return GOOD.format(cls=name.capitalize(), name=name)
