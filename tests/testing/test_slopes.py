"""Central differences see corners and jumps, and say what a wrong gradient looks like."""

import numpy as np
import pytest

import ostinato as ost
from ostinato import testing
from ostinato.ops import abs, clip, relu
from ostinato.testing.runner import Failed
from ostinato.testing.slopes import Kink, compare, guess, smooth_slopes
from tests.testing.faults.cells import Right


@pytest.mark.parametrize(
    ("function", "at"),
    [
        (np.abs, 0.0),
        (lambda v: np.maximum(v, 0.0), 3e-6),
        (lambda v: np.clip(v, -1.0, 1.0), 1.0),
        (np.sign, -2e-6),
    ],
    ids=["abs", "relu", "clip", "a jump"],
)
def test_a_corner_or_a_jump_within_a_step_is_seen(function, at):
    array = np.array([0.5, at])
    with pytest.raises(Kink, match=r"v\[1\]"):
        smooth_slopes(lambda: float(function(array).sum()), {"v": array})
    assert array[1] == at


def test_smooth_functions_have_their_slopes():
    array = np.linspace(-2.0, 2.0, 7)
    found = smooth_slopes(lambda: float((np.exp(array) + array**3).sum()), {"v": array})
    np.testing.assert_allclose(found["v"], np.exp(array) + 3 * array**2, rtol=1e-7)


class Corners(Right):
    """All functions with a corner, together."""

    def formula(self, a, u, state, p, x):
        return clip(relu(a) + abs(u) - relu(-a + u), -1.5, 1.5)


def test_a_cell_with_corners_is_checked_away_from_them():
    testing.check_cell(Corners, "quick").raise_if_failed()


class CornerEverywhere(Right):
    """A jump that is nearer than a step, whatever is drawn: its period is shorter than that."""

    def step(self, x, state, p):
        h = np.sin(1e6 * np.asarray(p.W @ x + p.U @ state.h + p.b, dtype=float))
        return h, {"h": h}

    def vjp(self, x, state, p, d_output, d_state):
        return 0 * x, {"h": 0 * state.h}, {name: 0 * p[name] for name in ("W", "U", "b")}


def test_a_cell_that_has_no_slopes_anywhere_is_no_success():
    report = testing.check_cell(CornerEverywhere, "quick")
    assert "each of 8 draws lies on a corner" in {one.id: one.reason for one in report.failures}["gradients"]


NUMERIC = np.array([[1.0, -2.0], [0.5, 3.0]])
OTHER = np.array([[1.0, 0.0], [0.0, 0.0]])


@pytest.mark.parametrize(
    ("analytic", "words"),
    [
        (2 * NUMERIC, "doubled"),
        (0.5 * NUMERIC, "halved"),
        (-NUMERIC, "sign"),
        (0 * NUMERIC, "missing: no gradient arrives"),
        (1e-17 * NUMERIC, "missing"),
        (3 * NUMERIC, "constant factor 3"),
        (NUMERIC + OTHER, "a term is missing"),
        (NUMERIC * np.nan, "not finite"),
    ],
)
def test_a_ratio_gives_a_mistake_away(analytic, words):
    assert words in guess(analytic, NUMERIC)
    with pytest.raises(Failed, match=r"here: w\[\d, \d\]: analytic .*, numeric .*; \d of 4 entries are off"):
        compare([("w", analytic, NUMERIC)], "here")


def test_a_slope_of_0_and_another_shape_are_reported():
    assert "where the value has no slope" in guess(NUMERIC, 0 * NUMERIC)
    with pytest.raises(Failed, match=r"has shape \(2,\); expected \(2, 2\)"):
        compare([("w", NUMERIC[0], NUMERIC)], "here")
    compare([("w", NUMERIC, NUMERIC + 1e-9)], "here")


def test_the_kit_needs_no_pytest():
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['pytest'] = None\n"
        "from ostinato import testing\n"
        "testing.check('indrnn', 'quick').raise_if_failed()"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
    assert ost.testing is testing
