"""The interface of estimators to the computation: the network with its loss, or a script in tests."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from numpy.typing import NDArray

from ostinato.decoding import Decoded
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
    """A network with its loss. One call is one call of the engine, or two where predictions are fed."""

    @property
    def net(self) -> Any:
        """The network, an `ostinato.Network`.

        An estimator may read its parameters, and write them during `estimate` if it sets them back.
        """

    def run(self, batch: Batch, training: bool = True) -> Any:
        """The outputs for a batch: `Network.run` of `fed(batch)`, whose result has `outputs` and `backward`.

        The noise is that of `batch.seed`. Raises the errors of `fed`.
        """

    def stream(self, rows: int | None = None, **options: Any) -> Any:
        """The network step by step, `Network.stream(rows, ...)`: for what the network writes itself."""

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Slopes]:
        """The loss over `batch` and its gradients; `through_time` as in `Network.value_and_grad`.

        It is the loss of `fed(batch)`. Raises the errors of `fed`.
        """

    def part_and_grad(self, batch: Batch, rows: slice, through_time: Any = None) -> tuple[float, Slopes]:
        """The part that some neighboring rows have in `value_and_grad` of the whole batch, and its gradients.

        The parts of all rows add up to the whole, up to rounding: a mean is divided by the count of the whole
        batch, the noise is that of these rows in it, and the part with row 0 has the penalties on parameters.
        `final_state` has these rows alone. rows: slice(first, last). Of a batch without rows, each part is
        the whole.
        """

    def sum_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Slopes]:
        """The same, summed instead of averaged, so `batch.weights` may be negative; without regularizers.

        Dropout and other noise are off, as in `decode`, and there are no penalties. With the loss
        "cross_entropy", the value is minus the weighted log-probability of the targets, of which `decode`
        reports the same numbers.
        """

    def fed(self, batch: Batch) -> Batch:
        """The batch that the network is run on: where `batch.truth` is False, it is fed its own prediction.

        The first id of a row is always that of x; at step t, the prediction is that of step t-1. It is chosen
        by `batch.sample`, and its address is (seed, place of the row, step), so other rows do not change it.
        The result has no truth. Nothing is predicted where the truth is fed anyway.

        Raises ConfigError for a network that cannot be fed its output, and for a batch with a mask, resets or
        a state; ShapeError and DTypeError for `truth` of another shape or kind.
        """

    def decode(self, batch: Batch, **options: Any) -> Decoded:
        """What the network writes for each row when it is fed its own output: `Network.decode`.

        Each row begins with the first id of its x. `options` are those of `Network.decode` except x, begin
        and lengths, which the batch has; row_ids are the places of the rows. Raises ConfigError for a network
        that cannot be fed its output, for a batch with a mask, resets or a state, and for a row without a
        step, which has no first id; and the errors of `Network.decode`.
        """
