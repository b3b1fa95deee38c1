"""Networks that break one promise each, for checks that no cell can fail: the engine keeps these promises."""

from __future__ import annotations

import time
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.network.run import Run


class Network(ost.Recurrent):
    """A layer whose runs are changed; the faults below say how."""

    def run(self, x: Any, *, state: Any = None, lengths: Any = None, **more: Any) -> Run:
        return self.changed(super().run(x, state=state, lengths=lengths, **more), x, lengths)

    def changed(self, run: Run, x: Any, lengths: Any) -> Run:
        return run


class LengthsIgnored(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        return super().run(x, state=state, lengths=None, **more)


class MaskedStepsHoldZeros(Network):
    """The state goes to zeros at masked steps: their input is zeros, and the mask is forgotten."""

    def run(self, x, *, state=None, lengths=None, mask=None, **more):
        if mask is not None:
            x = np.where(mask[..., None], x, 0.0)
        run = super().run(x, state=state, lengths=lengths, **more)
        if mask is not None:
            run.outputs[~mask] = 0.0
        return run


class PaddingRead(Network):
    def changed(self, run, x, lengths):
        if lengths is not None:
            run.outputs[np.asarray(lengths) > 0, 0] += 1e-9 * np.asarray(x).sum()
        return run


class WritesItsInput(Network):
    def changed(self, run, x, lengths):
        if isinstance(x, np.ndarray) and x.flags.writeable:
            x *= 0.5
        return run


class NotWhollyWritten(Network):
    def changed(self, run, x, lengths):
        fresh = np.empty_like(run.outputs)
        fresh[:, :-1] = run.outputs[:, :-1]
        run.outputs = fresh
        return run


class ReadsBesideTheInput(Network):
    def changed(self, run, x, lengths):
        if isinstance(x, np.ndarray) and x.base is not None and x.base.size > x.size:
            run.outputs += 1e-30 * x.base.ravel()[0]
        return run


class StridesIgnored(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        if isinstance(x, np.ndarray) and x.ndim == 3:
            x = x.ravel("K").reshape(x.shape)
        return super().run(x, state=state, lengths=lengths, **more)


class TakesAnything(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        if isinstance(x, np.ndarray) and x.dtype == int:
            x = x.astype(float)
        return super().run(x, state=state, lengths=lengths, **more)


class PlainError(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        if np.ndim(x) != 3:
            raise KeyError("x")
        return super().run(x, state=state, lengths=lengths, **more)


class NoRowsAreAnError(Network):
    def changed(self, run, x, lengths):
        run.outputs.max()
        return run


class RowsKnowEachOther(Network):
    def changed(self, run, x, lengths):
        run.outputs *= 1 + 1e-12 * len(x)
        return run


class DependsOnThreads(Network):
    def changed(self, run, x, lengths):
        run.outputs *= 1 + 1e-6 * ost.get_num_threads()
        return run


class OfOneThreadAtATime(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        self._latest = x
        time.sleep(0.001)
        return super().run(self._latest, state=state, lengths=lengths, **more)


class OneRowWithoutItsAxis(Network):
    def changed(self, run, x, lengths):
        run.outputs = run.outputs[0] if len(run.outputs) == 1 else run.outputs
        return run


class StateForgotten(Network):
    def run(self, x, *, state=None, lengths=None, **more):
        kept = None if np.shape(x)[1] == 5 and np.shape(x)[0] == 4 else state
        return super().run(x, state=kept, lengths=lengths, **more)


class StreamBeginsAnew(Network):
    def stream(self, batch=1):
        stream = super().stream(batch)

        class Forgetful:
            state = property(lambda self: stream.state, lambda self, value: None)
            step = staticmethod(stream.step)

        return Forgetful()


class Way(Network):
    """A BPTT variant that returns something else."""

    way: type = ost.TruncatedBPTT

    def value_and_grad(self, *given, through_time=None, **more):
        value, grads = super().value_and_grad(*given, through_time=through_time, **more)
        if isinstance(through_time, self.way):
            grads.arena[...] *= 1 + 1e-12
        return value, grads


class CheckpointsDiffer(Way):
    way = ost.CheckpointedBPTT


class TwoCallsTwoLosses(Network):
    def value_and_grad(self, *given, **more):
        value, grads = super().value_and_grad(*given, **more)
        return value * (1 + 1e-6), grads


class RoundsItsFile(Network):
    def save(self, path):
        self.arena[...] = self.arena.astype(np.float16)
        super().save(path)


class FlushesTinyNumbers(Network):
    def changed(self, run, x, lengths):
        if np.abs(x).max(initial=0.0) == np.float32(1e-40):
            run.outputs *= np.nan
        return run


FAULTS = [
    (LengthsIgnored, "padding", "is not 0"),
    (PaddingRead, "padding", "NaN in the padding"),
    (MaskedStepsHoldZeros, "masks", "is not 0 at masked steps"),
    (WritesItsInput, "inputs_unchanged", "inputs is written to"),
    (NotWhollyWritten, "outputs_written", "not wholly written"),
    (ReadsBesideTheInput, "guard_bands", "outside the given arrays"),
    (StridesIgnored, "layouts", "arrays: outputs"),
    (TakesAnything, "bad_input", "x of integers: is accepted"),
    (PlainError, "bad_input", "KeyError"),
    (NoRowsAreAnError, "empty", "ValueError"),
    (RowsKnowEachOther, "batch_company", "differs"),
    (DependsOnThreads, "threads", "differs"),
    (OfOneThreadAtATime, "thread_safe", "differs"),
    (OneRowWithoutItsAxis, "shapes", "outputs is"),
    (StateForgotten, "carried_state", "differs"),
    (StreamBeginsAnew, "stream", "differs"),
    (Way, "truncated", "differs"),
    (CheckpointsDiffer, "checkpointed", "differs"),
    (TwoCallsTwoLosses, "value_and_grad", "apart"),
    (RoundsItsFile, "save_load", "differs"),
    (FlushesTinyNumbers, "extremes", "NaN"),
]
