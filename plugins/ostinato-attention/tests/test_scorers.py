"""The scorers are found under their names, and do what they are for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from ostinato_attention import Local, Location, MultiHead

import ostinato as ost

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("name", ["location", "local", "multi_head"])
def test_the_full_name_is_the_package_then_the_scorer(name: str) -> None:
    assert f"attention/{name}" in ost.plugins.list("scorer")
    assert repr(ost.Attention(name, 4, 8)) == repr(ost.Attention(f"attention/{name}", 4, 8))


def test_a_narrow_local_scorer_looks_at_one_place() -> None:
    attention = ost.Attention("local", 4, 8, width=0.2)
    run = attention.run(RNG.normal(size=(3, 4)), 0.1 * RNG.normal(size=(3, 9, 8)))
    assert (run.weights.max(axis=1) > 0.4).all()
    assert (np.sort(run.weights, axis=1)[:, :-2].sum(axis=1) < 0.1).all()


def test_the_location_scorer_sees_where_it_looked() -> None:
    attention = ost.Attention("location", 4, 8, past=1, seed=3)
    memory, query = RNG.normal(size=(2, 6, 8)), RNG.normal(size=(2, 1, 4))
    run = attention.run(np.repeat(query, 3, axis=1), memory)
    assert not np.allclose(run.weights[:, 0], run.weights[:, 1])  # the same query, another past


def test_each_head_has_weights_that_sum_to_one() -> None:
    run = ost.Attention("multi_head", 4, 8, heads=2).run(
        RNG.normal(size=(2, 3, 4)), RNG.normal(size=(2, 6, 8))
    )
    assert run.weights.shape == (2, 3, 2, 6)
    np.testing.assert_allclose(run.weights.sum(axis=-1), 1, rtol=1e-6)


@pytest.mark.parametrize("make", [lambda: Local(0), lambda: Location(past=0), lambda: MultiHead(heads=True)])
def test_other_options_are_refused(make: Any) -> None:
    with pytest.raises(ost.ConfigError, match="expected"):
        make()
