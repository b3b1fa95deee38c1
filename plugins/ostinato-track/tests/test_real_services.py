"""The real libraries, without a network: what was logged can be read back. Skipped where they are missing."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ostinato_track import MLflow, Trackio, WandB

import ostinato as ost

X = np.random.default_rng(0).normal(size=(8, 5, 2)).astype("float32")
REASON = "is large and not installed; pip install 'ostinato-track[wandb,trackio,mlflow]'"
# The libraries warn of their own affairs.
pytestmark = pytest.mark.filterwarnings("default")


def resumed(make: Any, folder: Path) -> ost.Trainer:
    """Two epochs, and two more of a training that resumes."""
    first = ost.Trainer(ost.GRU(2, 2), loss="mse", callbacks=[make(), ost.Checkpoints(folder / "c")])
    first.fit(X, X, epochs=2, progress=False)
    again = ost.Trainer(ost.GRU(2, 2), loss="mse", callbacks=[make()])
    again.fit(X, X, epochs=4, progress=False, resume=folder / "c")
    return again


def test_mlflow(tmp_path, monkeypatch):
    mlflow = pytest.importorskip("mlflow", reason=f"mlflow {REASON}")
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    uri = (tmp_path / "runs").as_uri()
    trained = resumed(lambda: MLflow("sums", tracking_uri=uri, update_every=1, config={"units": 2}), tmp_path)
    client = mlflow.MlflowClient(uri)
    experiment = client.get_experiment_by_name("sums")
    (run,) = client.search_runs([experiment.experiment_id])
    points = client.get_metric_history(run.info.run_id, "epoch/loss")
    assert [(one.step, one.value) for one in points] == list(enumerate(trained.history["loss"]))
    assert run.data.params["units"] == "2" and run.info.status == "FINISHED"


def test_trackio(tmp_path, monkeypatch):
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason=f"trackio {REASON}")
    trained = resumed(lambda: Trackio("sums", update_every=1), tmp_path)
    with contextlib.closing(sqlite3.connect(tmp_path / "trackio" / "sums.db")) as base:
        rows = base.execute("select run_id, step, metrics from metrics order by id").fetchall()
    assert len({run for run, _, _ in rows}) == 1
    points = [(step, json.loads(text)) for _, step, text in rows]
    found = [(step, values["epoch/loss"]) for step, values in points if "epoch/loss" in values]
    assert found == list(enumerate(trained.history["loss"]))


def test_wandb_offline(tmp_path, monkeypatch):
    pytest.importorskip("wandb", reason=f"wandb {REASON}")
    monkeypatch.setenv("WANDB_SILENT", "true")
    resumed(lambda: WandB("sums", mode="offline", folder=str(tmp_path)), tmp_path)
    # Each part is a folder; both have the id of one run, to which `wandb sync` sends them.
    ids = [one.name.rpartition("-")[2] for one in (tmp_path / "wandb").glob("offline-run-*")]
    assert len(ids) == 2 and len(set(ids)) == 1
    # A process of wandb writes the files, and may be a moment behind.
    files = list((tmp_path / "wandb").glob("offline-run-*/*.wandb"))
    end = time.monotonic() + 30
    while not all(b"epoch/loss" in one.read_bytes() for one in files) and time.monotonic() < end:
        time.sleep(0.1)
    assert [b"epoch/loss" in one.read_bytes() for one in files] == [True, True]
