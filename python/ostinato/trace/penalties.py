"""The program of the penalty on a layer's parameters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ostinato import _core
from ostinato.cell import Declared
from ostinato.namespace import Names
from ostinato.regularizer import Regularizer
from ostinato.trace.noise import Noise
from ostinato.trace.recorder import Recorder
from ostinato.trace.rewrites import checked_penalty, total
from ostinato.trace.value import Traced


def trace_penalty(
    owner: str,
    regularizers: Sequence[Regularizer],
    made: Declared,
    groups: Mapping[str, tuple[str, ...]],
) -> _core.Program | None:
    """Trace the penalties on parameters: the parameters are the inputs, one number is the output.

    None if no regularizer has one. Raises the errors of regularizers, and ShapeError or TraceError for
    anything but a number.
    """
    recorder = Recorder("penalty", made.sizes)
    recorder.naming = False
    params = {
        key: Traced(recorder, *recorder.declare("input", key, one.shape)) for key, one in made.params.items()
    }
    matrices = [key for key, one in params.items() if one.ndim == 2]
    noise = Noise(recorder, False, tuple(made.states), matrices, groups)
    seen = Names(owner, "parameter", params)
    terms = [checked_penalty(one, "penalty", one.penalty(seen, noise)) for one in regularizers]
    whole = total(terms)
    return None if whole is None else recorder.finish([("penalty", whole.node)], [])
