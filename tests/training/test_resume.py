"""A run that is interrupted anywhere and continues with other threads equals an uninterrupted run."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.data import Batches
from ostinato.training import checkpoint
from tests.training.tasks import language_model, network, ragged_lengths, running_sum, windows

X, TARGETS = running_sum()
LENGTHS = ragged_lengths()
EPOCHS, BATCH = 3, 4


class Counts:
    """A plugin with a state of its own that decides what is learned."""

    def __init__(self) -> None:
        self.seen = np.zeros(3, dtype=np.int32)
        self.log: list[Any] = []

    @ost.hookimpl
    def ostinato_run_start(self):
        self.seen[:] = 0

    @ost.hookimpl
    def ostinato_batch_end(self, metrics):
        self.seen[0] += 1
        self.log.append((metrics["loss"], float("nan")))

    @ost.hookimpl
    def ostinato_after_backward(self, grads):
        if self.seen[0] % 3 == 2:
            grads.arena[:] *= 0.5

    @ost.hookimpl
    def ostinato_save(self):
        return {"seen": self.seen, "log": self.log}

    @ost.hookimpl
    def ostinato_load(self, state):
        self.seen, self.log = state["seen"], [tuple(one) for one in state["log"]]


class Cut:
    """Saves at some updates, as a user would, and may stop there."""

    def __init__(self, paths: Mapping[int, Any]) -> None:
        self.paths = paths

    @ost.hookimpl
    def ostinato_batch_end(self, run, step):
        if step in self.paths:
            run.save(self.paths[step])


class Remembers(ost.Curriculum):
    """Every epoch begins where its memory says; the memory moves with each lesson."""

    def __init__(self):
        self.turns = 0

    def lesson(self, when, lengths):
        self.turns += 1
        return ost.Lesson(np.roll(np.arange(len(lengths)), self.turns), steps=4 + self.turns)

    def state_dict(self):
        return {"turns": self.turns}

    def load_state_dict(self, state):
        self.turns = state["turns"]


def made(cell: str, optimizer: Any, callbacks: Any = (), own: Any = None, **changes: Any) -> ost.Trainer:
    """A trainer in which everything that can have a state has one."""
    net = changes.pop("net", None) or network(cell, regularizers=[ost.Dropout(0.3), ost.Zoneout(0.2)])
    options: dict[str, Any] = {
        "loss": "mse",
        "optimizer": optimizer if optimizer != "sgd" else ost.SGD(0.05, momentum=0.9),
        "schedule": ost.schedules.WarmUp(4, then=ost.schedules.Plateau("val_loss", patience=1, factor=0.7)),
        "clip_norm": 1.0,
        "metrics": ["rmse", "mae"],
        "callbacks": [*([Counts(), ost.EarlyStopping(patience=50)] if own is None else own), *callbacks],
        "seed": 3,
    }
    return ost.Trainer(net, **{**options, **changes})


def fit(trainer: ost.Trainer, **options: Any) -> ost.Trainer:
    trainer.fit(
        X,
        TARGETS,
        lengths=LENGTHS,
        epochs=EPOCHS,
        batch_size=BATCH,
        validation=(X, TARGETS, LENGTHS),
        **options,
    )
    return trainer


def everything(trainer: ost.Trainer) -> Any:
    """All that a run leaves behind, as bytes and plain values."""
    slots = trainer.optimizer.state_dict()
    plugins = trainer._states_of_plugins()
    return (
        trainer.net.arena.tobytes(),
        {name: {k: v.tobytes() for k, v in group.items()} for name, group in slots["slots"].items()},
        slots["steps"],
        repr(trainer.history.rows),
        trainer.run.position,
        {name: repr(state) for name, state in plugins.items()},
    )


# crf_scores has no state, so it has no zoneout
CELLS = sorted(name for name in ost.plugins.list("cell") if "/" not in name and name != "crf_scores")
OPTIMIZERS = sorted(name for name in ost.plugins.list("optimizer") if "/" not in name)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("cell", CELLS)
def test_a_resumed_run_is_bit_for_bit_the_one_that_was_not_cut(cell, optimizer, tmp_path):
    rng = np.random.default_rng([CELLS.index(cell), OPTIMIZERS.index(optimizer)])
    steps = rng.choice(8, size=4, replace=False).tolist()
    paths = {step: tmp_path / f"{step}.checkpoint" for step in steps}
    whole = everything(fit(made(cell, optimizer, [Cut(paths)])))
    threads = ost.get_num_threads()
    for step, path in paths.items():
        try:
            ost.set_num_threads(1 + step % 3)
            # Other parameters to begin with: all must come from the file.
            resumed = made(cell, optimizer, [Cut({})])
            for value in resumed.net.parameters().values():
                value[...] = 7.0
            assert everything(fit(resumed, resume=path)) == whole, f"cut after update {step}"
        finally:
            ost.set_num_threads(threads)


@pytest.mark.parametrize("cut", range(0, 40, 7))
def test_a_stream_is_resumed_in_the_middle_of_truncated_bptt(cut, tmp_path):
    path = tmp_path / "checkpoint"
    whole_row = [(b.x, b.targets, b.lengths) for b in windows(length=301, rows=3, steps=100)]

    def train(resume: Any = False, at: int | None = None) -> ost.Trainer:
        trainer = ost.Trainer(
            language_model(regularizers=[ost.VariationalDropout(0.2)]),
            loss="cross_entropy",
            strategies=[ost.strategies.Truncated(5, update_every=5)],
            callbacks=[Cut({} if at is None else {at: path})],
        )
        trainer.fit(whole_row, epochs=2, resume=resume)
        return trainer

    whole = train(at=cut)
    assert whole.run.step == 40
    assert everything(train(resume=path)) == everything(whole)


@pytest.mark.parametrize("cut", [0, 9, 19, 20, 33])
def test_windows_of_an_iterable_are_resumed_with_their_carried_state(cut, tmp_path):
    path = tmp_path / "checkpoint"

    def train(resume: Any = False, at: int | None = None) -> ost.Trainer:
        callbacks = [Cut({} if at is None else {at: path})]
        trainer = ost.Trainer(language_model(), loss="cross_entropy", callbacks=callbacks)
        trainer.fit(windows(length=301, rows=3, steps=5), epochs=2, resume=resume)
        return trainer

    assert everything(train(at=cut)) == everything(train(resume=path))


@pytest.mark.parametrize("cut", [0, 2, 3, 4, 8])
def test_data_that_keeps_its_own_place_is_resumed_in_its_epoch(cut, tmp_path):
    path = tmp_path / "checkpoint"
    rows = [[row[:length] for row, length in zip(a, LENGTHS, strict=True)] for a in (X, TARGETS)]

    def train(resume: Any = False, at: int | None = None) -> ost.Trainer:
        callbacks = [Cut({} if at is None else {at: path})]
        trainer = ost.Trainer(network(), loss="mse", callbacks=callbacks)
        trainer.fit(Batches(*rows, batch_size=4, seed=1), epochs=EPOCHS, resume=resume)
        return trainer

    whole = train(at=cut)
    assert whole.run.step == 9
    assert everything(train(resume=path)) == everything(whole)


@pytest.mark.parametrize("cut", [0, 4, 5, 8])
def test_a_strategy_with_a_state_goes_on_from_it(cut, tmp_path):
    path = tmp_path / "checkpoint"
    whole = fit(made("gru", "adam", [Cut({cut: path})], strategies=[Remembers()]))
    resumed = fit(made("gru", "adam", [Cut({})], strategies=[Remembers()]), resume=path)
    assert everything(resumed) == everything(whole)
    assert resumed.strategies.curriculum.state_dict() == whole.strategies.curriculum.state_dict()


@pytest.mark.parametrize("cut", range(0, 9, 2))
def test_a_run_that_was_stopped_goes_on_in_the_same_process(cut):
    class Stop:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == cut:
                run.stop("for now")

    whole = fit(made("lstm", "adam", [Cut({})]))
    stopped = fit(made("lstm", "adam", [Stop()]))
    assert stopped.run.step == cut + 1
    continued = everything(fit(stopped, resume=True))
    expected = everything(whole)
    assert continued[:5] == expected[:5]


def test_the_learning_rate_that_a_schedule_begins_with_comes_from_the_file(tmp_path):
    path = tmp_path / "checkpoint"
    options = {"schedule": ost.schedules.Exponential(0.5)}
    whole = fit(made("rnn", ost.SGD(0.05), [Cut({4: path})], **options))
    resumed = made("rnn", ost.SGD(0.05), [Cut({})], **options)
    resumed.run.start_lr = 0.2
    fit(resumed, resume=path)
    assert everything(resumed) == everything(whole)
    assert resumed.history["lr"] == [0.05, 0.025, 0.0125]


def test_checkpoints_are_written_on_the_way_and_between_epochs(tmp_path):
    whole = fit(made("rnn", "adam", [Cut({})]))
    for options in ({}, {"every_epochs": 2}, {"every_steps": 4}):
        path = tmp_path / "checkpoint"
        fit(made("rnn", "adam", [ost.Checkpoints(path, **options)]))
        resumed = made("rnn", "adam", [Cut({})])
        resumed.load(path)
        assert 0 < resumed.run.step <= 9
        assert everything(fit(resumed, resume=True)) == everything(whole)
        path.unlink()
    with pytest.raises(ost.ConfigError, match="both given"):
        ost.Checkpoints(tmp_path, every_epochs=1, every_steps=1)
    with pytest.raises(ost.ConfigError, match="every_steps is 0"):
        ost.Checkpoints(tmp_path, every_steps=0)


@pytest.mark.parametrize("wrong", ["none/file", ".", "n" * 256, "/proc/file"])
def test_a_path_that_cannot_be_written_is_an_error_before_the_run_trains(wrong, tmp_path):
    if wrong.startswith("/") and not Path(wrong).parent.exists():
        pytest.skip("this system has no /proc, which refuses files of root too")
    trainer = made("rnn", "adam", [ost.Checkpoints(tmp_path / wrong)])
    before = everything(trainer)
    with pytest.raises(ost.ConfigError, match="Checkpoints: path is "):
        fit(trainer)
    assert everything(trainer) == before and not list(tmp_path.iterdir())


def test_saving_again_what_was_loaded_loses_nothing(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    whole = fit(made("rnn", "adam", [Cut({4: first})]))
    between = made("rnn", "adam", [Cut({})])
    between.load(first)
    between.save(second)
    assert everything(fit(made("rnn", "adam", [Cut({})]), resume=second)) == everything(whole)


OTHERWISE = {
    "optimizer": ({"optimizer": ost.SGD(0.1)}, "optimizer 'adam'; this trainer has 'sgd'"),
    "lr": ({"optimizer": ost.Adam(lr=0.5)}, r"optimizer's options \(lr\) '0.001'; this trainer has '0.5'"),
    "decay": (
        {"optimizer": ost.Adam(weight_decay=0.1)},
        r"options \(weight_decay\) '0'; this trainer has '0.1'",
    ),
    "clip_norm": ({"clip_norm": 2.0}, "clip_norm 1.0; this trainer has 2.0"),
    "reduction": ({"reduction": "sum"}, "reduction 'mean'; this trainer has 'sum'"),
    "metrics": ({"metrics": ["rmse"]}, r"metrics \['rmse\(\)', 'mae\(\)'\]; this trainer has \['rmse\(\)'\]"),
    "seed": ({"seed": 4}, "seed 3; this trainer has 4"),
    "loss": ({"loss": ost.MSE(half=True)}, r"loss 'mse\(half=False\)'; this trainer has 'mse\(half=True\)'"),
    "schedule": (
        {"schedule": None},
        r"schedule ['\"]warm_up\(steps=4, then=plateau\(.*; this trainer has None",
    ),
    "strategy": (
        {"strategies": [ost.TruncatedBPTT(2, 2)]},
        r"strategies \(estimator\) 'full\(\)'.*'truncated",
    ),
    "network": ({"net": network("gru")}, r"parameters \(0.weight_ih_l0\)"),
    "another network": (
        {"net": ost.RNN(2, 2)},
        r"has parameters \(0.weight_ih_l0\); this trainer has no such parameter",
    ),
    "a larger network": (
        {"net": ost.Sequential(network("lstm"), ost.Dense(2, 2))},
        "the checkpoint has no such parameter|this trainer has no such parameter",
    ),
    "dtype": ({"net": ost.LSTM(2, 2, dtype="float64")}, "dtype 'float32'; this trainer has 'float64'"),
    "plugin": ({"own": []}, "the state of 'Counts', which is not among the callbacks"),
}


@pytest.mark.parametrize("case", OTHERWISE)
def test_a_trainer_that_is_made_otherwise_is_refused_and_unchanged(case, tmp_path):
    changes, message = OTHERWISE[case]
    path = tmp_path / "checkpoint"
    made("lstm", "adam").save(path)
    changes = dict(changes)
    other = made("lstm", **{"optimizer": "adam", **changes})
    before = everything(other)
    with pytest.raises(ost.ConfigError, match=message):
        other.load(path)
    assert everything(other) == before


def test_there_must_be_something_to_resume():
    with pytest.raises(ost.ConfigError, match="resume is True, but this trainer has not started or loaded"):
        fit(made("rnn", "adam"), resume=True)


@pytest.mark.parametrize("damage", ["missing", "cut off", "a bit", "a model", "nothing"])
def test_a_damaged_file_is_refused_and_the_trainer_unchanged(damage, tmp_path):
    path = tmp_path / "checkpoint"
    trainer = fit(made("rnn", "adam"))
    trainer.save(path)
    content = path.read_bytes()
    if damage == "missing":
        path.unlink()
    elif damage == "cut off":
        path.write_bytes(content[:-1])
    elif damage == "a bit":
        path.write_bytes(content[:300] + bytes([content[300] ^ 1]) + content[301:])
    elif damage == "a model":
        trainer.net.save(path)
    else:
        path.write_bytes(b"")
    other = made("rnn", "adam")
    before = everything(other)
    with pytest.raises((ost.FormatError, OSError)):
        other.load(path)
    assert everything(other) == before


@pytest.mark.parametrize(
    "wrong",
    [
        {"position": {"epoch": 1}},
        {"position": 3},
        {"totals": {"loss": 1.0}},
        {"lesson": {"rows": None}},
        {"optimizer": {}},
        {"parameters": {"a": 1}},
        {"strategies": {}},
        {"made_of": {}},
        {"history": [3]},
        {"plugins": 3},
    ],
)
def test_a_file_that_contradicts_itself_is_refused_and_the_trainer_unchanged(wrong, tmp_path, monkeypatch):
    path = tmp_path / "checkpoint"
    real = checkpoint.save_tree
    monkeypatch.setattr(
        checkpoint, "save_tree", lambda path, kind, tree, more: real(path, kind, {**tree, **wrong}, more)
    )
    fit(made("rnn", "adam")).save(path)
    other = made("rnn", "adam")
    before = everything(other)
    with pytest.raises((ost.FormatError, ost.ConfigError)):
        other.load(path)
    assert everything(other) == before


def test_saving_within_a_hook_is_the_runs_business(tmp_path):
    class Saves:
        @ost.hookimpl
        def ostinato_batch_end(self):
            trainer.save(tmp_path / "checkpoint")

    trainer = ost.Trainer(network(), loss="mse", callbacks=[Saves()])
    with pytest.raises(ost.PluginError, match=r"in a hook: run\.save"):
        trainer.fit(X, TARGETS, epochs=1)
