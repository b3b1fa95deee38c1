"""One update of the parameters: gradient, clipping, schedule, optimizer."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from ostinato import checks
from ostinato.errors import ConfigError, NonFiniteError, shown
from ostinato.optimizers import Optimizer
from ostinato.optimizers.planned import PlannedStep
from ostinato.plugins.run_hooks import RunHooks
from ostinato.specs import hookimpl
from ostinato.strategy import Batch, Core, Estimator, Moment, Slopes
from ostinato.training.finite import (
    check_gradients,
    check_loss,
    check_parameters,
    check_planned,
    check_slots,
)
from ostinato.training.gathered import check_ratios, finish, gathered_of
from ostinato.training.interrupts import Interrupts
from ostinato.training.run import TrainingRun


@dataclass
class TrainStep:
    """The run's own implementation of `ostinato_train_step`, inside the wrappers of plugins.

    If anything fails before the optimizer step, everything is unchanged; the trainer undoes what fails later.
    From the optimizer step on, an interrupt is delayed. With `defers`, the step is computed and checked, but
    the trainer takes it: see `Undo.commit`.
    """

    estimator: Estimator
    core: Core
    schedule: Callable[[float, Moment], float] | None
    limit: float | None
    summed: bool
    outputs: tuple[str, ...]
    """The outputs that have a loss."""
    several: bool
    """Whether the network has several outputs."""
    accumulate: int
    """How many pieces make an update."""
    interrupts: Interrupts
    hooks: RunHooks | None = None
    defers: bool = False
    planned: PlannedStep | None = None
    """The step that the trainer is to take."""

    @hookimpl
    def ostinato_train_step(self, run: TrainingRun, step: int, batch: Batch) -> dict[str, float]:
        """Make the update. Raises NonFiniteError.

        Returns "loss", including "penalty" if there is one; "mood.loss" of each output if there are several;
        "grad_norm" (before clipping), "lr". The loss of an output of which no step is valid is NaN. Without
        an update, because more pieces belong to it, there is no "grad_norm"; and no "loss" if the estimator
        returned none.
        """
        assert self.hooks is not None
        place = f"step {step} (epoch {run.epoch}, batch {run.position.batch})"
        counts = self._counts(batch)  # raises an error for weights without a mean, before anything changes
        estimated = self.estimator.estimate(self.core, batch)
        if estimated is None:
            if not self.estimator.waits:
                raise ConfigError(
                    f"estimator {shown(self.estimator.name)} returned None; expected (loss, gradients), or "
                    "waits = True in its class, if some batches make no update"
                )
            run.position = run.position.without_update()
            return {"lr": run.optimizer.lr}
        loss, grads = estimated
        losses = self._losses(loss, grads)
        check_loss(run.net, batch, loss, place)
        penalty = grads.penalty
        waits = False
        if self.accumulate > 1:
            if run.gathered is not None and not self.summed:
                check_ratios(run.gathered, counts)
            gathered = gathered_of(grads, counts, self.summed)
            if run.gathered is not None:
                gathered = run.gathered.plus(gathered)
            waits = gathered.batches < self.accumulate and not batch.is_last
            if not waits:
                finish(gathered, grads, self.summed)
        if waits:
            run.gathered = gathered
            run.carried = grads.final_state
            self._count(run, losses, counts, penalty, 0.0)
            run.position = run.position.without_update()
            return {**self._figures(loss, losses, counts, penalty), "lr": run.optimizer.lr}
        self.hooks.call("ostinato_after_backward", run=run, step=step, grads=grads)
        lr = self._rate(run)

        self.interrupts.hold()
        try:
            norm = self._optimize(run, grads, lr, place)
        except NonFiniteError:
            check_gradients(run.net, batch, grads, place)
            raise
        run.scheduled = None if self.schedule is None else run.optimizer.lr
        run.carried = grads.final_state
        run.gathered = None
        self._count(run, losses, counts, penalty, norm)
        run.position = run.position.after_update()
        return {**self._figures(loss, losses, counts, penalty), "grad_norm": norm, "lr": lr}

    def check_terms(self) -> None:
        """Raises ConfigError for a sum, or a mean over several batches, that an estimator's loss is not.

        The loss of one that samples is a mean over rows; its options may add a mean over steps.
        """
        one = self.estimator
        if self.summed and one.samples:
            raise ConfigError(
                f"reduction is 'sum' with {shown(one)}, whose loss is a mean over rows; expected "
                "reduction='mean'"
            )
        if self.accumulate > 1 and one.samples and one.uses_loss:
            raise ConfigError(
                f"accumulate is {self.accumulate} with {shown(one)}, whose loss is a mean over rows plus "
                "that of the targets, a mean over steps: in several batches, the two have other weights; "
                "expected accumulate=1, or an estimator without the loss of the targets (likelihood=0)"
            )

    def _counts(self, batch: Batch) -> dict[str, float]:
        """What the loss of a batch is a mean over: valid steps; of an estimator that samples, its rows."""
        self.check_terms()
        counts, fed = batch.counts, batch.axes.fed
        if not self.estimator.samples or fed is None:
            return counts
        rows = float(np.count_nonzero(batch.lengths_of(batch.axes.inputs[fed])))
        return dict.fromkeys(counts, rows)

    def _count(
        self,
        run: TrainingRun,
        losses: Mapping[str, float],
        counts: Mapping[str, float],
        penalty: float,
        norm: float,
    ) -> None:
        """Add a piece to the sums of the epoch."""
        # Validation has no penalties, so the loss for comparison has none either.
        scales = {name: 1.0 if self.summed else counts[name] for name in losses}
        sums = {name: scales[name] * value for name, value in losses.items()}
        run.totals.add(sums, counts, scales[self.outputs[0]] * penalty, norm)

    def _figures(
        self, loss: float, losses: Mapping[str, float], counts: Mapping[str, float], penalty: float
    ) -> dict[str, float]:
        """What hooks learn of a piece."""
        # A loss of 0 over no step would look like a perfect score.
        seen = {name: value if counts[name] else math.nan for name, value in losses.items()}
        figures = {f"{name}.loss": value for name, value in seen.items()} if self.several else {}
        if penalty:
            figures["penalty"] = penalty
        total = loss if any(counts[name] for name in losses) else math.nan
        return {"loss": total, **figures}

    def _rate(self, run: TrainingRun) -> float:
        """The learning rate of this update.

        Raises ConfigError for one set by hand if there is a schedule, and for a schedule whose value is none.
        """
        now = run.optimizer.lr
        if self.schedule is None:
            return now
        before = run.start_lr if run.scheduled is None else run.scheduled
        if now != before:
            raise ConfigError(
                f"lr of the optimizer was set from {before:g} to {now:g}, but the schedule of this trainer "
                f"sets it in every update, from {run.start_lr:g} at the start; make a trainer without "
                "schedule=, or with a schedule that returns this rate"
            )
        found = self.schedule(run.start_lr, run.when)
        return checks.number("Trainer", "the value of schedule", found, at_least=0)

    def _losses(self, loss: float, grads: Slopes) -> dict[str, float]:
        """The loss of each output, without penalties. Raises ConfigError for gradients that do not say it."""
        if not self.several:
            return {self.outputs[0]: loss - grads.penalty}
        found: Mapping[str, float] = getattr(grads, "losses", {})
        missing = [name for name in self.outputs if name not in found]
        if missing:
            raise ConfigError(
                f"the gradients of a batch have no losses[{shown(missing[0])}]; an estimator or an "
                "execution for "
                "networks with several outputs returns the losses of the outputs too (Slopes.losses)"
            )
        return {name: found[name] for name in self.outputs}

    def _optimize(self, run: TrainingRun, grads: Slopes, lr: float, place: str) -> float:
        """One step of the optimizer on clipped gradients; the norm before clipping."""
        optimizer, net = run.optimizer, run.net
        if optimizer.lr != lr:
            optimizer.lr = lr
        # Without a limit the norm is only measured.
        limit = self.limit or sys.float_info.max
        named = takes_names(optimizer)
        params, slopes = (net.parameters(), grads.params) if named else (net.arena, grads.arena)
        if has_own_step(optimizer):
            norm = optimizer.step(params, slopes, clip_norm=limit)
            assert norm is not None
            check_parameters(net, place, lr)
            check_slots(optimizer, place, norm)
            return norm
        planned = optimizer._plan(params, slopes, limit)
        check_planned(net, optimizer, planned, place, lr)
        if self.defers:
            self.planned = planned
        else:
            planned.take(optimizer)
        assert planned.norm is not None
        return planned.norm


def takes_names(optimizer: Optimizer) -> bool:
    """Whether an update gives it parameters by name, and not one arena."""
    return has_own_step(optimizer) or optimizer._is_of_names


def has_own_step(optimizer: Optimizer) -> bool:
    """Whether its class writes a `step` of its own, which may write what is not finite."""
    return type(optimizer).step is not Optimizer.step
