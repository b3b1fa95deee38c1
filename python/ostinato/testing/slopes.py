"""Central differences away from corners, and what the difference from a gradient indicates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from ostinato.testing.runner import Failed

Array = NDArray[Any]

# The error with this step is about step^2 = 1e-10 (curvature) and 1e-16 * |f| / step = 1e-10 (rounding), for
# numbers around 1 to 10: well below the tolerance of gradients, 1e-6.
STEP: Final = 1e-5
RELATIVE: Final = 1e-6

# The slopes on both sides differ by step * curvature if a function is smooth: 1e-5 for curvatures around 1,
# and this for curvatures around 100. At a corner they differ by the jump of the slope.
CORNER: Final = 1e-3


class Kink(Exception):
    """The slopes on both sides differ here: a corner or a jump lies within a step of the point."""


def slope(scalar: Callable[[], float], array: Array) -> Array:
    """Numeric derivative of `scalar()` by each entry of `array`, which is changed in place and restored."""
    return _slope(scalar, array, None)


def smooth_slopes(scalar: Callable[[], float], arrays: Mapping[str, Array]) -> dict[str, Array]:
    """`slope` for each of several arrays. Raises Kink if one-sided differences show a corner or a jump."""
    here = scalar()
    return {name: _slope(scalar, array, here, name) for name, array in arrays.items()}


def _slope(scalar: Callable[[], float], array: Array, here: float | None, name: str = "") -> Array:
    result = np.empty(array.shape)
    for place in np.ndindex(*array.shape):
        kept = array[place]
        array[place] = kept + STEP
        above = scalar()
        array[place] = kept - STEP
        below = scalar()
        array[place] = kept
        result[place] = (above - below) / (2 * STEP)
        if here is not None:
            right, left = (above - here) / STEP, (here - below) / STEP
            if abs(right - left) > CORNER * max(1.0, abs(right), abs(left)):
                raise Kink(f"{name}{list(place)}: {left:.6g} from below, {right:.6g} from above")
    return result


def compare(given: Iterable[tuple[str, Array, Array]], where: str, hint: str = "") -> None:
    """Raise Failed unless each analytic gradient equals its numeric one; given: (name, analytic, numeric).

    The message names the worst entry, both values, and what their ratio indicates.
    """
    wrong: list[tuple[float, str]] = []
    for name, analytic, numeric in given:
        if analytic.shape != numeric.shape:
            raise Failed(
                f"{where}: the gradient of {name} has shape {analytic.shape}; expected {numeric.shape}"
            )
        # Relative to the largest slope of the tensor, and to 1 if all of them are small.
        bound = RELATIVE * max(1.0, float(np.abs(numeric).max(initial=0.0)))
        off = np.abs(analytic - numeric)
        bad = ~(off <= bound)
        if bad.any():
            place = np.unravel_index(int(np.argmax(np.where(np.isnan(off), np.inf, off))), off.shape)
            a, n = float(analytic[place]), float(numeric[place])
            ratio = f" (ratio {a / n:.4g})" if n else ""
            index = ", ".join(str(int(one)) for one in place)
            text = (
                f"{where}: {name}[{index}]: analytic {a:.6g}, numeric {n:.6g}{ratio}; "
                f"{int(bad.sum())} of {bad.size} entries are off. Hint: {guess(analytic, numeric)}"
            )
            wrong.append((float(np.nanmax(off, initial=0.0)) / bound, text))
    if wrong:
        others = f" ({len(wrong) - 1} more arrays are off)" if len(wrong) > 1 else ""
        raise Failed(max(wrong)[1] + others + (f". {hint}" if hint else ""))


def guess(analytic: Array, numeric: Array) -> str:
    """Describe a wrong gradient: doubled, wrong sign, missing, a constant factor, a term."""
    if not np.isfinite(analytic).all():
        return "not finite: something divides by 0 or overflows in the backward pass"
    if not analytic.any():
        return "missing: no gradient arrives here; is it behind a stop_gradient, or left out of the vjp?"
    clear = np.abs(numeric) > 1e-3 * max(1e-3, float(np.abs(numeric).max(initial=0.0)))
    if not clear.any():
        return "there is a gradient where the value has no slope"
    ratios = analytic[clear] / numeric[clear]
    ratio = float(np.median(ratios))
    if np.abs(ratios - ratio).max() > 1e-3 * max(1.0, abs(ratio)):
        return "a term is missing, or one too many: the ratio differs from entry to entry"
    names = {2.0: "doubled: is it added twice?", 0.5: "halved", -1.0: "the sign is wrong", 0.0: "missing"}
    for value, name in names.items():
        if abs(ratio - value) < 1e-3:
            return name
    return f"off by the constant factor {ratio:.4g}"
