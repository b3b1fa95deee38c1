"""Schedules, one a file: a number that changes in the course of training, such as the learning rate.

A schedule is any function `(start, when) -> value` of the initial value and a `Moment`.
Every `Schedule` defined in a file of this folder is registered under its `name`. May use: `strategy`, checks,
errors.
"""

from ostinato.schedules.cosine import Cosine
from ostinato.schedules.exponential import Exponential
from ostinato.schedules.plateau import Plateau
from ostinato.schedules.schedule import Schedule
from ostinato.schedules.step import Step
from ostinato.schedules.time_based import TimeBased
from ostinato.schedules.warm_up import WarmUp

__all__ = ["Cosine", "Exponential", "Plateau", "Schedule", "Step", "TimeBased", "WarmUp"]
