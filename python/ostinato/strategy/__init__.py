"""Strategies of training: one base class for each of the four roles, and their arguments.

A run has one of each: a `Curriculum` chooses the data, a `Feeding` the input at each step (truth or the
network's own prediction), an `Estimator` how a batch becomes a gradient, an `Execution` where the gradient is
computed. A strategy is called once per epoch or batch, never per time step; its arguments are plain data and
a `Core`, so a test may replace the core by a scripted one. The built-in strategies are in
`ostinato.strategies`.
"""

from ostinato.strategy.axes import Axes
from ostinato.strategy.batch import Batch
from ostinato.strategy.core import Core, Slopes
from ostinato.strategy.curriculum import Curriculum, Lesson
from ostinato.strategy.estimator import Estimator
from ostinato.strategy.execution import Execution
from ostinato.strategy.feeding import Feeding
from ostinato.strategy.moment import Moment
from ostinato.strategy.strategy import Strategy

__all__ = [
    "Axes",
    "Batch",
    "Core",
    "Curriculum",
    "Estimator",
    "Execution",
    "Feeding",
    "Lesson",
    "Moment",
    "Slopes",
    "Strategy",
]
