"""The network with its loss, as estimators use it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ostinato.errors import ConfigError
from ostinato.network import Gradients, Network
from ostinato.network.objective import Objective
from ostinato.strategy import Batch


class NetworkCore:
    """A `Core` of this process: each call is one `value_and_grad` of the network.

    objective: the traced loss; of a network with several outputs a dict by output.
    """

    def __init__(self, net: Network, objective: Objective | Mapping[str, Objective]) -> None:
        self.net = net
        self.objective = objective

    def value_and_grad(self, batch: Batch, through_time: Any = None) -> tuple[float, Gradients]:
        """The loss over `batch` and its gradients, without the gradient of `batch.x`.

        Raises ShapeError, DTypeError, ConfigError.
        """
        if batch.truth is not None:
            raise ConfigError(
                "feeding replaces x by predictions, but this network does not read its own "
                "output; use feeding 'teacher_forcing'"
            )
        return self.net.value_and_grad(
            batch.x,
            batch.targets,
            loss=self.objective,
            lengths=batch.lengths,
            mask=batch.mask,
            state=batch.state,
            resets=batch.resets,
            weights=batch.weights,
            through_time=through_time,
            seed=batch.seed,
            input_gradient=False,
        )
