"""What an author of an attention scorer writes with: `Scorer`."""

from __future__ import annotations

from typing import ClassVar

from ostinato.cell import Param
from ostinato.dims import Dim
from ostinato.errors import ConfigError
from ostinato.namespace import Names
from ostinato.ops.table import Value
from ostinato.options import Configured


class Scorer(Configured):
    """How well a query fits a key: one number, or one per head, in the step language.

    Derive from it and write `parameters` and `step`; options are keyword arguments of `__init__`, kept as
    attributes. `size` has the Dims `query` and `key`, and those that `sizes` adds. The softmax over the keys
    of a row is not the scorer's: it is taken over its scores.

    A scorer that looks at the weights of the query before sets `past` to r: it then sees those of the 2r + 1
    keys around its own. The registry name is the class attribute `name`, by default the class's name in lower
    case.
    """

    kind: ClassVar[str] = "scorer"
    past: int = 0

    def sizes(self, size: Names[Dim]) -> dict[str, int]:
        """Return more named sizes than query and key; none by default."""
        return {}

    def parameters(self, size: Names[Dim]) -> dict[str, Param]:
        """Return the parameters by name; none by default."""
        return {}

    def step(self, query: Value, key: Value, p: Names[Value], place: Names[Value]) -> Value:
        """Return the score () of query (query,) and key (key,), or the scores (heads,).

        `place` has numbers: `place.position` of the key, 0 for the first; `place.length`, how many keys the
        row has; and, where `past` is r > 0, `place.past` (2r + 1,), the weights that the query before gave to
        the keys from r before this one to r after it (0 beyond the ends, and for the first query).
        """
        raise ConfigError(
            f"scorer {self.name!r} has no step; write step(self, query, key, p, place) -> score"
        )
