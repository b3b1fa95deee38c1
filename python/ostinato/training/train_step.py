"""One update of the parameters: gradient, clipping, schedule, optimizer."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass

from ostinato.errors import NonFiniteError
from ostinato.optimizers import Optimizer
from ostinato.plugins.run_hooks import RunHooks
from ostinato.specs import hookimpl
from ostinato.strategy import Batch, Core, Estimator, Moment, Slopes
from ostinato.training.finite import check_gradients, check_loss, check_parameters
from ostinato.training.interrupts import Interrupts
from ostinato.training.run import TrainingRun


@dataclass
class TrainStep:
    """The run's own implementation of `ostinato_train_step`, inside the wrappers of plugins.

    If anything fails before the optimizer step, everything is unchanged. From there to the end of the update,
    an interrupt is delayed.
    """

    estimator: Estimator
    core: Core
    schedule: Callable[[float, Moment], float] | None
    limit: float | None
    summed: bool
    interrupts: Interrupts
    hooks: RunHooks | None = None

    @hookimpl
    def ostinato_train_step(self, run: TrainingRun, step: int, batch: Batch) -> dict[str, float]:
        """Make the update. Raises NonFiniteError.

        Returns "loss", including "penalty" if there is one, "grad_norm" (before clipping), "lr".
        """
        assert self.hooks is not None
        place = f"step {step} (epoch {run.epoch}, batch {run.position.batch})"
        count = batch.count  # raises an error for weights without a mean, before anything changes
        loss, grads = self.estimator.estimate(self.core, batch)
        check_loss(run.net, batch, loss, place)
        self.hooks.call("ostinato_after_backward", run=run, step=step, grads=grads)
        lr = run.optimizer.lr if self.schedule is None else self.schedule(run.start_lr, run.when)

        self.interrupts.hold()
        try:
            norm = self._optimize(run.optimizer, run, grads, lr)
        except NonFiniteError:
            check_gradients(run.net, batch, grads, place)
            raise
        run.carried = grads.final_state
        # Validation has no penalties, so the loss for comparison has none either.
        scale = 1.0 if self.summed else count
        run.totals.add(scale * (loss - grads.penalty), scale * grads.penalty, count, norm)
        run.position = run.position.after_update()
        check_parameters(run.net, place, lr)
        told = {"penalty": grads.penalty} if grads.penalty else {}
        return {"loss": loss, **told, "grad_norm": norm, "lr": lr}

    def _optimize(self, optimizer: Optimizer, run: TrainingRun, grads: Slopes, lr: float) -> float:
        """One step of the optimizer on clipped gradients; the norm before clipping."""
        if optimizer.lr != lr:
            optimizer.lr = lr
        # Without a limit the norm is only measured.
        limit = self.limit or sys.float_info.max
        if optimizer.groups:  # Groups are selected by name, which an arena does not have.
            norm = optimizer.step(run.net.parameters(), grads.params, clip_norm=limit)
        else:
            norm = optimizer.step(run.net.arena, grads.arena, clip_norm=limit)
        assert norm is not None
        return norm
