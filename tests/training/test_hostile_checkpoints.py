"""A checkpoint with a right digest and a wrong content is refused with a typed error, or the run ends.

`make hostile HOSTILE=20000` runs as many of each kind; a second argument of the module is the first seed.
"""

from __future__ import annotations

import contextlib
import copy
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches
from ostinato.io.tree import CHECKPOINT, load_tree, save_tree
from ostinato.network.model_file import MODEL_KEYS
from tests.training.tasks import ragged_lengths, running_sum

X, TARGETS = running_sum()
SHORT = 60
SECONDS = 5.0  # of CPU time: other processes may keep the machine busy


class Counts:
    """A plugin with a state."""

    def __init__(self) -> None:
        self.seen = np.zeros(2, np.int64)

    @ost.hookimpl
    def ostinato_batch_end(self) -> None:
        self.seen[0] += 1

    @ost.hookimpl
    def ostinato_save(self) -> Any:
        return {"seen": self.seen}

    @ost.hookimpl
    def ostinato_load(self, state: Any) -> None:
        self.seen[...] = state["seen"]


class Cut:
    """Saves in the middle of an epoch."""

    def __init__(self, path: Any) -> None:
        self.path = path

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any, step: int) -> None:
        if step == 3:
            run.save(self.path)
            run.stop("cut")


Run = Callable[[Any, Any], None]


def rows(path: Any, resume: Any) -> None:
    """Adam, a schedule with a state, early stopping, dropout, rows in memory."""
    trainer = ost.Trainer(
        ost.Sequential(ost.GRU(2, 3, regularizers=[ost.Dropout(0.2)]), ost.Dense(3, 2)),
        loss="mse",
        optimizer="adam",
        schedule=ost.schedules.WarmUp(2, then=ost.schedules.Plateau("val_loss", patience=1)),
        metrics=["rmse"],
        callbacks=[Counts(), ost.EarlyStopping(patience=3), *([] if resume else [Cut(path)])],
    )
    trainer.fit(
        X,
        TARGETS,
        lengths=ragged_lengths(),
        epochs=3,
        batch_size=4,
        validation=(X, TARGETS),
        resume=path if resume else False,
        progress=False,
    )


def frozen(path: Any, resume: Any) -> None:
    """Slots by name, a frozen parameter, truncated BPTT with several updates in a batch."""
    net = ost.Sequential(ost.LSTM(2, 3), ost.Dense(3, 2))
    net.freeze("0.weight_ih_l0")
    trainer = ost.Trainer(
        net,
        loss="mse",
        optimizer=ost.SGD(0.01, momentum=0.9, groups={"1.*": {"momentum": 0.5}}),
        strategies=[ost.strategies.Truncated(2, 4, update_every=4)],
        callbacks=[] if resume else [Cut(path)],
    )
    trainer.fit(X, TARGETS, epochs=3, batch_size=5, resume=path if resume else False, progress=False)


def iterable(path: Any, resume: Any) -> None:
    """Data with a state of its own, and the arena frozen in parts."""
    net = ost.Sequential(ost.RNN(2, 3), ost.Dense(3, 2))
    net.freeze("1.*")
    trainer = ost.Trainer(net, loss="mse", optimizer="adam", callbacks=[] if resume else [Cut(path)])
    trainer.fit(
        Batches(X, TARGETS, batch_size=2, seed=1), epochs=3, resume=path if resume else False, progress=False
    )


RUNS: tuple[Run, ...] = (rows, frozen, iterable)

VALUES: tuple[Any, ...] = (
    *(None, True, False, -1, 0, 1, 2, 3, 7, 10**6, 2**31, 2**53, 2**63, -(2**70), 10**400),
    *(0.5, -0.5, 1e300, float("nan"), float("inf")),
    *("", "x", "arena", "0.weight_ih_l0", [], [1], [[]], [[1, 2], 3], ["x"], [None] * 5),
    *({}, {"x": 1}, {"": []}, {"rows": None, "steps": 0}),
    *(np.zeros(0, "f4"), np.ones(3, "f4"), np.ones((2, 3)), np.array([5, 10**9, -3]), np.array(3)),
    *(np.full(7, np.nan, "f4"), np.ones((1, 4, 3), "f4"), np.array([True])),
)


