"""A Trainer with frozen parameters, which a callback unfreezes, and with tied ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.io.tree import CHECKPOINT, load_tree, save_tree
from ostinato.network.model_file import MODEL_KEYS
from tests.training.tasks import language_model, windows

RNG = np.random.default_rng(0)
X, TARGETS = RNG.integers(0, 7, (12, 6)), RNG.integers(0, 7, (12, 6))
LENGTHS = RNG.integers(1, 7, 12)
OPTIMIZERS: dict[str, Any] = {
    "adam": lambda: ost.Adam(0.01, weight_decay=0.1),
    "adam, groups": lambda: ost.Adam(
        0.01, groups={"0.*": {"lr": 0.001}, "*weight_hh*": {"weight_decay": 0.1}}
    ),
    "sgd": lambda: ost.SGD(0.05, momentum=0.9, decoupled_decay=0.01),
}


class Unfreezes:
    """Unfreezes the GRU after the first epoch, and freezes the head after the second."""

    @ost.hookimpl
    def ostinato_epoch_end(self, run: Any) -> None:
        if run.epoch == 1:
            run.net.unfreeze("1.*")
        if run.epoch == 2:
            run.net.freeze("2.weight")


class Saves:
    """A checkpoint after every update."""

    def __init__(self, folder: Path | None) -> None:
        self.folder = folder

    @ost.hookimpl
    def ostinato_batch_end(self, run: Any, step: int) -> None:
        if self.folder is not None:
            run.save(self.folder / str(step))


def network(tied: bool = False) -> ost.Sequential:
    table = ost.Embedding(7, 5)
    head = ost.Dense(5, 7, tied_to=table if tied else None)
    return ost.Sequential(table, ost.GRU(5, 5, regularizers=[ost.Dropout(0.2)]), head)


def trainer(optimizer: str, callbacks: Any = (), **changes: Any) -> ost.Trainer:
    net = network(changes.pop("tied", False))
    net.freeze("0.*", "1.*")
    options = {"clip_norm": 0.5, "callbacks": [Unfreezes(), ost.EarlyStopping(patience=9), *callbacks]}
    return ost.Trainer(
        net,
        loss="cross_entropy",
        optimizer=OPTIMIZERS[optimizer](),
        schedule=ost.schedules.Cosine(9),
        **{**options, **changes},
    )


def fit(one: ost.Trainer, **options: Any) -> ost.Trainer:
    data = {"lengths": LENGTHS, "epochs": 3, "batch_size": 4, "validation": (X, TARGETS)}
    one.fit(X, TARGETS, **data, **options)
    return one


@pytest.mark.parametrize("tied", [False, True])
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_run_resumes_with_what_was_frozen_then(optimizer: str, tied: bool, tmp_path: Any) -> None:
    whole = fit(trainer(optimizer, [Saves(tmp_path)], tied=tied))
    assert whole.net.frozen == (("0.weight",) if tied else ("0.weight", "2.weight"))
    paths = sorted(tmp_path.iterdir(), key=lambda path: int(path.name))
    assert len(paths) == 9
    for path in paths:
        again = trainer(optimizer, [Saves(None)], tied=tied)
        again.net.unfreeze()
        fit(again, resume=path)
        assert again.net.frozen == whole.net.frozen
        assert again.net.arena.tobytes() == whole.net.arena.tobytes(), path
        assert again.history == whole.history


def test_frozen_parameters_stay_and_the_others_learn() -> None:
    net = network(tied=True)
    net.freeze("2.weight")
    before = net.state_dict()
    fit(ost.Trainer(net, loss="cross_entropy", optimizer=OPTIMIZERS["adam"]()))
    after = net.state_dict()
    assert [name for name in before if (before[name] == after[name]).all()] == ["0.weight", "2.weight"]


def test_windows_of_a_stream_carry_the_state_of_frozen_layers() -> None:
    class Carried:
        """What each window starts from."""

        def __init__(self) -> None:
            self.states: list[Any] = []

        @ost.hookimpl
        def ostinato_batch_start(self, run: Any) -> None:
            self.states.append(run.carried)

    def states(freeze: bool) -> list[Any]:
        net, carried = language_model(), Carried()
        if freeze:
            net.freeze("0.*", "1.*")
        # A rate of 0 leaves the network as it is, so that both runs read the same states.
        one = ost.Trainer(net, loss="cross_entropy", optimizer=ost.SGD(0.0), callbacks=[carried])
        one.fit(windows(), epochs=1)
        return carried.states

    frozen, free = states(True), states(False)
    assert len(frozen) == len(free) > 3
    for one, other in zip(frozen[1:], free[1:], strict=True):
        assert one["1.h"].any() and one["1.h"].tobytes() == other["1.h"].tobytes()


def test_a_checkpoint_of_an_earlier_release_had_nothing_frozen(tmp_path: Any) -> None:
    path, old = tmp_path / "new", tmp_path / "old"
    one = ost.Trainer(network(), loss="cross_entropy", callbacks=[ost.Checkpoints(path, every_steps=2)])
    one.fit(X, TARGETS, epochs=1, batch_size=4)
    record = load_tree(path, CHECKPOINT, MODEL_KEYS)
    assert record.pop("frozen") == []
    save_tree(old, CHECKPOINT, record)
    again = ost.Trainer(network(), loss="cross_entropy", callbacks=[ost.Checkpoints(path, every_steps=9)])
    again.net.freeze("0.*")
    again.fit(X, TARGETS, epochs=2, batch_size=4, resume=old)
    assert again.net.frozen == ()
    for bad in (["3.weight"], "0.weight", 3):
        save_tree(old, CHECKPOINT, {**record, "frozen": bad})
        before = again.net.arena.tobytes()
        with pytest.raises((ost.ConfigError, ost.FormatError)):
            again.fit(X, TARGETS, epochs=2, batch_size=4, resume=old)
        assert again.net.arena.tobytes() == before and again.net.frozen == ()
