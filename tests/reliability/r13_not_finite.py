"""R13: a NaN or an infinity is named in the update that meets it."""

from __future__ import annotations

import statistics
import time
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.training.finite import check_parameters
from tests.reliability.row import Row
from tests.training.tasks import network, ragged_lengths, running_sum

VALUES = (np.nan, np.inf, -np.inf)
DEAREST = 0.01  # of an update


class Spoils:
    """Sets a gradient that is not finite after one update."""

    def __init__(self, name: str, value: float) -> None:
        self.name, self.value = name, value

    @ost.hookimpl
    def ostinato_after_backward(self, grads: Any) -> None:
        grads.params[self.name].flat[-1] = self.value


def refused(net: ost.Network, words: tuple[str, ...], callbacks: tuple[Any, ...] = (), **data: Any) -> str:
    """ "" if the first update names what is not finite and changes nothing, else what happened."""
    before = {name: view.tobytes() for name, view in net.parameters().items()}
    made = ost.Trainer(net, loss="mse", callbacks=callbacks, seed=1)
    try:
        made.fit(data.pop("x"), data.pop("y"), epochs=1, batch_size=10, **data)
    except ost.NonFiniteError as error:
        missing = [word for word in words if word not in str(error)]
        if missing:
            return f"{missing[0]!r} is not in {str(error)!r}"
        after = {name: view.tobytes() for name, view in net.parameters().items()}
        return "" if after == before and made.run.step == 0 else f"{words}: the network has changed"
    except Exception as error:
        return f"{words}: {type(error).__name__}: {error}"
    return f"{words}: trained on"


def places(long: bool) -> list[str]:
    """What is wrong of each place and value; "" for what was named."""
    x, y = running_sum()
    lengths, draw, said = ragged_lengths(), np.random.default_rng(13), []
    for value in VALUES:
        for _ in range(50 if long else 3):
            row = int(draw.integers(len(x)))
            step, column = int(draw.integers(lengths[row])), int(draw.integers(2))
            data = {"x": x.copy(), "y": y.copy(), "weights": np.ones(x.shape[:2]), "lengths": lengths}
            for name, shown in (("x", "x"), ("y", "targets"), ("weights", "weights")):
                if name == "weights" and value < 0:
                    continue  # refused as a negative weight
                spoiled = dict(data)
                spoiled[name] = data[name].copy()
                spoiled[name][(row, step, column)[: spoiled[name].ndim]] = value
                said.append(refused(network(), (shown, f"row {row}", f"step {step}"), **spoiled))
        for name in network().parameters():
            net = network()
            net.parameters()[name].flat[-1] = value
            said.append(refused(net, (name,), x=x, y=y))
            said.append(refused(network(), (name,), (Spoils(name, value),), x=x, y=y))
    return said


def cost() -> float:
    """The time of the check of the parameters as a share of that of an update, measured by turns.

    The gradients have no check of their own: their norm, which an update reports, is one.
    """
    net = ost.Sequential(ost.LSTM(128, 128), ost.Dense(128, 128))
    optimizer = ost.Adam()
    x = np.random.default_rng(0).normal(size=(32, 50, 128)).astype(np.float32)
    updates, checks = [], []
    for _ in range(20):
        started = time.perf_counter()
        _, gradients = net.value_and_grad(x, x, loss="mse")
        optimizer.step(net.arena, gradients.arena)
        middle = time.perf_counter()
        check_parameters(net, "", optimizer.lr)
        checks.append(time.perf_counter() - middle)
        updates.append(middle - started)
    return statistics.median(checks) / statistics.median(updates)


def measure(long: bool) -> Row:
    """Random places of input, target and weight; every parameter and every gradient."""
    said = places(long)
    wrong = [one for one in said if one]
    figure = f"{len(said):,} places: {len(wrong)} unnamed" + "".join(f"; {one}" for one in wrong[:1])
    holds = not wrong
    if long:
        share = cost()
        holds = holds and share <= DEAREST
        figure += f"; the check takes {share:.2%} of an update (LSTM of 128, 32 rows of 50 steps)"
    return Row(
        "R13", "NaN and inf are named in the update that meets them, and change nothing", figure, holds
    )
