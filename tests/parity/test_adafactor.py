"""The optimizer "adafactor" of ostinato-optimizers against `torch.optim.Adafactor`.

`make parity`; OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import numpy as np
import pytest

import ostinato as ost

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")
optimizers = pytest.importorskip("ostinato_optimizers", reason="make test installs the plugin")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# options here, and in PyTorch
CASES: list[tuple[dict[str, Any], dict[str, Any]]] = [
    ({"eps": (1e-10, 1e-3)}, {"eps": (1e-10, 1e-3)}),
    (
        {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d_max": 2.0, "decoupled_decay": 0.01},
        {"lr": 0.1, "beta2_decay": -0.5, "eps": (1e-3, 0.1), "d": 2.0, "weight_decay": 0.1},
    ),
    ({"lr": 0.5, "eps": (1e-10, 0.5), "d_max": 1.0}, {"lr": 0.5, "eps": (1e-10, 0.5), "d": 1.0}),
]


@pytest.mark.parametrize(("options", "theirs"), CASES)
def test_adafactor_takes_the_steps_of_pytorch(options: dict[str, Any], theirs: dict[str, Any]) -> None:
    rng = np.random.default_rng([SEED, len(options)])
    net = ost.LSTM(3, 5, dtype="float64")
    x, y = rng.normal(size=(4, 6, 3)), rng.normal(size=(4, 6, 5))
    lstm = torch.nn.LSTM(3, 5, batch_first=True, dtype=torch.float64)
    lstm.load_state_dict({name: torch.tensor(one) for name, one in net.state_dict().items()})
    trainer = ost.Trainer(net, loss="mse", optimizer=optimizers.Adafactor(**options))
    trainer.fit(x, y, epochs=12, batch_size=4, progress=False)
    steps = torch.optim.Adafactor(lstm.parameters(), **theirs)
    for _ in range(12):
        steps.zero_grad()
        torch.nn.functional.mse_loss(lstm(torch.tensor(x))[0], torch.tensor(y)).backward()
        steps.step()
    for name, wanted in lstm.state_dict().items():
        np.testing.assert_allclose(
            net.state_dict()[name], wanted.numpy(), rtol=0, atol=1e-10, err_msg=str(SEED)
        )
