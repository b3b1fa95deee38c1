"""Trackers: callbacks that write what a run measures to files, or pass it to other programs."""

from ostinato.tracking.csv_log import CSVLog
from ostinato.tracking.tensorboard import TensorBoard
from ostinato.tracking.tracker import Tracker

__all__ = ["CSVLog", "TensorBoard", "Tracker"]
