"""`SequenceClassifier` and the same model in PyTorch: `python benches/estimators.py vowels --seeds 3`.

Both sides start from the same parameters and have the same batches, epochs, dropout, optimizer (Adam, rate
0.003, risen to over 20 updates), clipped norm and threads. The epochs were fixed before the first run: 30 for
JapaneseVowels, 10 for MNIST-1D. Before any timing the logits of both sides must agree. PyTorch packs rows of
different lengths and calls its fused layers; its Adam is the fused one. The time is that of the whole fit,
with the reading of lists, on the wall; the two alternate, seed by seed. Needs torch and the packages that
`gates.py` names.
"""

from __future__ import annotations

import argparse
import copy
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

os.environ.setdefault("GOMP_SPINCOUNT", "10000")  # as in the other benches: waiting threads sleep soon
os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")  # and huge pages

import numpy as np
import torch
from gates import CLASSIFICATION

import ostinato as ost

EPOCHS = {"vowels": 30, "mnist1d": 10}
RATE, WARM_UP, DROPOUT, HIDDEN = 3e-3, 20, 0.2, 64
FUSED = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU}

Array = np.ndarray[Any, Any]


class Model(torch.nn.Module):
    """A bidirectional layer, dropout, then mean, maximum and last of its outputs, and a linear layer."""

    def __init__(self, cell: str, features: int, classes: int) -> None:
        super().__init__()
        self.layer = FUSED[cell](features, HIDDEN, batch_first=True, bidirectional=True)
        self.dropout = torch.nn.Dropout(DROPOUT)
        self.head = torch.nn.Linear(6 * HIDDEN, classes)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        """Rows (N, T, F), padded, with lengths (N,) -> logits (N, C)."""
        steps = x.shape[1]
        if bool((lengths == steps).all()):
            outputs = self.dropout(self.layer(x)[0])
            ends = outputs[:, -1, :HIDDEN]
            mean, largest = outputs.mean(1), outputs.amax(1)
        else:
            rnn = torch.nn.utils.rnn
            packed = rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
            padded, _ = rnn.pad_packed_sequence(self.layer(packed)[0], batch_first=True)
            outputs = self.dropout(padded)
            ends = outputs[torch.arange(len(x)), lengths - 1, :HIDDEN]
            mean = outputs.sum(1) / lengths[:, None]
            past = torch.arange(steps)[None, :, None] >= lengths[:, None, None]
            largest = outputs.masked_fill(past, -torch.inf).amax(1)
        last = torch.cat([ends, outputs[:, 0, HIDDEN:]], 1)
        return self.head(torch.cat([mean, largest, last], 1))


class Rival:
    """The fit of PyTorch's side."""

    def __init__(self, cell: str, classes: Sequence[Any], seed: int) -> None:
        self.cell, self.classes, self.seed = cell, np.asarray(classes), seed

    def prepare(self, rows: Sequence[Array], start: dict[str, Array]) -> None:
        """The scaling of rows, and a module with the parameters `start`, by our names."""
        steps = np.concatenate(rows)
        self.mean, self.deviation = steps.mean(0), steps.std(0)
        self.model = Model(self.cell, rows[0].shape[1], len(self.classes))
        named = {"0.": self.model.layer, "1.": self.model.head}
        for prefix, module in named.items():
            module.load_state_dict(
                {
                    name.removeprefix(prefix): torch.from_numpy(value.copy())
                    for name, value in start.items()
                    if name.startswith(prefix)
                }
            )

    def scaled(self, rows: Sequence[Array]) -> list[Array]:
        """Rows with the mean 0 and the deviation 1 of the training steps."""
        return [((row - self.mean) / self.deviation).astype(np.float32) for row in rows]

    def batch(self, scaled: Sequence[Array], places: Array) -> tuple[torch.Tensor, torch.Tensor]:
        """Padded rows and their lengths."""
        chosen = [torch.from_numpy(scaled[n]) for n in places]
        lengths = torch.tensor([len(one) for one in chosen])
        return torch.nn.utils.rnn.pad_sequence(chosen, batch_first=True), lengths

    def fit(self, rows: Sequence[Array], labels: Array, start: dict[str, Array], epochs: int) -> None:
        """Trains as the estimator does."""
        torch.manual_seed(self.seed)
        random = np.random.default_rng(self.seed)
        self.prepare(rows, start)
        scaled = self.scaled(rows)
        targets = torch.from_numpy(np.searchsorted(self.classes, labels))
        lengths = np.array([len(one) for one in rows])
        cut = ost.data.ByLength(batch_size(len(rows)))
        parameters = list(self.model.parameters())
        optimizer = torch.optim.Adam(parameters, lr=RATE, fused=True)
        update = 0
        self.model.train()
        for _ in range(epochs):
            order = random.permutation(len(rows))
            for places in cut(lengths[order]):
                chosen = order[places]
                for group in optimizer.param_groups:
                    group["lr"] = RATE * min((update + 1) / WARM_UP, 1.0)
                logits = self.model(*self.batch(scaled, chosen))
                loss = torch.nn.functional.cross_entropy(logits, targets[chosen])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                update += 1

    def logits(self, rows: Sequence[Array]) -> Array:
        """(N, C) of all rows, in one batch of each hundred."""
        self.model.eval()
        scaled = self.scaled(rows)
        with torch.inference_mode():
            parts = [
                self.model(*self.batch(scaled, np.arange(n, min(n + 100, len(rows)))))
                for n in range(0, len(rows), 100)
            ]
        return torch.cat(parts).numpy()

    def score(self, rows: Sequence[Array], labels: Array) -> float:
        """The share of right classes."""
        return float(np.mean(self.classes[self.logits(rows).argmax(1)] == labels))


