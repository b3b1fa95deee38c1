"""A penalty on large weights."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

from ostinato.checks import number
from ostinato.errors import ConfigError, shown
from ostinato.namespace import Names
from ostinato.ops import Value, square, sum
from ostinato.regularizer import Regularizer
from ostinato.trace import Noise


class L2(Regularizer):
    """Adds `strength * ||W||^2` to the training loss, for each selected matrix; once per call.

    `strength` is a number for all matrices, or a mapping of groups or name patterns to numbers. The groups
    are "recurrent" (matrices that multiply a state: W_hh), "input" (matrices that multiply the input: W_xh)
    and "output" (other matrices: the projection of an LSTM). A pattern can also select biases, as in
    `{"recurrent": 1e-4, "bias_*": 1e-5}`. If several keys select a parameter, their terms are summed. The
    W_hy of a head is the weight of its own layer: `Dense(..., regularizers=[L2(1e-4)])`.

    The penalty is a term of the loss, so an adaptive optimizer scales its gradient. For decay that is
    independent of the gradient, use the optimizer's `decoupled_decay` (Loshchilov and Hutter 2019).
    """

    def __init__(self, strength: float | Mapping[str, float] = 1e-4) -> None:
        """Add `strength` >= 0 times the sum of squares."""
        rates = dict(strength) if isinstance(strength, Mapping) else {"strength": strength}
        for name, rate in rates.items():
            number("regularizer 'l2'", f"strength[{name!r}]", rate, at_least=0.0)
        self.strength = rates if isinstance(strength, Mapping) else float(strength)

    def penalty(self, params: Names[Value], noise: Noise) -> Value | None:
        """Return the sum over the selected parameters."""
        whole: Value | None = None
        for name, rate in self._rates(params, noise):
            squares = square(params[name])
            while squares.ndim:
                squares = sum(squares)
            term = rate * squares
            whole = term if whole is None else whole + term
        return whole

    def _rates(self, params: Names[Value], noise: Noise) -> list[tuple[str, float]]:
        """Each selected parameter, and its strength."""
        if isinstance(self.strength, float):
            return [(name, self.strength) for name in noise.matrices if self.strength]
        rates = []
        for key, rate in self.strength.items():
            meant = noise.groups.get(key, tuple(name for name in params if fnmatchcase(name, key)))
            if not meant:
                groups = ", ".join(
                    f"{group} ({', '.join(ones)})" for group, ones in noise.groups.items() if ones
                )
                raise ConfigError(
                    f"{shown(self)}: {shown(key)} means no parameter; the groups are {groups or 'empty'}, "
                    f"the parameters {', '.join(params)}"
                )
            rates += [(name, rate) for name in params if name in meant and rate]
        return rates
