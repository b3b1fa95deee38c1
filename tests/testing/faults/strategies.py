"""Strategies that are wrong in one way each, and the check that is to find it."""

from __future__ import annotations

import dataclasses
from typing import Any, ClassVar

import numpy as np

from ostinato import Curriculum, Estimator, Execution, Feeding, FullBPTT, Lesson, StrategySpec


class Longer(Curriculum):
    """Rows in an order of their own, a step more with every lesson; without a fault."""

    def __init__(self) -> None:
        self.lessons = 0

    def lesson(self, when: Any, lengths: Any) -> Lesson:
        self.lessons += 1
        rows = None if lengths is None else when.rng("longer").permutation(len(lengths))
        return Lesson(rows, self.lessons)

    def state_dict(self) -> dict[str, Any]:
        return {"lessons": self.lessons}

    def load_state_dict(self, state: Any) -> None:
        if set(state) != {"lessons"}:
            super().load_state_dict(state)
        self.lessons = int(state["lessons"])


class OrderOfItsOwn(Longer):
    def lesson(self, when, lengths):
        lesson = super().lesson(when, lengths)
        return lesson if lengths is None else Lesson(np.random.permutation(len(lengths)), lesson.steps)


class LessonsNotSaved(Longer):
    def state_dict(self):
        return {"lessons": 0}


class AnyStateIsTaken(Longer):
    def load_state_dict(self, state):
        self.lessons = int(state.get("lessons", 0))


class StateIsAnObject(Longer):
    def state_dict(self):
        return {"lessons": self.lessons, "self": object()}


class RowsBeyondTheLast(Longer):
    def lesson(self, when, lengths):
        return Lesson(None if lengths is None else np.arange(len(lengths) + 1))


class NoSteps(Longer):
    def lesson(self, when, lengths):
        return Lesson(None, when.epoch)


class RowsOfAnIterable(Longer):
    def lesson(self, when, lengths):
        return Lesson(np.arange(3 if lengths is None else len(lengths)))


class LengthsChanged(Longer):
    def lesson(self, when, lengths):
        if lengths is not None:
            lengths[...] = 1
        return Lesson()


class Sometimes(Feeding):
    """Truth half of the time; without a fault."""

    def feed(self, batch: Any, when: Any) -> Any:
        return batch.replace(truth=when.rng("sometimes").random(batch.fed_shape) < 0.5)


class GlobalRandom(Sometimes):
    def feed(self, batch, when):
        return batch.replace(truth=np.random.random(batch.fed_shape) < 0.5)


class NumbersForTruth(Sometimes):
    def feed(self, batch, when):
        return batch.replace(truth=np.ones(batch.fed_shape))


class OneTruthForAllRows(Sometimes):
    def feed(self, batch, when):
        return batch.replace(truth=np.ones(batch.steps, bool))


class InputsChanged(Sometimes):
    def feed(self, batch, when):
        batch.x[...] *= 0.5
        return super().feed(batch, when)


class Halves(Estimator):
    """Two updates for each batch; without a fault."""

    def pieces(self, batch: Any) -> Any:
        half = batch.steps // 2
        return (batch.window(0, half), batch.window(half, batch.steps)) if half else (batch,)

    def estimate(self, core: Any, batch: Any) -> Any:
        return core.value_and_grad(batch, through_time=FullBPTT())


class EndLeftOut(Halves):
    def pieces(self, batch):
        return (batch.window(0, max(batch.steps // 2, 1)),)


class CutByTheCall(Halves):
    calls: ClassVar[list[int]] = []

    def pieces(self, batch):
        self.calls.append(1)
        cut = 1 + len(self.calls) % max(batch.steps - 1, 1)
        return (batch.window(0, cut), batch.window(cut, batch.steps)) if cut < batch.steps else (batch,)


class UpdatesByItself(Halves):
    def estimate(self, core, batch):
        loss, slopes = super().estimate(core, batch)
        core.net.arena[...] -= 0.1 * slopes.arena
        return loss, slopes


class NoGradient(Halves):
    def estimate(self, core, batch):
        loss, slopes = super().estimate(core, batch)
        slopes.arena[...] = 0.0
        return loss, slopes


class LossIsAnArray(Halves):
    def estimate(self, core, batch):
        loss, slopes = super().estimate(core, batch)
        return np.array([loss]), slopes


class Here(Execution):
    """All of it here; without a fault."""

    def core(self, local: Any) -> Any:
        return local


class HalfOfTheRows(Here):
    def core(self, local):
        class Half:
            def value_and_grad(self, batch, through_time=None):
                lengths = np.where(np.arange(batch.rows) % 2, 0, batch.lengths)
                return local.value_and_grad(batch.replace(lengths=lengths), through_time)

        return Half()


class AverageForASum(Here):
    def core(self, local):
        class Average:
            value_and_grad = sum_and_grad = local.value_and_grad
            fed, decode = local.fed, local.decode

        return Average()


class AlwaysTruth(Here):
    def core(self, local):
        class Truth:
            value_and_grad, sum_and_grad, decode = local.value_and_grad, local.sum_and_grad, local.decode

            def fed(self, batch):
                return batch.replace(truth=None)

        return Truth()


class StepsOfAllAxes(Sometimes):
    def feed(self, batch, when):
        return batch.replace(truth=np.ones((batch.rows, batch.steps), bool))


class FirstInputAlone(Sometimes):
    def feed(self, batch, when):
        return batch.replace(truth=np.ones(np.shape(batch.x)[:2], bool))


class CutsAnArray(Halves):
    def pieces(self, batch):
        half = batch.steps // 2
        first = batch.replace(x=batch.x[:, :half]) if isinstance(batch.x, np.ndarray) else batch
        return (first, batch.window(half, batch.steps))


class LossesForgotten(Here):
    def core(self, local):
        class Silent:
            def value_and_grad(self, batch, through_time=None):
                loss, grads = local.value_and_grad(batch, through_time)
                return loss, dataclasses.replace(grads, losses={})

        return Silent()


FAULTS = [
    (OrderOfItsOwn, "repeatable", "when.rng"),
    (LessonsNotSaved, "resume", "something else"),
    (AnyStateIsTaken, "resume", "is accepted"),
    (StateIsAnObject, "state", "a checkpoint cannot store"),
    (RowsBeyondTheLast, "lesson", "integers from 0"),
    (NoSteps, "lesson", "integer from 1"),
    (RowsOfAnIterable, "lesson", "iterable of batches"),
    (LengthsChanged, "lesson", "written to"),
    (GlobalRandom, "repeatable", "when.rng"),
    (NumbersForTruth, "feed", "expected bool"),
    (OneTruthForAllRows, "feed", "expected bool"),
    (InputsChanged, "feed", "x of the batch is changed"),
    (EndLeftOut, "pieces", "have"),
    (CutByTheCall, "pieces", "two ways"),
    (UpdatesByItself, "estimate", "written to"),
    (NoGradient, "estimate", "or 0"),
    (LossIsAnArray, "estimate", "finite float"),
    (HalfOfTheRows, "core", "in one go"),
    (AverageForASum, "core", "negative number"),
    (AlwaysTruth, "core", "fed or decode differ"),
    (StepsOfAllAxes, "fed", "expected (4, 9) booleans"),
    (FirstInputAlone, "dicts", "expected (N, T) booleans"),
    (CutsAnArray, "dicts", "pieces of"),
    (LossesForgotten, "dicts", "expected two"),
    (StrategySpec("pretender", Here, role="feeding"), "descriptor", "the descriptor declares"),
]
