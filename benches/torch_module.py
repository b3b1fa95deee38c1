"""Cells in a training loop of PyTorch: `python benches/torch_module.py [--seconds 3] [--threads 1]`.

Each cell is a part of a model of PyTorch (the layer, then torch.nn.Linear, mean squared error, backward pass,
Adam) in three forms: as `ostinato.torch.Module`; as a loop over steps in PyTorch with the input products
outside the loop, or PyTorch's fused layer where it has one; and, for the cost of the border between the two,
the loss and gradient of the layer without PyTorch. T=100, N=32, I=H=128, float32.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

os.environ.setdefault("GOMP_SPINCOUNT", "10000")

import torch
from cases import FUSED_THERE, USER_SHAPE, WRITTEN_BY_USERS, Case
from timing import alternate
from torch_rival import Rival

import ostinato as ost
from ostinato.torch import Module

CELLS = (*WRITTEN_BY_USERS, *FUSED_THERE)


def updates(layer: torch.nn.Module, case: Case) -> Callable[[], object]:
    """An update of the layer with a linear one behind it."""
    hidden = case.shape[2]
    torch.manual_seed(0)
    head = torch.nn.Linear(hidden, hidden)
    parameters = [*layer.parameters(), *head.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=0.0, fused=True)
    x, target = torch.from_numpy(case.x), torch.from_numpy(case.target)

    def update() -> float:
        found = layer(x)
        outputs = found[0] if isinstance(found, tuple) else found
        loss = torch.nn.functional.mse_loss(head(outputs), target)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        return loss.item()

    return update


def compare(kind: str, seconds: float, threads: int) -> None:
    """Prints one cell."""
    case = Case.make(kind, USER_SHAPE)
    rival = Rival(
        kind, case.params, case.x, case.target, torch.float32, program=case.program, states=case.states
    )
    ours, theirs = updates(Module(case.network), case), updates(rival.module, case)
    first, second = ours(), theirs()
    assert abs(first - second) <= 1e-4 * abs(second), (kind, first, second)  # float32 over 100 steps
    found = alternate(ours, theirs, seconds)
    alone = Case.make(kind, USER_SHAPE)

    def without() -> float:
        return alone.network.value_and_grad(alone.x, alone.target, loss="mse", input_gradient=False)[0]

    border = alternate(without, ours, seconds)
    rivals = "fused layer" if kind in FUSED_THERE else "loop"
    print(
        f"{kind}, {threads} threads: Module {found.ours * 1e3:.2f} ms, PyTorch's {rivals} "
        f"{found.theirs * 1e3:.2f} ms, {found.ratio:.2f}x ({found.low:.2f} to {found.high:.2f}); "
        f"value_and_grad alone {border.ours * 1e3:.2f} ms",
        flush=True,
    )


def main() -> None:
    """Runs all cells."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    ost.set_num_threads(arguments.threads)
    for kind in CELLS:
        compare(kind, arguments.seconds, arguments.threads)


if __name__ == "__main__":
    main()
