"""A Trainer of an encoder and a decoder against a training loop in PyTorch: `make parity`.

PyTorch computes each row by itself, cut to its valid steps on each axis. OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from tests.masks import valid_of
from tests.training.translation import KINDS, OUT, WORDS, N, S, T, lengths, masks, translator

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Nine updates in float64, in which rounding grows a little; an error of method is far larger.
ABSOLUTE = 1e-10

BATCH, EPOCHS = 8, 3


def through(gru: Any, x: Any, state: Any) -> tuple[Any, Any]:
    """One row (T, F) through a GRU; T may be 0."""
    return gru(x, state) if len(x) else (x.new_zeros(0, 6), state)


def row(model: Any, source: Any, target: Any) -> dict[str, Any]:
    """The outputs of one row; reductions of no step are zeros."""
    embed_source, embed_target, encoder, decoder, words, tags, kind = model
    encoded, state = through(encoder, embed_source(source), torch.zeros(1, 6, dtype=torch.float64))
    decoded, _ = through(decoder, embed_target(target), state)
    zeros = torch.zeros(6, dtype=torch.float64)
    mean = encoded.mean(0) if len(encoded) else zeros
    last = decoded[-1] if len(decoded) else zeros
    return {"words": words(decoded), "tags": tags(encoded), "kind": kind(torch.cat([mean, last]))}


@pytest.mark.parametrize("form", ["lengths", "masks"])
def test_updates_equal_those_of_pytorch(form: str) -> None:
    rng = np.random.default_rng([SEED, form == "masks"])
    net = translator(seed=int(rng.integers(1000)), dtype="float64")
    made = [
        torch.nn.Embedding(WORDS, 4),
        torch.nn.Embedding(OUT, 3),
        torch.nn.GRU(4, 6, batch_first=True),
        torch.nn.GRU(3, 6, batch_first=True),
        torch.nn.Linear(6, OUT),
        torch.nn.Linear(6, 2),
        torch.nn.Linear(12, KINDS),
    ]
    values = iter(net.state_dict().values())
    for layer in placed(net, made):
        layer.double()
        for parameter in layer.parameters():
            parameter.data = torch.from_numpy(next(values))
    counts, flags = lengths(), masks() if form == "masks" else None
    inside = {
        axis: np.arange(steps) < counts[axis][:, None] for axis, steps in (("source", S), ("target", T))
    }
    if flags is not None:
        inside = {axis: valid_of(flags[axis], counts[axis]) for axis in counts}
    x = {"source": rng.integers(0, WORDS, (N, S)), "target": rng.integers(0, OUT, (N, T))}
    y = {
        "words": rng.integers(0, OUT, (N, T)),
        "tags": rng.normal(size=(N, S, 2)),
        "kind": rng.integers(0, KINDS, N),
    }
    weights = rng.uniform(0.5, 2.0, (N, T))
    losses = {"words": "cross_entropy", "tags": ost.weighted("mse", 0.5), "kind": "cross_entropy"}
    trainer = ost.Trainer(
        net,
        loss=losses,
        optimizer=ost.Adam(lr=1e-2),
        clip_norm=1.0,
        strategies=[ost.strategies.AllRows(shuffle=False)],
    )
    history = trainer.fit(
        x, y, lengths=counts, mask=flags, weights={"words": weights}, epochs=EPOCHS, batch_size=BATCH
    )

    parameters = [parameter for layer in made for parameter in layer.parameters()]
    adam = torch.optim.Adam(parameters, lr=1e-2)
    found = []
    for _ in range(EPOCHS):
        sums, of = dict.fromkeys(losses, 0.0), dict.fromkeys(losses, 0.0)
        for start in range(0, N, BATCH):
            parts: dict[str, list[Any]] = {"words": [], "tags": [], "kind": []}
            divisor = {"words": 0.0, "tags": 0.0, "kind": float(BATCH)}
            for n in range(start, start + BATCH):
                s, t = inside["source"][n], inside["target"][n]
                outputs = row(
                    made, *(torch.from_numpy(x[key][n][now]) for key, now in (("source", s), ("target", t)))
                )
                each = torch.nn.functional.cross_entropy(
                    outputs["words"], torch.from_numpy(y["words"][n][t]), reduction="none"
                )
                parts["words"].append((each * torch.from_numpy(weights[n][t])).sum())
                parts["tags"].append(
                    ((outputs["tags"] - torch.from_numpy(y["tags"][n][s])) ** 2).mean(-1).sum()
                )
                parts["kind"].append(
                    torch.nn.functional.cross_entropy(outputs["kind"], torch.tensor(int(y["kind"][n])))
                )
                divisor["words"] += weights[n][t].sum()
                divisor["tags"] += s.sum()
            total = {key: torch.stack(one).sum() for key, one in parts.items()}
            adam.zero_grad()
            scales = {"words": 1.0, "tags": 0.5, "kind": 1.0}
            sum(scales[key] * total[key] / divisor[key] for key in total).backward()
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            adam.step()
            for key in total:
                sums[key] += scales[key] * total[key].item()
                of[key] += divisor[key]
        found.append([sums[key] / of[key] for key in losses])
    hint = f"OSTINATO_PARITY_SEED={SEED}"
    values = iter(net.state_dict().items())
    for layer in placed(net, made):
        for parameter in layer.parameters():
            name, value = next(values)
            np.testing.assert_allclose(
                value, parameter.detach().numpy(), rtol=0, atol=ABSOLUTE, err_msg=f"{name}, {hint}"
            )
    ours = np.stack([history[f"{key}.loss"] for key in losses], 1)
    np.testing.assert_allclose(ours, found, rtol=0, atol=ABSOLUTE, err_msg=hint)


def placed(net: ost.Graph, made: list[Any]) -> list[Any]:
    """PyTorch's layers in the order of the parameters of `net`."""
    by_shape = {tuple(p.shape for p in layer.parameters()): layer for layer in made}
    assert len(by_shape) == len(made)
    shapes: dict[str, list[Any]] = {}
    for name, value in net.state_dict().items():
        shapes.setdefault(name.split(".")[0], []).append(value.shape)
    return [by_shape[tuple(map(torch.Size, one))] for one in shapes.values()]
