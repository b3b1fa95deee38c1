"""Checkpoints during training."""

from __future__ import annotations

import os

from ostinato.checks import whole
from ostinato.errors import ConfigError
from ostinato.specs import hookimpl
from ostinato.training.run import TrainingRun


class Checkpoints:
    """Writes a checkpoint to `path` at intervals of epochs or updates, replacing the last one.

    The previous file stays until the new one is complete and on the disk. `fit(..., resume=path)` resumes
    from it. Give one of `every_epochs` and `every_steps`; with neither, every epoch.
    """

    def __init__(
        self, path: str | os.PathLike[str], *, every_epochs: int | None = None, every_steps: int | None = None
    ) -> None:
        if every_epochs is not None and every_steps is not None:
            raise ConfigError(
                "Checkpoints: every_epochs and every_steps are both given; expected one of them"
            )
        if every_epochs is None and every_steps is None:
            every_epochs = 1
        self.path = path
        for name, value in (("every_epochs", every_epochs), ("every_steps", every_steps)):
            if value is not None:
                whole("Checkpoints", name, value, at_least=1)
        self._epochs, self._steps = every_epochs, every_steps

    @hookimpl
    def ostinato_batch_end(self, run: TrainingRun, step: int) -> None:
        """Request a checkpoint after enough updates."""
        if self._steps and (step + 1) % self._steps == 0:
            run.save(self.path)

    @hookimpl
    def ostinato_epoch_end(self, run: TrainingRun, epoch: int) -> None:
        """Request a checkpoint after enough epochs."""
        if self._epochs and (epoch + 1) % self._epochs == 0:
            run.save(self.path)
