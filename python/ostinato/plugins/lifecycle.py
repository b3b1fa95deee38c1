"""The hooks of a run of training: what an enabled plugin hears of, and may change, while a network learns.

An installed plugin hears nothing: a run has a manager of its own (`run_hooks.py`) that holds only what the
run names. Implementations take any of a hook's arguments, by name. The finest grain is a batch.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("ostinato")


class LifecycleHooks:
    """One method per hook, as pluggy wants them. `run` is the run that the hook is called from."""

    @hookspec
    def ostinato_run_start(self, run: Any) -> None:
        """Before the first batch of a run.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_start(run):
            ...     print("off we go")
        """

    @hookspec
    def ostinato_epoch_start(self, run: Any, epoch: int) -> None:
        """Before the first batch of an epoch; `epoch` counts from 0.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_epoch_start(epoch):
            ...     print(f"epoch {epoch}")
        """

    @hookspec
    def ostinato_batch_start(self, run: Any, step: int, batch: Any) -> None:
        """Before a batch is run; `step` counts batches from 0 and over all epochs.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_start(step, batch):
            ...     print(f"batch {step}")
        """

    @hookspec
    def ostinato_after_backward(self, run: Any, step: int, grads: Any) -> None:
        """When the gradients of a batch are there, not yet clipped or used; may change them in place.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_after_backward(grads):
            ...     grads.arena[:] *= 0.5
        """

    @hookspec
    def ostinato_batch_end(self, run: Any, step: int, metrics: Mapping[str, float]) -> None:
        """When the parameters have moved; `metrics` holds what was measured, such as "loss".

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_end(step, metrics):
            ...     print(f"batch {step}: {metrics['loss']:.3f}")
        """

    @hookspec
    def ostinato_epoch_end(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """After the last batch of an epoch and its validation; `metrics` holds what was measured.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_epoch_end(epoch, metrics):
            ...     print(f"epoch {epoch}: {metrics['loss']:.3f}")
        """

    @hookspec(firstresult=True)
    def ostinato_should_stop(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """After an epoch: True ends the run, None leaves it to the others; the first answer counts.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_should_stop(metrics):
            ...     return True if metrics["loss"] < 0.01 else None
        """
        return None

    @hookspec(firstresult=True)
    def ostinato_train_step(self, run: Any, step: int, batch: Any) -> Any:
        """One step of training, which the run itself does; a wrapper stands around it.

        Example:
            >>> import time
            >>> from ostinato import hookimpl
            >>> @hookimpl(wrapper=True)
            ... def ostinato_train_step(step):
            ...     start = time.monotonic()
            ...     result = yield
            ...     print(f"batch {step} took {time.monotonic() - start:.3f} s")
            ...     return result
        """
        return None

    @hookspec
    def ostinato_save(self, run: Any) -> Mapping[str, Any] | None:
        """What the plugin wants to find again in a checkpoint: a dict of plain values and arrays, or None.

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
        """Before a run goes on from a checkpoint: `state` is what the same plugin's `ostinato_save` returned.

        Example:
            >>> from ostinato import hookimpl
            >>> seen = {"batches": 0}
            >>> @hookimpl
            ... def ostinato_load(state):
            ...     seen.update(state)
        """

    @hookspec
    def ostinato_run_end(self, run: Any) -> None:
        """After a run that came to its end, early or not.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_end():
            ...     print("done")
        """

    @hookspec
    def ostinato_run_error(self, run: Any, error: BaseException) -> None:
        """When a run ends by an error, to note it; whatever the implementation does, that error is raised.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_error(error):
            ...     print(f"it ended with {type(error).__name__}")
        """