def batch_size(count: int) -> int:
    """As batch_size="auto" of the estimators."""
    return min(32, max(8, count // 64))


def estimator(cell: str, seed: int, epochs: int, jobs: int) -> ost.SequenceClassifier:
    """Ours: the defaults, with fixed epochs and a rate that does not fall."""
    return ost.SequenceClassifier(
        cell=cell,
        early_stopping=False,
        max_iter=epochs,
        n_iter_no_change=10**6,
        learning_rate_init=RATE,
        schedule=lambda start, when: start * min((when.step + 1) / WARM_UP, 1.0),
        random_state=seed,
        n_jobs=jobs,
    )


def started(model: ost.SequenceClassifier, rows: Sequence[Array], labels: Array) -> ost.Network:
    """The network with which the fit of this model begins."""
    found: list[ost.Network] = []

    class Start:
        """Copies the network before the first update."""

        @ost.hookimpl
        def ostinato_run_start(self, run: ost.TrainingRun) -> None:
            found.append(copy.deepcopy(run.net))

    model.set_params(max_iter=1, callbacks=[Start()]).fit(rows, labels)
    return found[0]


def check_agreement(net: ost.Network, rival: Rival, rows: Sequence[Array]) -> None:
    """Raises AssertionError unless both sides compute the same logits."""
    ours = net.predict(rival.scaled(rows))
    np.testing.assert_allclose(ours, rival.logits(rows), rtol=1e-4, atol=1e-5)  # float32, 64 units


def seconds(work: Callable[[], Any]) -> float:
    """The wall time of a call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def compare(task: str, cell: str, seeds: int, jobs: int) -> None:
    """Prints accuracies and times of both sides."""
    X, y, X_test, y_test = CLASSIFICATION[task]()
    X, X_test = ([np.asarray(row, float).reshape(len(row), -1) for row in part] for part in (X, X_test))
    torch.set_num_threads(jobs)
    ours: list[float] = []
    theirs: list[float] = []
    scores: list[tuple[float, float]] = []
    for seed in range(seeds):
        model = estimator(cell, seed, EPOCHS[task], jobs)
        net = started(estimator(cell, seed, 1, jobs), X, y)
        start = {name: np.array(value) for name, value in net.state_dict().items()}
        rival = Rival(cell, np.unique(y), seed)
        rival.prepare(X, start)
        check_agreement(net, rival, X_test)
        works: list[tuple[list[float], Callable[[], Any]]] = [
            (ours, lambda model=model: model.fit(X, y)),
            (theirs, lambda rival=rival, start=start: rival.fit(X, y, start, EPOCHS[task])),
        ]
        for times, work in works if seed % 2 else works[::-1]:
            times.append(seconds(work))
        scores.append((model.score(X_test, y_test), rival.score(X_test, y_test)))
    ratio = statistics.median(b / a for a, b in zip(ours, theirs, strict=True))
    right = [", ".join(f"{100 * one[side]:.2f}" for one in scores) for side in (0, 1)]
    print(
        f"{task} {cell}, {jobs} threads: ours {statistics.median(ours):.2f} s, {right[0]} %; "
        f"torch {statistics.median(theirs):.2f} s, {right[1]} %; {ratio:.2f}x",
        flush=True,
    )


def main() -> None:
    """Runs the tasks that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="+", choices=list(EPOCHS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    for task in arguments.tasks:
        for cell in FUSED:
            compare(task, cell, arguments.seeds, arguments.threads)


if __name__ == "__main__":
    main()
