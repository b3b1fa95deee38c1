"""A Trainer of two inputs and two outputs against a training loop in PyTorch: `make parity`.

PyTorch computes each row by itself, so that no padding is involved. OSTINATO_PARITY_SEED repeats a run.
"""

from __future__ import annotations

import os
import secrets

import numpy as np
import pytest

import ostinato as ost
from tests.training.several import MOODS, SPEAKER, TAGS, VOCABULARY, N, T, tagger

torch = pytest.importorskip("torch", reason="make parity installs PyTorch and runs this")

SEED = int(os.environ.get("OSTINATO_PARITY_SEED") or secrets.randbits(32))

# Nine updates in float64, in which rounding grows a little; an error of method is far larger.
ABSOLUTE = 1e-9

BATCH, EPOCHS = 8, 3

OPTIMIZERS = {
    "adam": (lambda: ost.Adam(lr=1e-2), lambda p: torch.optim.Adam(p, lr=1e-2)),
    "adamw": (
        lambda: ost.AdamW(lr=1e-2, weight_decay=0.1),
        lambda p: torch.optim.AdamW(p, lr=1e-2, weight_decay=0.1),
    ),
    "rmsprop": (
        lambda: ost.RMSprop(lr=1e-3, momentum=0.5, centered=True, eps=1e-3),
        lambda p: torch.optim.RMSprop(p, lr=1e-3, momentum=0.5, centered=True, eps=1e-3),
    ),
    "adagrad": (
        lambda: ost.Adagrad(lr=1e-2, lr_decay=0.1, weight_decay=0.1),
        lambda p: torch.optim.Adagrad(p, lr=1e-2, lr_decay=0.1, weight_decay=0.1),
    ),
    "momentum": (
        lambda: ost.SGD(0.1, momentum=0.9),
        lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9),
    ),
}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("mood_loss", ["cross_entropy", "mse"])
def test_updates_equal_those_of_pytorch(optimizer, mood_loss):
    rng = np.random.default_rng([SEED, len(optimizer), len(mood_loss)])
    net = tagger(seed=int(rng.integers(1000)), dtype="float64")
    layers = [
        torch.nn.Embedding(VOCABULARY, 5),
        torch.nn.GRU(5, 6, batch_first=True),
        torch.nn.Linear(6, TAGS),
        torch.nn.Linear(6 + SPEAKER, MOODS),
    ]
    model = torch.nn.ModuleDict({str(n): layer.double() for n, layer in enumerate(layers)})
    model.load_state_dict({key: torch.from_numpy(value) for key, value in net.state_dict().items()})
    embedding, gru, tag, feel = model.values()

    counts = rng.integers(1, T + 1, N)
    x = {"text": rng.integers(0, VOCABULARY, (N, T)), "speaker": rng.normal(size=(N, SPEAKER))}
    by_class = mood_loss == "cross_entropy"
    y = {
        "tags": rng.integers(0, TAGS, (N, T)),
        "mood": rng.integers(0, MOODS, N) if by_class else rng.normal(size=(N, MOODS)),
    }
    weights = rng.uniform(0.5, 2.0, N)

    ours, theirs = OPTIMIZERS[optimizer]
    trainer = ost.Trainer(
        net,
        loss={"tags": "cross_entropy", "mood": ost.weighted(mood_loss, 0.3)},
        optimizer=ours(),
        strategies=[ost.strategies.AllRows(shuffle=False)],
    )
    history = trainer.fit(x, y, lengths=counts, weights={"mood": weights}, epochs=EPOCHS, batch_size=BATCH)

    made = theirs(model.parameters())
    losses = []
    for _ in range(EPOCHS):
        tag_sum = mood_sum = 0.0
        for start in range(0, N, BATCH):
            tag_losses, mood_losses = [], []
            for n in range(start, start + BATCH):
                ids = torch.from_numpy(x["text"][n, : counts[n]])
                h = gru(embedding(ids)[None])[0][0]
                labels = torch.from_numpy(y["tags"][n, : counts[n]])
                tag_losses.append(torch.nn.functional.cross_entropy(tag(h), labels, reduction="none"))
                mood = feel(torch.cat([h[-1], torch.from_numpy(x["speaker"][n])]))
                wanted = torch.from_numpy(np.asarray(y["mood"][n]))
                each = torch.nn.functional.cross_entropy if by_class else torch.nn.functional.mse_loss
                mood_losses.append(weights[n] * each(mood, wanted))
            batch_weights = weights[start : start + BATCH].sum()
            tag_loss = torch.cat(tag_losses)
            mood_loss_sum = torch.stack(mood_losses).sum()
            made.zero_grad()
            (tag_loss.mean() + 0.3 * mood_loss_sum / batch_weights).backward()
            made.step()
            tag_sum, mood_sum = tag_sum + tag_loss.sum().item(), mood_sum + mood_loss_sum.item()
        losses.append((tag_sum / counts.sum(), 0.3 * mood_sum / weights.sum()))
    hint = f"OSTINATO_PARITY_SEED={SEED}"
    for name, value in model.state_dict().items():
        np.testing.assert_allclose(
            net.parameters()[name], value.numpy(), rtol=0, atol=ABSOLUTE, err_msg=f"{name}, {hint}"
        )
    found = list(zip(history["tags.loss"], history["mood.loss"], strict=True))
    np.testing.assert_allclose(found, losses, rtol=0, atol=ABSOLUTE, err_msg=hint)
