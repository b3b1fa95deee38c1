"""Scorers of attention, one per file: a score from a query and a key.

May use: scorer, cell (for Param), ops, checks. A new scorer is a new file here; its `name` registers it.
"""

from ostinato.scorers.additive import Additive
from ostinato.scorers.dot import Dot
from ostinato.scorers.multiplicative import Multiplicative
from ostinato.scorers.scaled_dot import ScaledDot

__all__ = ["Additive", "Dot", "Multiplicative", "ScaledDot"]
