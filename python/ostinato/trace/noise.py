"""The noise of regularizers and cells: drawn in training, its expectation in inference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias, cast

from ostinato import ops
from ostinato.errors import ConfigError, shown
from ostinato.ops import Value
from ostinato.trace.recorder import Recorder
from ostinato.trace.value import Traced

Per: TypeAlias = Literal["step", "sequence", "weights"]
"""How often numbers are drawn: for each row and step; for each row; once per call."""

# The numbers of the core's op, by how often they are drawn.
_PER: Final[dict[str, int]] = {"step": 0, "sequence": 1, "weights": 2}

# Uniform numbers are multiples of this; a rate that is one too has the same effect in float32 and float64.
_GRID: Final = 2.0**-24


class Noise:
    """Noise of one step program. Two calls never use the same numbers.

    `training` says which of its two programs is being traced; `states` and `matrices` are the names of the
    cell's states and parameter matrices. `groups` are the names of the matrices by their operand: "recurrent"
    a state, "input" a value of the input alone, "output" a value that depends on the state. All are in the
    order in which the cell declares them, so that a loop over them always makes the same program.
    """

    def __init__(
        self,
        recorder: Recorder | None,
        training: bool,
        states: Sequence[str],
        matrices: Sequence[str],
        groups: Mapping[str, tuple[str, ...]],
    ) -> None:
        """Draw into the program that `recorder` builds; without one, outside of programs, not at all."""
        self.training = training
        self.states = tuple(states)
        self.matrices = tuple(matrices)
        self.groups = dict(groups)
        self._recorder = recorder
        self._streams = 0

    @property
    def recurrent(self) -> tuple[str, ...]:
        """The matrices that multiply a state."""
        return self.groups["recurrent"]

    def uniform(self, shape: Sequence[int], per: Per = "step") -> Value:
        """Numbers in [0, 1) of this shape, multiples of 2^-24. `per="weights"` depends on no row.

        Raises ConfigError for an unknown `per`, and in inference, where nothing is random.
        """
        if per not in _PER:
            raise ConfigError(f"per is {shown(per)}; expected one of {', '.join(_PER)}")
        if not self.training or self._recorder is None:
            raise ConfigError(
                "noise.uniform in inference (noise.normal draws with it); check noise.training, or use "
                "noise.drop or noise.mix"
            )
        attrs = {"stream": self._streams, "per": _PER[per], "shape": tuple(shape)}
        self._streams += 1
        node, made, _ = self._recorder.add("noise", [], attrs)
        drawn: Any = Traced(self._recorder, node, made)
        return cast(Value, drawn)

    def normal(self, shape: Sequence[int], per: Per = "step") -> Value:
        """Numbers of mean 0 and variance 1, at most 5.8 from 0. `per` and errors as of `uniform`.

        Source: Box and Muller 1958, "A note on the generation of random normal deviates".
        """
        # 1 - u is in (0, 1], so its logarithm is finite
        radius = ops.sqrt(-2 * ops.log(1 - self.uniform(shape, per)))
        return radius * ops.cos(2 * math.pi * self.uniform(shape, per))

    def drop(self, value: Value, rate: float, per: Per = "step") -> Value:
        """`value` with each element 0 with probability `rate` below 1, else divided by 1 - rate.

        The expectation is `value`, which is the result in inference.
        """
        rate = round(rate / _GRID) * _GRID
        if rate == 0.0 or not self.training:
            return value
        return value * ops.where(self.uniform(value.shape, per) < rate, 0.0, 1.0 / (1.0 - rate))

    def mix(self, rate: float, a: Value, b: Value, per: Per = "step") -> Value:
        """Each element of `a` with probability `rate`, else that of `b`; in inference the expectation."""
        rate = round(rate / _GRID) * _GRID
        if rate == 0.0:
            return b
        if not self.training:
            return rate * a + (1.0 - rate) * b
        return ops.where(self.uniform(b.shape, per) < rate, a, b)
