"""What all trackers of a service do, with a service in memory."""

from __future__ import annotations

import copy
import sys
import warnings
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from ostinato_track import MLflow, Trackio, WandB
from ostinato_track.service import ServiceTracker

import ostinato as ost

X = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")


class Memory(ServiceTracker):
    """A service that holds its runs; it fails where `broken` says so."""

    name = "memory"
    package = "json"
    runs: dict[str, list[Any]]

    def __init__(self, broken: str = "", *, update_every: int = 1, config: Any = None) -> None:
        super().__init__(update_every, config)
        self.broken, self.runs = broken, {}

    def _maybe(self, where: str) -> None:
        if where == self.broken:
            self.runs.setdefault("tries", []).append(where)
            raise ConnectionError("no network")

    def _open(self, run_id: str, config: Any) -> str:
        self._maybe("open")
        self.now = run_id or f"run {len(self.runs)}"
        self.runs.setdefault(self.now, []).append(("open", dict(config)))
        return self.now

    def _log(self, values: Any, step: int) -> None:
        self._maybe("log")
        self.runs[self.now].append((step, dict(values)))

    def _close(self, has_error: bool) -> None:
        self._maybe("close")
        self.runs[self.now].append(("close", has_error))


def trainer(*callbacks: Any) -> ost.Trainer:
    return ost.Trainer(ost.GRU(2, 2), loss="mse", optimizer=ost.SGD(0.1), callbacks=callbacks)


def test_points_of_updates_and_epochs_and_the_configuration():
    memory = Memory(update_every=2, config={"units": 2})
    made = trainer(memory)
    made.fit(X, X, epochs=2, batch_size=4, progress=False)
    (start, *points, close) = memory.runs["run 0"]
    assert start[1]["units"] == 2 and start[1]["optimizer"] == "sgd" and start[1]["lr"] == 0.1
    assert [(step, sorted(values)[0].split("/")[0]) for step, values in points] == [
        (0, "update"),
        (1, "epoch"),
        (2, "update"),
        (3, "epoch"),
    ]
    assert [values["epoch/loss"] for _, values in points if "epoch/loss" in values] == made.history["loss"]
    assert close == ("close", False)


def test_options_of_the_optimizer_that_are_not_one_number_are_texts():
    memory = Memory()
    net = ost.GRU(2, 2)
    ost.Trainer(net, loss="mse", optimizer=ost.Adam(0.1, betas=(0.5, 0.75)), callbacks=[memory]).fit(
        X, X, epochs=1, progress=False
    )
    ((_, config), *_) = memory.runs["run 0"]
    assert config["betas"] == "(0.5, 0.75)" and config["lr"] == 0.1 and "groups" not in config


class Client:
    """A client of MLflow in memory, which fails at the second parameter."""

    statuses: ClassVar[list[str]] = []

    def __init__(self, uri: str | None) -> None:
        self.params: list[str] = []

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return "1"

    def create_run(self, experiment: str, run_name: str | None) -> Any:
        self.statuses.append("RUNNING")
        return SimpleNamespace(info=SimpleNamespace(run_id="r"))

    def log_param(self, run: str, name: str, value: Any) -> None:
        if self.params:
            raise ConnectionError("no network")
        self.params.append(name)

    def set_terminated(self, run: str, status: str) -> None:
        self.statuses.append(status)


def test_a_run_of_mlflow_whose_parameters_fail_is_ended(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", SimpleNamespace(MlflowClient=Client))
    monkeypatch.setattr(Client, "statuses", [])
    with pytest.warns(RuntimeWarning, match="no network.*the training continues"):
        trainer(MLflow("e")).fit(X, X, epochs=2, progress=False)
    assert Client.statuses == ["RUNNING", "FAILED"]


def test_a_resumed_training_and_a_further_fit_append_to_the_run(tmp_path):
    memory = Memory()
    made = trainer(memory, ost.Checkpoints(tmp_path / "c"))
    made.fit(X, X, epochs=1, progress=False)
    made.fit(X, X, epochs=1, progress=False)
    assert list(memory.runs) == ["run 0"]
    other = Memory()
    other.runs = memory.runs
    trainer(other).fit(X, X, epochs=3, progress=False, resume=tmp_path / "c")
    assert list(memory.runs) == ["run 0"]
    assert [step for step, _ in memory.runs["run 0"] if isinstance(step, int)] == [0, 0, 1, 1, 2, 2, 3, 3]
    trainer(other).fit(X, X, epochs=1, progress=False)
    assert list(memory.runs) == ["run 0", "run 1"]


@pytest.mark.parametrize("where", ["open", "log", "close"])
def test_a_service_that_fails_is_one_warning_and_one_try(where):
    memory = Memory(where)
    made, plain = trainer(memory), trainer()
    with pytest.warns(RuntimeWarning, match="no network.*the training continues") as caught:
        made.fit(X, X, epochs=3, batch_size=4, progress=False)
    plain.fit(X, X, epochs=3, batch_size=4, progress=False)
    assert len(caught) == 1 and memory.runs["tries"] == [where]
    assert np.array_equal(made.net.arena, plain.net.arena) and len(made.history) == 3


def test_an_error_of_the_training_closes_the_run_with_its_mark():
    class Fails:
        @ost.hookimpl
        def ostinato_epoch_end(self, epoch):
            if epoch == 1:
                raise RuntimeError("broken")

    memory = Memory()
    with pytest.raises(ost.PluginError):
        trainer(memory, Fails()).fit(X, X, epochs=3, progress=False)
    assert memory.runs["run 0"][-1] == ("close", True)


def test_a_process_that_is_not_the_chief_logs_nothing():
    memory = Memory()
    made = trainer(memory)
    made.run.chief = False
    memory.begin(made.run)
    memory.ostinato_batch_end(run=made.run, step=0, metrics={"loss": 1.0})
    memory.ostinato_epoch_end(run=made.run, epoch=0, metrics={"loss": 1.0})
    assert memory.runs == {}


def test_no_run_is_opened_without_an_update():
    memory = Memory()
    with pytest.raises(ost.OstinatoError):
        trainer(memory).fit(X, X[:, :, :1], epochs=1, progress=False)
    assert memory.runs == {}


def test_a_copy_makes_a_run_of_its_own():
    memory = Memory(update_every=3)
    trainer(memory).fit(X, X, epochs=1, progress=False)
    other = copy.deepcopy(memory)
    assert other.update_every == 3 and other.ostinato_save() == {"id": ""}


def test_what_cannot_be_honored_is_refused(monkeypatch):
    for wrong in (-1, True, 1.5):
        with pytest.raises(ost.ConfigError, match="update_every"):
            Memory(update_every=wrong)
    with pytest.raises(ost.ConfigError, match="config"):
        Memory(config=3)
    for one in (WandB, Trackio, MLflow):
        monkeypatch.setitem(__import__("sys").modules, one.package, None)
        with pytest.raises(ost.ConfigError, match=rf"pip install 'ostinato-track\[{one.package}\]'"):
            one()


def test_the_warnings_of_a_good_run_are_none():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        trainer(Memory()).fit(X, X, epochs=1, progress=False)
