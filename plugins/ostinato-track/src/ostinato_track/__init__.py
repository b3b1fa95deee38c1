"""Trackers for ostinato, one service per file; `service.py` has what they share."""

from __future__ import annotations

from ostinato_track.mlflow import MLflow
from ostinato_track.trackio import Trackio
from ostinato_track.wandb import WandB

__all__ = ["MLflow", "Trackio", "WandB"]
