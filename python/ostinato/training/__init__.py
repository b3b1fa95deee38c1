"""Training: one loop, and its parts.

`trainer.py` is the loop and `train_step.py` one update. The other files have one noun each: `form.py` reads
data as a network takes it, `source.py` makes batches of it, `terms.py` has the loss and the metrics of each
output, `measure.py` computes them, `choices.py` reads the trainer's other arguments, `run.py`
is the argument of hooks, `checkpoint.py` the file of a run. `early_stopping.py`, `pruning.py`,
`checkpoints.py` and `progress.py` are plugins of a run like any other. Strategies, schedules and metrics have
separate folders.
"""

from ostinato.training.checkpoints import Checkpoints
from ostinato.training.early_stopping import EarlyStopping
from ostinato.training.history import History
from ostinato.training.progress import Progress
from ostinato.training.pruning import Pruning
from ostinato.training.run import TrainingRun
from ostinato.training.trainer import Trainer

__all__ = ["Checkpoints", "EarlyStopping", "History", "Progress", "Pruning", "Trainer", "TrainingRun"]
