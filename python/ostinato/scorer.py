"""The base class for authors of attention scorers: `Scorer`."""

from __future__ import annotations

from typing import ClassVar

from ostinato.cell import Param
from ostinato.dims import Dim
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.options import Configured


class Scorer(Configured):
    """The score of a query and a key: one number, or one per head, in the step language.

    Derive from this class and write `parameters` and `step`; options are keyword arguments of `__init__`,
    stored as attributes. `size` has the Dims `query` and `key`, and those that `sizes` adds. `Attention`
    computes the softmax of the scores over the keys of a row.

    To read the weights of the previous query, set `past` to r: `place.past` then holds the weights of the 2r
    + 1 keys around the current one. The registry name is the class attribute `name`, by default the class's
    name in lower case.
    """

    kind: ClassVar[str] = "scorer"
    past: int = 0

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return further named sizes, in addition to query and key; none by default."""
        return {}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return the parameters by name; none by default."""
        return {}

    def step(self, query: Value, key: Value, p: Names[Value], place: Names[Value]) -> Value:
        """Return the score () of query (query,) and key (key,), or the scores (heads,).

        `place.position` is the index of the key in its row, from 0. `place.length` is the number of keys of
        the row. If `past` is r > 0, `place.past` (2r + 1,) holds the weights that the previous query gave to
        the keys from r before this one to r after it (0 beyond the ends, and for the first query).
        """
        raise ConfigError(
            f"scorer {shown(self.name)} has no step; write step(self, query, key, p, place) -> score"
        )
