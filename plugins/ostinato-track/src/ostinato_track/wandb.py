"""`WandB`: a run of Weights & Biases."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato_track.service import ServiceTracker


class WandB(ServiceTracker):
    """Logs to Weights & Biases: `Trainer(..., callbacks=[WandB("project")])`; needs `wandb`.

    Args:
        project: of the service.
        run_name: a name to show; None lets the service choose.
        mode: "online", "offline" (a folder that `wandb sync` sends later), or None for the setting of wandb.
        folder: for the files of wandb; None is its default, `./wandb`.
        update_every: updates between two points of `update/...`; 0 logs none.
        config: values by name, in addition to the optimizer and the seed.
    """

    name: ClassVar[str] = "wandb"
    package: ClassVar[str] = "wandb"

    def __init__(
        self,
        project: str = "ostinato",
        *,
        run_name: str | None = None,
        mode: str | None = None,
        folder: str | None = None,
        update_every: int = 10,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(update_every, config)
        self.project, self.run_name, self.mode, self.folder = project, run_name, mode, folder

    def _open(self, run_id: str, config: Mapping[str, Any]) -> str:
        self._run = self._library.init(
            project=self.project,
            name=self.run_name,
            mode=self.mode,
            dir=self.folder,
            config=dict(config),
            id=run_id or None,
            resume="allow",
            reinit="create_new",
        )
        # An axis of its own, because the steps of W&B cannot return to the place where a training resumes.
        self._run.define_metric("*", step_metric="update")
        return str(self._run.id)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log({**values, "update": step})

    def _close(self, has_error: bool) -> None:
        self._run.finish(exit_code=int(has_error))
