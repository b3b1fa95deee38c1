"""`Trackio`: a run of Trackio."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato_track.service import ServiceTracker


class Trackio(ServiceTracker):
    """Logs to Trackio: `Trainer(..., callbacks=[Trackio("project")])`; needs `trackio`.

    Args:
        project: `trackio show --project` shows it.
        run_name: the name of a new run; None lets Trackio choose.
        space: the Space of Hugging Face to log to, or None for files on this machine.
        update_every: updates between two points of `update/...`; 0 logs none.
        config: values by name, in addition to the optimizer and the seed.
    """

    name: ClassVar[str] = "trackio"
    package: ClassVar[str] = "trackio"

    def __init__(
        self,
        project: str = "ostinato",
        *,
        run_name: str | None = None,
        space: str | None = None,
        update_every: int = 10,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(update_every, config)
        self.project, self.run_name, self.space = project, run_name, space

    def _open(self, run_id: str, config: Mapping[str, Any]) -> str:
        # A run is known by its name.
        self._run = self._library.init(
            self.project,
            name=run_id or self.run_name,
            space_id=self.space,
            config=dict(config),
            resume="allow" if run_id else "never",
            embed=False,
            auto_log_gpu=False,
            auto_log_cpu=False,
        )
        return str(self._run.name)

    def _log(self, values: Mapping[str, float], step: int) -> None:
        self._run.log(dict(values), step=step)

    def _close(self, has_error: bool) -> None:
        self._run.finish()
