"""Which options the kit checks a class with."""

from __future__ import annotations

import pytest

import ostinato as ost
from ostinato.specs import CellSpec, OptimizerSpec


class Same(ost.Adam):
    """Options of its base."""


class Other(ost.Adam):
    """Options of its own."""

    def __init__(self, lr: float = 0.1, *, k: int = 5) -> None:
        super().__init__(lr)
        self.k = k


class Below(Other):
    """Options of Other."""


class Own(Other):
    """Examples of its own."""

    examples = ({"k": 3},)


@pytest.mark.parametrize(
    ("made", "expected"),
    [(Same, ost.Adam.examples), (Other, ({},)), (Below, ({},)), (Own, ({"k": 3},))],
)
def test_examples_are_inherited_with_the_options_that_they_are_for(made, expected):
    assert OptimizerSpec.of(made).examples == tuple(expected)


def test_a_function_has_one_set_without_options():
    assert CellSpec("any", lambda: None).examples == ({},)