def places(tree: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if path:
        yield path
    items = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    for key, value in items:
        yield from places(value, (*path, key))


def at(tree: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        tree = tree[key]
    return tree


def mutated(tree: Any, rng: np.random.Generator) -> Any:
    """The tree with one to three changes."""
    tree = copy.deepcopy(tree)
    for _ in range(rng.integers(1, 4)):
        every = list(places(tree))
        path = every[rng.integers(len(every))]
        holder, key = at(tree, path[:-1]), path[-1]
        kind = rng.integers(7)
        value = copy.deepcopy(VALUES[rng.integers(len(VALUES))])
        if kind == 0:
            del holder[key]
        elif kind == 1 and isinstance(holder, dict):
            holder[f"{key}{rng.integers(3)}"] = holder.pop(key)
        elif kind == 2:
            holder[key] = copy.deepcopy(at(tree, every[rng.integers(len(every))]))
        elif kind == 3 and isinstance(holder[key], np.ndarray):
            old = holder[key]
            holder[key] = [old[:-1] if old.ndim else old, old.T, old.astype("f8"), old[None], -old][
                rng.integers(5)
            ]
        elif kind == 4 and isinstance(holder[key], (int, float)):
            holder[key] = holder[key] * [-1, 2, 10**9, 0][rng.integers(4)] + int(rng.integers(2))
        elif kind == 5 and isinstance(holder, list):
            holder.insert(int(key), value)
        else:
            holder[key] = value
    return tree


class Hangs(BaseException):
    """A run that does not end. No hook and no check takes it for its own error."""


def hangs(number: int, frame: Any) -> None:
    raise Hangs(f"no end after {SECONDS} s of computing")


def attempt(run: Run, tree: Any, path: Any) -> str:
    """How the mutated checkpoint ends: "resumed", or the type of the error. Raises anything untyped."""
    try:
        save_tree(path, CHECKPOINT, tree)
    except ost.ConfigError:
        return "not written"
    before = signal.signal(signal.SIGPROF, hangs)
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        with contextlib.suppress(ost.FormatError):  # the network alone
            ost.load(path)
        run(path, True)
    except ost.OstinatoError as error:
        return type(error).__name__
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
    return "resumed"


def search(count: int, seed: int, folder: Path) -> dict[str, int]:
    """Runs `count` mutations of each run. Raises AssertionError for the first error without a type."""
    ends: dict[str, int] = {}
    for number, run in enumerate(RUNS):
        path = folder / run.__name__
        run(path, False)
        good = load_tree(path, CHECKPOINT, MODEL_KEYS)
        assert attempt(run, good, path) == "resumed"
        for case in range(seed, seed + count):
            tree = mutated(good, np.random.default_rng([number, case]))
            try:
                end = attempt(run, tree, path)
            except (Exception, Hangs) as error:
                raise AssertionError(
                    f"{run.__name__}, case {case}: {type(error).__name__}: {error}"
                ) from error
            ends[end] = ends.get(end, 0) + 1
    return ends


@pytest.mark.timeout(600)
@pytest.mark.filterwarnings("ignore")
def test_a_mutated_checkpoint_is_refused_with_a_typed_error_or_resumes(tmp_path):
    ends = search(SHORT, 0, tmp_path)
    assert ends.get("FormatError", 0) > SHORT / 2, ends
    assert set(ends) <= {
        "FormatError",
        "ConfigError",
        "PluginError",
        "NonFiniteError",
        "resumed",
        "not written",
    }


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        begin = int(sys.argv[2]) if len(sys.argv) > 2 else 0
        print(search(int(sys.argv[1]), begin, Path(folder)))
