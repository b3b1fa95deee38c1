"""The hooks of a training run: events that a plugin of the run receives and may influence.

A run calls only the plugins that it names: it has its own manager (`run_hooks.py`). Implementations receive
arguments by name, and may omit any of them. No hook is called more often than once per update.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pluggy

hookspec = pluggy.HookspecMarker("ostinato")


class LifecycleHooks:
    """One method per hook, as pluggy requires. `run` is the run that calls the hook."""

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
        """Before an update; `step` counts updates from 0, over all epochs.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_start(step, batch):
            ...     print(f"batch {step}")
        """

    @hookspec
    def ostinato_after_backward(self, run: Any, step: int, grads: Any) -> None:
        """After the backward pass of a batch: its gradients, before clipping; may change them in place.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_after_backward(grads):
            ...     grads.arena[:] *= 0.5
        """

    @hookspec
    def ostinato_batch_end(self, run: Any, step: int, metrics: Mapping[str, float]) -> None:
        """After the update of a batch; `metrics` holds its measurements, such as "loss".

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_batch_end(step, metrics):
            ...     print(f"batch {step}: {metrics['loss']:.3f}")
        """

    @hookspec
    def ostinato_epoch_end(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> None:
        """After the last batch of an epoch and its validation; `metrics` holds the measurements.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_epoch_end(epoch, metrics):
            ...     print(f"epoch {epoch}: {metrics['loss']:.3f}")
        """

    @hookspec(firstresult=True)
    def ostinato_should_stop(self, run: Any, epoch: int, metrics: Mapping[str, float]) -> bool | None:
        """After an epoch: True ends the run, None leaves the decision to the next plugin.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_should_stop(metrics):
            ...     return True if metrics["loss"] < 0.01 else None
        """
        return None

    @hookspec(firstresult=True)
    def ostinato_train_step(self, run: Any, step: int, batch: Any) -> Any:
        """One training step: the run itself implements this hook, and plugins may wrap it.

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
        """The plugin's state: a dict of plain values and arrays, or None.

        It is for checkpoints, and for an error, which returns the run to its last whole update or epoch. So
        it may be called after each of them, and has no other effect.

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
        """Before a run resumes, and after an error: `state` is what this plugin's `ostinato_save` returned.

        Example:
            >>> from ostinato import hookimpl
            >>> seen = {"batches": 0}
            >>> @hookimpl
            ... def ostinato_load(state):
            ...     seen.update(state)
        """

    @hookspec
    def ostinato_run_end(self, run: Any) -> None:
        """After a run that ended without an error, early or not.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_end():
            ...     print("done")
        """

    @hookspec
    def ostinato_run_error(self, run: Any, error: BaseException) -> None:
        """When a run ends with an error. An implementation cannot suppress or replace the error.

        Example:
            >>> from ostinato import hookimpl
            >>> @hookimpl
            ... def ostinato_run_error(error):
            ...     print(f"it ended with {type(error).__name__}")
        """
