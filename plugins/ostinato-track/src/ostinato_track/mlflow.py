"""`MLflow`: a run of MLflow."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping
from typing import Any, ClassVar

from ostinato_track.service import ServiceTracker


class MLflow(ServiceTracker):
    """Logs to MLflow: `Trainer(..., callbacks=[MLflow("experiment")])`; needs `mlflow` or `mlflow-skinny`.

    Args:
        experiment: its name; it is made.
        run_name: a name to show; None lets MLflow choose.
        tracking_uri: of a server, of a database, such as "sqlite:///mlflow.db" (with the package mlflow), or
            None for the setting of MLflow.
        update_every: updates between two points of `update/...`; 0 logs none.
        config: values by name, in addition to the optimizer and the seed.
    """

    name: ClassVar[str] = "mlflow"
    package: ClassVar[str] = "mlflow"

    def __init__(
        self,
        experiment: str = "ostinato",
        *,
        run_name: str | None = None,
        tracking_uri: str | None = None,
        update_every: int = 10,
        config: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(update_every, config)
        self.experiment, self.run_name, self.tracking_uri = experiment, run_name, tracking_uri

    def _open(self, run_id: str, config: Mapping[str, Any]) -> str:
        # A client of its own: the functions of mlflow share one active run in a process.
        self._client = self._library.MlflowClient(self.tracking_uri)
        if run_id:
            self._client.update_run(run_id, status="RUNNING")
            self._run_id = run_id
            return run_id
        found = self._client.get_experiment_by_name(self.experiment)
        experiment = found.experiment_id if found else self._client.create_experiment(self.experiment)
        self._run_id = str(self._client.create_run(experiment, run_name=self.run_name).info.run_id)
        try:
            for name, value in config.items():
                self._client.log_param(self._run_id, name, value)
        except Exception:
            # The tracker gives up, so this run would stay open.
            with contextlib.suppress(Exception):  # the first error says more
                self._close(has_error=True)
            raise
        return self._run_id

    def _log(self, values: Mapping[str, float], step: int) -> None:
        now = int(time.time() * 1000)
        metric = self._library.entities.Metric
        self._client.log_batch(
            self._run_id, metrics=[metric(name, value, now, step) for name, value in values.items()]
        )

    def _close(self, has_error: bool) -> None:
        self._client.set_terminated(self._run_id, "FAILED" if has_error else "FINISHED")
