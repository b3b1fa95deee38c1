"""Tiny distributions, written to a folder as an installer would leave them."""

from __future__ import annotations

from pathlib import Path

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


def install(
    folder: Path,
    distribution: str,
    source: str,
    *,
    module: str | None = None,
    entry: str = "plugin = {module}",
    requires: str = "",
) -> None:
    """Put a module and its dist-info into `folder`, which is to be on the path; release 1.5.

    `entry` holds the lines of the group `ostinato`, `requires` what the distribution says it needs.
    """
    module = module or distribution.replace("-", "_") + "_module"
    (folder / f"{module}.py").write_text(source)
    info = folder / f"{distribution.replace('-', '_')}-1.5.dist-info"
    info.mkdir()
    needs = f"Requires-Dist: {requires}\n" if requires else ""
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.5\n{needs}")
    (info / "entry_points.txt").write_text(f"[ostinato]\n{entry.format(module=module)}\n")


def good(name: str) -> str:
    """The source of a plugin with one cell of this name."""
    return GOOD.format(cls=name.capitalize(), name=name)
