"""The interface of estimators to the computation: the network with its loss, or a script in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from ostinato.strategy.batch import Batch


class Slopes(Protocol):
    """Gradients of one batch, as in `ostinato.Gradients`.

    `arena` has the layout of the network's own and may be changed in place; `final_state` is the state after
    the last valid steps, which the next batch may carry over; `penalty` is the part of the loss that
    regularizers added. A network with several outputs needs `losses` too, the part of each output by name.
    """

    @property
    def arena(self) -> NDArray[Any]:
        """All gradients of parameters, 1-D."""

    @property
    def params(self) -> Mapping[str, NDArray[Any]]:
        """Name -> view into `arena`."""

    @property
    def penalty(self) -> float:
        """0 if there is none."""

    @property
    def final_state(self) -> Mapping[str, NDArray[Any]]:
        """Name -> (layers * directions, N, size)."""


class Core(Protocol):
    """A network with its loss. One call is one call of the engine."""

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Slopes]:
        """The loss over `batch` and its gradients; `through_time` as in `Network.value_and_grad`.

        Raises ConfigError for a `batch.truth` that the network does not support.
        """
