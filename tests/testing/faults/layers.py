"""Layers with one fault each, and one without."""

from __future__ import annotations

import itertools
from typing import Any, ClassVar

import numpy as np

import ostinato as ost
from ostinato.network.run import Run


class Right(ost.Layer):
    """A dense layer and its input."""

    examples = ({"input_size": 3},)
    input_size: int

    def build(self, x: ost.Symbol) -> ost.Symbol:
        return x + ost.Dense(x.width, x.width, "tanh")(x)


class Faulty(Right):
    """A layer whose runs are changed; the faults below say how."""

    def run(self, x: Any, *, lengths: Any = None, **more: Any) -> Run:
        return self.changed(super().run(x, lengths=lengths, **more), x, lengths)

    def changed(self, run: Run, x: Any, lengths: Any) -> Run:
        return run


class Other(Right):
    widths: ClassVar = itertools.cycle([2, 4])

    def build(self, x):
        width = next(self.widths)
        return ost.Dense(width, 3)(ost.Dense(3, width)(x))


class FunctionAsOption(Right):
    examples = ({"input_size": 3, "activation": np.tanh},)
    activation: Any = None


class DrawsElsewhere(Right):
    def build(self, x):
        layer = ost.Recurrent("rnn", 3, 3, init=lambda shape, rng: np.random.normal(size=shape))
        return layer(x)


class Stretched(Faulty):
    def changed(self, run, x, lengths):
        run.outputs = 1.25 * run.outputs
        return run


class InfiniteInEmptyBatches(Faulty):
    def changed(self, run, x, lengths):
        if lengths is not None:
            run.outputs = np.where(np.asarray(lengths)[:, None, None] == 0, np.inf, run.outputs)
        return run


class WorseInFloat32(Faulty):
    def changed(self, run, x, lengths):
        if self.dtype == "float32":
            run.outputs = run.outputs.round(1)
        return run


class PaddingRead(Faulty):
    def changed(self, run, x, lengths):
        if lengths is not None:
            run.outputs[np.asarray(lengths) > 0, 0] += 1e-9 * np.asarray(x).sum()
        return run


class BatchMean(Faulty):
    def changed(self, run, x, lengths):
        if len(run.outputs):
            run.outputs = run.outputs + 1e-9 * len(run.outputs)
        return run


class NeedsItsClass(Right):
    kind = "a_layer_with_a_kind"

    @classmethod
    def _restore(cls, record, programs):
        made = super()._restore(record, programs)
        made.__class__ = cls
        return made


class AcceptsAnything(Faulty):
    def run(self, x, **more):
        x = np.asarray(x)
        return super().run(x.astype(float) if x.dtype.kind == "c" else x, **more)


FAULTS = [
    (Other, "descriptor", "made twice"),
    (FunctionAsOption, "options", "no file can hold"),
    (InfiniteInEmptyBatches, "shapes", "not finite"),
    (DrawsElsewhere, "initial_values", "not its initial values"),
    (Stretched, "gradients", "inputs.x"),
    (WorseInFloat32, "float32", "outputs in float64 and float32"),
    (PaddingRead, "padding", "outputs differs"),
    (BatchMean, "company", "alone, output differs"),
    (NeedsItsClass, "save_load", "needs the class"),
    (AcceptsAnything, "bad_input", "complex numbers"),
]
