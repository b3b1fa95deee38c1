"""What a strategy of training is: one base for each of the four roles, and what they are given.

A run composes one of each: a `Curriculum` says which data, a `Feeding` what stands at each step (truth or the
network's own prediction), an `Estimator` how a batch becomes a gradient, an `Execution` where that is
computed. A strategy is asked once per epoch or batch, never per time step; it sees plain data and a `Core`,
so a test may put a scripted one in its place. The built-in strategies live in `ostinato.strategies`.
"""

from ostinato.strategy.batch import Batch
from ostinato.strategy.core import Core, Slopes
from ostinato.strategy.curriculum import Curriculum, Lesson
from ostinato.strategy.estimator import Estimator
from ostinato.strategy.execution import Execution
from ostinato.strategy.feeding import Feeding
from ostinato.strategy.moment import Moment
from ostinato.strategy.strategy import Strategy

__all__ = [
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
