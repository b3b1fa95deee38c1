"""Each seeded fault is caught by the check that is named for it, and the thing without the fault passes."""

import dataclasses

import pytest

from ostinato import testing
from tests.testing.faults import (
    callbacks,
    cells,
    initializers,
    layers,
    losses,
    memories,
    metrics,
    networks,
    numpy_cells,
    optimizers,
    regularizers,
    schedules,
    scorers,
    strategies,
)

OF_KIND = {
    "cell": [*cells.FAULTS, *numpy_cells.FAULTS, *memories.FAULTS],
    "regularizer": regularizers.FAULTS,
    "loss": losses.FAULTS,
    "optimizer": optimizers.FAULTS,
    "initializer": initializers.FAULTS,
    "scorer": scorers.FAULTS,
    "layer": layers.FAULTS,
    "schedule": schedules.FAULTS,
    "strategy": strategies.FAULTS,
    "metric": metrics.FAULTS,
    "callback": callbacks.FAULTS,
}
RIGHT = {
    "cell": [cells.Right, numpy_cells.Right, numpy_cells.RightForManyRows, memories.Right],
    "regularizer": [regularizers.Right],
    "loss": [losses.Right],
    "optimizer": [optimizers.Right],
    "initializer": [initializers.Right],
    "scorer": [scorers.Right],
    "layer": [layers.Right],
    "schedule": [schedules.Right],
    "strategy": [strategies.Longer, strategies.Sometimes, strategies.Halves, strategies.Here],
    "metric": [metrics.Right],
    "callback": [callbacks.Right],
}
ROWS = [
    pytest.param(kind, *row, id=f"{kind}-{getattr(row[0], '__name__', row[0].name)}")
    for kind, rows in OF_KIND.items()
    for row in rows
]


def caught(report, id, words):
    """Whether the report blames this check, in these words."""
    found = {one.id: one.reason for one in report.failures}
    assert id in found, str(report)
    assert words in found[id]
    assert not report.ok


def narrowed(monkeypatch, kind, id):
    """Leaves a kind the one check that is to find the fault; what it takes all of them is tested below."""
    whole = testing.KINDS[kind]
    alone = dataclasses.replace(whole, checks=tuple(one for one in whole.checks if one.id == id))
    monkeypatch.setattr("ostinato.testing.KINDS", {**testing.KINDS, kind: alone})


@pytest.mark.parametrize(("kind", "item", "id", "words"), ROWS)
def test_each_fault_is_caught_by_its_check(kind, item, id, words, monkeypatch):
    narrowed(monkeypatch, kind, id)
    caught(testing.check(item, "quick", kind=kind, options=cells.OPTIONS.get(item.name)), id, words)


@pytest.mark.parametrize(
    ("network", "id", "words"), networks.FAULTS, ids=[row[0].__name__ for row in networks.FAULTS]
)
def test_each_broken_promise_of_a_network_is_caught_by_its_check(network, id, words, monkeypatch):
    narrowed(monkeypatch, "cell", id)
    monkeypatch.setattr("ostinato.testing.cell.Recurrent", network)
    caught(testing.check_cell(cells.Right, "quick"), id, words)


@pytest.mark.parametrize(("kind", "item"), [(kind, item) for kind, items in RIGHT.items() for item in items])
def test_what_has_no_fault_passes(kind, item):
    testing.check(item, "quick", kind=kind).raise_if_failed()


def test_every_check_of_cells_finds_a_fault():
    found = {id for _, id, _ in [*OF_KIND["cell"], *networks.FAULTS]}
    assert found == set(testing.KINDS["cell"].ids)
