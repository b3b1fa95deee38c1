"""Optimizers as equations, one per file, and clipping; they change parameters, or a whole arena, in place.

Every `Optimizer` defined in a file of this folder is registered under its `name`. `optimizer.py` is the base
class, `arrays.py` reads the arrays of a step, `groups.py` options by name, `engine.py` runs equations in the
core. May use: _core, trace, ops, checks, errors.
"""

from __future__ import annotations

from ostinato.optimizers.adagrad import Adagrad
from ostinato.optimizers.adam import Adam
from ostinato.optimizers.adamw import AdamW
from ostinato.optimizers.clip import clip_norm
from ostinato.optimizers.optimizer import Optimizer
from ostinato.optimizers.rmsprop import RMSprop
from ostinato.optimizers.sgd import SGD

__all__ = ["SGD", "Adagrad", "Adam", "AdamW", "Optimizer", "RMSprop", "clip_norm"]
