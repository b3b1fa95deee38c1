"""The operations that run out of memory on purpose cover every public entry that does work."""

from __future__ import annotations

import inspect

import pytest

import ostinato as ost
from tests.reliability.memory_limits import walked
from tests.reliability.memory_operations import OPERATIONS

# By entry: the operation that includes it, or why none does.
ELSEWHERE = {
    "freeze": "writes a few flags",
    "unfreeze": "writes a few flags",
    "load_state_dict": "copies into memory that exists; Trainer.load calls it",
    "graph": "graph data",
    "predict": "run; evaluate for a Trainer",
    "gates": "gates",
    "fixed_points": "NumPy's linear algebra, which ends the process by itself (OpenBLAS)",
    "lyapunov_spectrum": "NumPy's linear algebra, which ends the process by itself (OpenBLAS)",
}


def functions(owner: object) -> list[str]:
    """Public functions, without classes and properties."""
    found = [name for name, one in inspect.getmembers(owner, callable) if not name.startswith("_")]
    return [name for name in found if not inspect.isclass(getattr(owner, name))]


@pytest.mark.parametrize("owner", [ost.Network, ost.Trainer, ost.analysis], ids=lambda one: one.__name__)
def test_every_entry_is_covered(owner: object) -> None:
    covered = {word for name in OPERATIONS for word in (name, *name.replace(".", " ").split())}
    assert [name for name in functions(owner) if name not in covered | ELSEWHERE.keys()] == []


def test_numpy_has_room_for_its_buffers() -> None:
    """Without `ostinato.buffers`, a few of these limits end the process in NumPy."""
    names = ["within", "orthogonal", "saturation"]
    found = walked(names, 40, 1)
    assert {name: one.texts for name, one in found.items() if one.wrong} == {}
    assert all(one.counts["MemoryError"] > 5 for one in found.values())
