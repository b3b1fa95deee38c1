"""Training: one loop, and what it is composed of.

`trainer.py` is the loop and `train_step.py` one update; both can be read in one sitting. Beside them one noun
a file: `source.py` makes batches of data, `measure.py` loss and metrics of them, `choices.py` reads the
trainer's arguments, `run.py` is what hooks are given, `checkpoint.py` its record. `early_stopping.py`,
`checkpoints.py` and `progress.py` are plugins of a run like anybody's. Strategies, schedules and metrics live
in rooms of their own.
"""

from ostinato.training.checkpoints import Checkpoints
from ostinato.training.early_stopping import EarlyStopping
from ostinato.training.history import History
from ostinato.training.progress import Progress
from ostinato.training.run import TrainingRun
from ostinato.training.trainer import Trainer

__all__ = ["Checkpoints", "EarlyStopping", "History", "Progress", "Trainer", "TrainingRun"]
