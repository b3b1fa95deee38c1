"""The hooks of a training run: events that a plugin of the run receives and may influence.

A run calls only the plugins that it names: it has its own manager (`run_hooks.py`). Implementations receive
arguments by name, and may omit any of them. No hook is called more often than once per batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pluggy

hookspec = pluggy.HookspecMarker("ostinato")


ARGUMENTS: Final = {
    "run": "the run: `run.net`, `run.history`; `run.epoch` and `run.step` count what is complete; "
    "`run.stop(reason)` ends the run after this batch, `run.save(path)` requests a checkpoint",
    "epoch": "the number of the epoch, from 0",
    "step": "the number of the update, from 0, over all epochs",
    "batch": "an `ostinato.Batch`: `batch.x`, `batch.targets`, `batch.lengths` and others",
    "grads": "the gradients: `grads.params` by name, `grads.arena` as one flat array",
    "metrics": 'numbers by name, such as `"loss"`',
    "state": "what the same plugin's `ostinato_save` returned",
    "error": "the exception",
}
"""What each argument of the hooks is, for the pages of the hooks."""


class LifecycleHooks:
    """One method per hook, as pluggy requires."""

    @hookspec
    def ostinato_run_start(self, run: Any) -> None:
        """Before the first batch of a run.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_start(run):
            ...     print("the run starts")
        """

    @hookspec
    def ostinato_epoch_start(self, run: Any, epoch: int) -> None:
        """Before the first batch of an epoch.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_epoch_start(epoch):
            ...     print(f"epoch {epoch}")
        """

    @hookspec
    def ostinato_batch_start(self, run: Any, step: int, batch: Any) -> None:
        """Before an update.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_start(step, batch):
            ...     print(f"update {step}: {len(batch.x)} rows")
        """

    @hookspec
    def ostinato_after_backward(self, run: Any, step: int, grads: Any) -> None:
        """After the backward pass of a batch, before clipping. An implementation may change `grads` in place.

        If several batches make an update, it is called once, with the gradients of all their rows.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_after_backward(grads):
            ...     grads.arena[:] *= 0.5
        """

    @hookspec
    def ostinato_batch_end(self, run: Any, step: int, metrics: Mapping[str, float]) -> None:
        """After a batch and its update. `metrics` are measurements, such as "loss", "grad_norm" and "lr".

        If several batches make an update (`accumulate` of the trainer), `run.waiting` counts those that wait
        for it. Without an update, there is no "grad_norm".

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_end(step, metrics):
            ...     print(f"update {step}: loss {metrics['loss']:.3f}")
        """

    @hookspec
    def ostinato_validation_start(self, run: Any, epoch: int) -> None:
        """Before the validation after an epoch. An implementation may change parameters, for the validation.

        After an error, the run has the parameters from before this hook, whichever hook fails.

        Example:
            >>> from ostinato import hookimpl
            >>> kept = {}
            >>> @hookimpl
            ... def ostinato_validation_start(run):
            ...     kept["arena"] = run.net.arena.copy()
            ...     run.net.arena[...] *= 0.9
        """

    @hookspec
    def ostinato_validation_end(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """After the validation. `metrics` are its measurements, such as "val_loss"; they cannot be changed.

        What `ostinato_validation_start` has changed is set back here.

        Example:
            >>> from ostinato import hookimpl
            >>> kept = {}
            >>> @hookimpl
            ... def ostinato_validation_end(run):
            ...     run.net.arena[...] = kept["arena"]
        """

    @hookspec
    def ostinato_epoch_end(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """After an epoch and its validation. `metrics` are the columns of the history, such as "val_loss".

        An implementation may add numbers to `metrics`, which become columns of the history. Changing one that
        was measured is a ConfigError.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_epoch_end(epoch, metrics):
            ...     print(f"epoch {epoch}: {metrics['loss']:.3f}")
        """

    @hookspec(firstresult=True)
    def ostinato_should_stop(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> bool | str | None:
        """After an epoch. True or a text ends the run, False continues it, None lets the next plugin decide.

        The text is the reason: it becomes `run.stopped`, and `fit` prints it.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_should_stop(metrics):
            ...     return "the loss is below 0.01" if metrics["loss"] < 0.01 else None
        """
        return None

    @hookspec(firstresult=True)
    def ostinato_train_step(self, run: Any, step: int, batch: Any) -> Any:
        """Around an update, from the forward pass to the new parameters: for code before and after it.

        Example:
            >>> import time
            >>> from ostinato import hookimpl
            >>> @hookimpl(wrapper=True)
            ... def ostinato_train_step(step):
            ...     start = time.monotonic()
            ...     result = yield
            ...     print(f"update {step} took {time.monotonic() - start:.3f} s")
            ...     return result
        """
        return None

    @hookspec
    def ostinato_save(self, run: Any) -> Mapping[str, Any] | None:
        """Returns the state of the plugin: a dict of plain values and arrays, or None.

        A run calls this hook for checkpoints, and to undo an incomplete update or epoch after an error. So it
        may call the hook after every update and every epoch. The hook must not change anything.

        Example:
            >>> from ostinato import hookimpl
            >>> seen = {"batches": 0}
            >>> @hookimpl
            ... def ostinato_save():
            ...     return dict(seen)
        """
        return None

    @hookspec
    def ostinato_load(self, run: Any, state: Mapping[str, Any]) -> None:
        """Sets the state of the plugin: before a run resumes from a checkpoint, and after an error.

        Example:
            >>> from ostinato import hookimpl
            >>> seen = {"batches": 0}
            >>> @hookimpl
            ... def ostinato_load(state):
            ...     seen.update(state)
        """

    @hookspec
    def ostinato_run_end(self, run: Any) -> None:
        """After a run that ended without an error, at its last epoch or earlier.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_end():
            ...     print("the run is complete")
        """

    @hookspec
    def ostinato_run_error(self, run: Any, error: BaseException) -> None:
        """When a run ends with an error. An implementation cannot suppress or replace the error.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_error(error):
            ...     print(f"the run ended with {type(error).__name__}")
        """
