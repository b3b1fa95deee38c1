"""The engine against plain NumPy, on random programs."""

import os
from dataclasses import replace

import pytest

from ostinato.ops import TABLE
from tests.oracle import compare, generate, mutants, search

PROGRAMS = int(os.environ.get("OSTINATO_ORACLE_PROGRAMS", "3000"))
SEED = int(os.environ.get("OSTINATO_ORACLE_SEED", "0"))


def test_random_programs_agree_with_numpy():
    outcome = search.search(range(SEED, SEED + PROGRAMS))
    smallest = [str(search.smallest(found)) for found in outcome.found]
    assert not smallest, f"seed {outcome.found[0].case.seed}: {smallest[0]}"
    # the others have numbers that are too large, or hang on rounding
    assert outcome.compared > 0.9 * PROGRAMS, outcome


def test_random_programs_compute_values_of_rows_once_per_row():
    outcome = search.search_rows(range(SEED, SEED + PROGRAMS // 4))
    assert not outcome.found, outcome.found[0]
    assert outcome.compared > 0.85 * (PROGRAMS // 4), outcome
    assert outcome.divided > 0.2 * outcome.compared, outcome


def test_programs_use_the_whole_op_table():
    used = {_in_table(op) for seed in range(SEED, SEED + 2000) for op in generate.recipe(seed).ops}
    assert not TABLE.keys() - used


def _in_table(op):
    """The name in the table of an op that a step writes with another one."""
    if op.name == "matmul" and len(op.shape) == 2:
        return "product"  # of two matrices
    return "sum_first" if op.name == "sum" and ("axis", 0) in op.attrs else op.name


@pytest.mark.parametrize(
    "what", ["bidirectional", "resets", "regularizers", "several blocks", "no states", "four states"]
)
def test_cases_have_every_form(what):
    cases = [compare.Case.random(seed) for seed in range(SEED, SEED + 400)]
    has = {
        "bidirectional": lambda case: case.bidirectional,
        "resets": lambda case: bool(case.resets),
        "regularizers": lambda case: bool(case.regularizers),
        "several blocks": lambda case: case.steps > 16 <= len(case.lengths),
        "no states": lambda case: not case.recipe.states,
        "four states": lambda case: len(case.recipe.states) == 4,
    }[what]
    assert sum(map(has, cases)) >= 4


def test_a_wrong_result_is_found_and_made_small(monkeypatch):
    # the reference is broken instead of the engine: a sine that is a little too large
    right = TABLE["sin"]
    monkeypatch.setitem(TABLE, "sin", replace(right, eager=lambda x: 1.001 * right.eager(x)))
    outcome = search.search(range(1000))
    assert len(outcome.found) == 1
    small = search.smallest(outcome.found[0]).case
    # an output is a vector: the sine of a matrix is reshaped
    assert [op.name for op in small.recipe.ops if op.name != "reshape"] == ["sin"]
    assert len(small.recipe.ops) <= 2
    assert (len(small.recipe.states) <= 1, small.regularizers, small.resets) == (True, (), ())
    assert "ops.sin(" in str(small)


def test_a_wrong_gradient_is_found(monkeypatch):
    monkeypatch.setattr(compare, "STEP", compare.STEP)
    right = compare.slope_of
    monkeypatch.setattr(compare, "slope_of", lambda *args: (right(*args)[0] * 1.001, 0.0))
    with pytest.raises(compare.Mismatch, match="gradient of backward"):
        for seed in range(20):
            compare.check(compare.Case.random(seed))


def test_every_mutant_has_its_place_in_the_source():
    assert len(mutants.MUTANTS) >= 10
    for mutant in mutants.MUTANTS:
        assert mutant.source()
