"""Ranks that train one network together, here as threads, compared with one process."""

from __future__ import annotations

import io
from collections.abc import Callable
from contextlib import redirect_stderr
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.io.tree import CHECKPOINT, load_tree
from ostinato.network.model_file import MODEL_KEYS
from ostinato.parallel import shards as trees
from ostinato.training.core import NetworkCore
from tests.parallel.threads import Aborted, Rank, on_ranks

RNG = np.random.default_rng(0)
# 13 rows: batches of 6, 6 and 1, whose last one has three shards without rows; some rows have no steps
X = RNG.normal(size=(13, 7, 3)).astype("float32")
Y = RNG.normal(size=(13, 7, 5)).astype("float32")
LENGTHS = np.array([7, 0, 3, 7, 1, 0, 5, 6, 7, 2, 4, 7, 3])
RAGGED = [row[:length] for row, length in zip(X, LENGTHS, strict=True)]
RAGGED_Y = [row[:length] for row, length in zip(Y, LENGTHS, strict=True)]


def _plain() -> Any:
    return ost.Sequential(ost.LSTM(3, 5), ost.Dense(5, 5))


def _noisy() -> Any:
    regularizers = [ost.Dropout(0.3), ost.L2(0.01), ost.ActivationPenalty(0.1)]
    return ost.Sequential(ost.Recurrent("lstm", 3, 5, regularizers=regularizers), ost.Dense(5, 5))


def _trained(make: Callable[[], Any], communicator: Any = None, **options: Any) -> tuple[Any, Any]:
    """The parameters and the history of a training with shards."""
    fit = {"lengths": LENGTHS, "epochs": 2, "batch_size": 6, "progress": False, **options.pop("fit", {})}
    data = options.pop("data", (X, Y))
    strategies = [ost.DataParallel(communicator, shards=options.pop("shards", 4))]
    strategies += options.pop("strategies", [])
    trainer = ost.Trainer(make(), loss="mse", strategies=strategies, **options)
    trainer.fit(*data, **fit)
    return trainer.net.arena.copy(), trainer.history.rows


def _same_on_ranks(work: Callable[[Any], tuple[Any, Any]], sizes: tuple[int, ...] = (1, 2, 4)) -> Any:
    """The result of one process, after comparing its bits with those of ranks."""
    arena, history = work(None)
    for size in sizes:
        for found in on_ranks(size, work):
            if isinstance(found, BaseException):
                raise found
            assert np.array_equal(found[0], arena) and found[1] == history, f"{size} ranks"
    return arena, history


@pytest.mark.parametrize("make", [_plain, _noisy])
def test_one_two_three_and_four_ranks_have_the_same_bits_as_one_process(make: Callable[[], Any]) -> None:
    arena, _ = _same_on_ranks(lambda rank: _trained(make, rank), (1, 2, 3, 4))
    trainer = ost.Trainer(make(), loss="mse")
    trainer.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
    # another order of float32 sums, through 6 updates
    assert np.abs(trainer.net.arena - arena).max() < 1e-6


def test_rows_of_a_list_have_the_same_bits() -> None:
    _same_on_ranks(lambda rank: _trained(_noisy, rank, data=(RAGGED, RAGGED_Y), fit={"lengths": None}), (2,))


def test_updates_between_windows_carry_the_state_of_the_rows_of_a_rank() -> None:
    windows = ost.strategies.Truncated(2, update_every=4)
    arena, history = _same_on_ranks(lambda rank: _trained(_noisy, rank, strategies=[windows]), (2, 4))
    assert history[-1]["step"] == 12
    trainer = ost.Trainer(_noisy(), loss="mse", strategies=[windows])
    trainer.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
    # another order of float32 sums, through 12 updates; a state that is lost changes much more
    assert np.abs(trainer.net.arena - arena).max() < 1e-6


def test_accumulated_batches_and_validation_have_the_same_bits() -> None:
    _same_on_ranks(lambda rank: _trained(_noisy, rank, accumulate=2, fit={"validation": (X, Y)}), (2,))


@pytest.mark.parametrize("reduction", ["mean", "sum"])
@pytest.mark.parametrize("weights", [False, True])
def test_parts_add_up_to_the_whole(reduction: str, weights: bool) -> None:
    net = _noisy()
    trainer = ost.Trainer(net, loss="mse", reduction=reduction)
    core = NetworkCore(net, trainer._terms.objectives["output"])
    batch = ost.Batch(X, Y, LENGTHS, RNG.uniform(size=(13, 7)) if weights else None, seed=3)
    loss, grads = core.value_and_grad(batch)
    parts = [core.part_and_grad(batch, slice(*ends)) for ends in ((0, 5), (5, 5), (5, 6), (6, 13))]
    assert sum(part for part, _ in parts) == pytest.approx(loss, rel=1e-5)
    assert sum(one.penalty for _, one in parts) == pytest.approx(grads.penalty, rel=1e-5)
    total = np.sum([one.arena for _, one in parts], axis=0)
    assert np.abs(total - grads.arena).max() <= 1e-5 * np.abs(grads.arena).max()
    state = np.concatenate([next(iter(one.final_state.values())) for _, one in parts], axis=1)
    # a group of other rows has the same bits for each row
    assert np.array_equal(state, next(iter(grads.final_state.values())))


def test_parts_of_several_outputs_and_of_rows_add_up() -> None:
    x = ost.Input("x", size=3)
    h = ost.GRU(3, 5)(x)
    net = ost.Graph({"tags": ost.Dense(5, 5)(h), "mood": ost.Dense(5, 2)(ost.Last()(h))})
    trainer = ost.Trainer(net, loss={"tags": "mse", "mood": "cross_entropy"})
    core = NetworkCore(net, trainer._terms.objectives)
    axes = ost.Axes({"x": "time"}, {"tags": "time", "mood": "row"})
    targets = {"tags": Y, "mood": np.arange(13) % 2}
    batch = ost.Batch(X, targets, LENGTHS, seed=3, axes=axes)
    loss, grads = core.value_and_grad(batch)
    parts = [core.part_and_grad(batch, slice(*ends)) for ends in ((0, 2), (2, 13))]
    assert sum(part for part, _ in parts) == pytest.approx(loss, rel=1e-5)
    for name, one in grads.losses.items():
        assert sum(part.losses[name] for _, part in parts) == pytest.approx(one, rel=1e-5)
    total = np.sum([one.arena for _, one in parts], axis=0)
    assert np.abs(total - grads.arena).max() <= 1e-5 * np.abs(grads.arena).max()


def test_penalties_of_steps_follow_their_axes_whatever_the_order_of_the_batch() -> None:
    penalty: dict[str, Any] = {"regularizers": [ost.ActivationPenalty(0.5)]}
    left, right = (ost.Input(name, size=3, axis=name) for name in ("left", "right"))
    layers = [ost.Recurrent("gru", 3, 5, **penalty)(one) for one in (left, right)]
    net = ost.Graph(ost.Dense(5, 2)(ost.last(layers[0]) + ost.last(layers[1])))
    core = NetworkCore(net, ost.Trainer(net, loss="mse")._terms.objectives["output"])
    x, lengths = {"left": X, "right": X[:, :4]}, {"left": LENGTHS, "right": np.full(13, 4)}
    axes = ost.Axes({"right": "right", "left": "left"}, {"output": "row"})
    batch = ost.Batch(x, Y[:, 0, :2], lengths, seed=3, axes=axes)
    _, grads = core.value_and_grad(batch)
    parts = [core.part_and_grad(batch, slice(*ends)) for ends in ((0, 2), (2, 13))]
    assert sum(one.penalty for _, one in parts) == pytest.approx(grads.penalty, rel=1e-5)
    total = np.sum([one.arena for _, one in parts], axis=0)
    # another order of float32 sums
    assert np.abs(total - grads.arena).max() <= 1e-5 * np.abs(grads.arena).max()


def test_an_empty_batch_has_the_penalties_on_parameters_once() -> None:
    def work(rank: Any) -> Any:
        def data() -> Any:
            yield X[:0], Y[:0]
            yield X[:3], Y[:3]

        class Stream:
            def __iter__(self) -> Any:
                return data()

        def make() -> Any:
            return ost.Sequential(ost.Recurrent("lstm", 3, 5, regularizers=[ost.L2(0.5)]), ost.Dense(5, 5))

        fit = {"lengths": None, "batch_size": None}
        return _trained(make, rank, data=(Stream(),), fit=fit, optimizer=ost.SGD(0.1))

    arena, history = _same_on_ranks(work)
    assert history[-1]["step"] == 4
    one = ost.DataParallel.core
    try:  # the same without shards
        ost.DataParallel.core = lambda self, local: local  # type: ignore[method-assign]
        whole, _ = work(None)
    finally:
        ost.DataParallel.core = one  # type: ignore[method-assign]
    # another order of float32 sums, through 4 updates
    assert np.abs(whole - arena).max() < 1e-6


@pytest.mark.parametrize(
    "regularizers",
    [
        [ost.VariationalDropout(0.3)],
        [ost.RecurrentDropout(0.3)],
        [ost.WeightDrop(0.3)],
        [ost.Zoneout(0.2)],
        [ost.TemporalActivationPenalty(0.1), ost.LayerNorm()],
    ],
    ids=lambda made: type(made[0]).__name__,
)
def test_masks_and_regularizers_have_the_same_bits_on_ranks(regularizers: list[Any]) -> None:
    mask = RNG.uniform(size=(13, 7)) < 0.7

    def make() -> Any:
        return ost.Sequential(ost.Recurrent("lstm", 3, 5, regularizers=regularizers), ost.Dense(5, 5))

    arena, _ = _same_on_ranks(
        lambda rank: _trained(make, rank, fit={"lengths": None, "mask": mask, "epochs": 1}), (2, 4)
    )
    trainer = ost.Trainer(make(), loss="mse")
    trainer.fit(X, Y, mask=mask, epochs=1, batch_size=6, progress=False)
    # another order of float32 sums, through 3 updates
    assert np.abs(trainer.net.arena - arena).max() < 1e-6


@pytest.mark.parametrize("name", ["Reinforce", "MinimumRisk"])
def test_estimators_that_sum_gradients_have_the_same_bits_on_ranks(name: str) -> None:
    made = getattr(pytest.importorskip("ostinato_reinforce", reason="make test installs the plugin"), name)
    ids = RNG.integers(0, 5, (13, 7))
    lengths = np.maximum(LENGTHS, 1)

    def twos(ids: Any, lengths: Any, targets: Any) -> Any:
        return (ids == 2).sum(1)

    def work(rank: Any, execution: Any = None) -> Any:
        net = ost.Sequential(ost.Embedding(6, 4), ost.GRU(4, 5), ost.Dense(5, 6))
        estimator = made(twos, end=5, max_length=5, rollouts=3)
        strategies = [execution or ost.DataParallel(rank), estimator]
        trainer = ost.Trainer(net, loss="cross_entropy", optimizer=ost.SGD(0.1), strategies=strategies)
        trainer.fit(ids[:, :-1], ids[:, 1:], lengths=lengths - 1, epochs=1, batch_size=6, progress=False)
        return trainer.net.arena.copy(), trainer.history.rows

    arena, _ = _same_on_ranks(work, (2, 4))
    whole, _ = work(None, "local")
    # another order of float32 sums, through 3 updates
    assert np.abs(whole - arena).max() < 1e-6


class _Stops(ost.Callback):
    """Saves in the middle of an epoch, and stops."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @ost.hookimpl
    def ostinato_batch_end(self, run: ost.TrainingRun, step: int) -> None:
        if step == 7:
            run.save(self.path)
            run.stop("enough")


@pytest.mark.parametrize("sizes", [(2, 4), (4, 1), (1, 2)])
def test_a_run_resumes_on_another_number_of_ranks(sizes: tuple[int, int], tmp_path: Path) -> None:
    windows = ost.strategies.Truncated(2, update_every=4)
    whole, history = _trained(_noisy, None, strategies=[windows], callbacks=[_Stops(tmp_path / "unused")])
    stopped, _ = whole, history

    def first(rank: Any) -> tuple[Any, Any]:
        path = tmp_path / "checkpoint" if rank.rank == 0 else tmp_path / "not there" / "checkpoint"
        return _trained(_noisy, rank, strategies=[windows], callbacks=[_Stops(path)])

    assert not any(isinstance(one, BaseException) for one in on_ranks(sizes[0], first))

    def then(rank: Any) -> tuple[Any, Any]:
        # only the chief needs the file
        path = tmp_path / "checkpoint" if rank.rank == 0 else tmp_path / "not there" / "checkpoint"
        callbacks = [_Stops(tmp_path / "again")]
        return _trained(_noisy, rank, strategies=[windows], callbacks=callbacks, fit={"resume": path})

    expected, losses = _trained(_noisy, None, strategies=[windows])
    del stopped
    for found in on_ranks(sizes[1], then):
        if isinstance(found, BaseException):
            raise found
        assert np.array_equal(found[0], expected) and found[1] == losses


def test_after_fit_the_chief_alone_may_save_the_state_of_all_ranks(tmp_path: Path) -> None:
    windows = ost.strategies.Truncated(2, update_every=4)

    def first(rank: Rank) -> None:
        stops = _Stops(tmp_path / "in the run")
        strategies = [ost.DataParallel(rank), windows]
        trainer = ost.Trainer(_noisy(), loss="mse", strategies=strategies, callbacks=[stops])
        if rank.rank == 0:
            trainer.save(tmp_path / "before")
        trainer.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
        assert trainer.run.carried is not None
        if rank.rank == 0:
            trainer.save(tmp_path / "after")

    assert on_ranks(2, first) == [None, None]
    files = [load_tree(tmp_path / name, CHECKPOINT, MODEL_KEYS) for name in ("in the run", "after")]
    in_the_run, after = (file["carried"] for file in files)
    assert in_the_run.keys() == after.keys() != set()
    for name, one in in_the_run.items():
        assert np.array_equal(one, after[name]) and one.any()


def test_after_an_error_of_all_ranks_the_chief_alone_may_save_the_state_of_all_ranks(tmp_path: Path) -> None:
    windows = ost.strategies.Truncated(2, update_every=4)
    path = tmp_path / "after"

    def first(rank: Rank) -> str:
        strategies = [ost.DataParallel(rank), windows]

        def act(run: ost.TrainingRun) -> None:
            run.stop("early")

        callbacks = [_Changes(act, at=7)]  # in the middle of an epoch
        trainer = ost.Trainer(_noisy(), loss="mse", strategies=strategies, callbacks=callbacks)
        with pytest.raises(ost.RankError, match="do different things"):
            trainer.fit(X, Y, lengths=LENGTHS, epochs=2, batch_size=6, progress=False)
        if rank.rank == 0:
            trainer.save(path)
        return trainer.run.stopped

    assert on_ranks(2, first) == ["", "early"]
    whole, history = _trained(_noisy, None, strategies=[windows])
    stops = _Stops(tmp_path / "in the run")
    _trained(_noisy, None, strategies=[windows], callbacks=[stops])
    files = [load_tree(file, CHECKPOINT, MODEL_KEYS) for file in (stops.path, path)]
    in_the_run, after = (file["carried"] for file in files)
    assert in_the_run.keys() == after.keys() != set()
    for name, one in in_the_run.items():
        assert np.array_equal(one, after[name]) and one.any()
    callbacks = [_Changes(lambda run: None)]
    found = _trained(_noisy, None, strategies=[windows], callbacks=callbacks, fit={"resume": path})
    assert np.array_equal(found[0], whole) and found[1] == history


def test_a_state_that_cannot_be_collected_after_an_error_is_an_error_of_save(tmp_path: Path) -> None:
    def work(rank: Rank) -> None:
        class Stream:
            def __iter__(self) -> Any:
                yield X[:4], Y[:4]
                if rank.rank == 0:
                    yield X[4:8], Y[4:8]

        trainer = ost.Trainer(_plain(), loss="mse", strategies=[ost.DataParallel(rank)])
        with pytest.raises(ost.RankError, match="rank 0 is at gradient 1 of fit, rank 1 ends fit"):
            trainer.fit(Stream(), epochs=1, progress=False)
        if rank.rank == 0:
            with pytest.raises(ost.RankError, match="load a checkpoint on all ranks"):
                trainer.save(tmp_path / "after")
            assert not (tmp_path / "after").exists()
        trainer.load(tmp_path / "before")
        if rank.rank == 0:
            trainer.save(tmp_path / "after")

    ost.Trainer(_plain(), loss="mse", strategies=["data_parallel"]).save(tmp_path / "before")
    assert on_ranks(2, work) == [None, None]
    assert (tmp_path / "after").exists()


def _differ(change: Callable[[Rank], dict[str, Any]]) -> list[str]:
    """The errors of two ranks, one of which has other arguments; each rank raises, and none is aborted."""

    def work(rank: Rank) -> Any:
        return _trained(_plain, rank, **(change(rank) if rank.rank else {}))

    found = on_ranks(2, work)
    assert all(isinstance(one, ost.ConfigError) for one in found), found
    return [str(one) for one in found]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"seed": 3}, "seed: 0 on rank 0, 3 on rank 1"),
        ({"optimizer": ost.SGD(0.1)}, "optimizer: 'adam' on rank 0, 'sgd' on rank 1"),
        ({"data": (X + 1, Y)}, "x (the data)"),
        ({"fit": {"epochs": 3}}, "epochs: 2 on rank 0, 3 on rank 1"),
        ({"fit": {"batch_size": 5}}, "batch_size (the data): 6 on rank 0, 5 on rank 1"),
        ({"shards": 8}, "shards=4"),
        ({"schedule": lambda start, when: start}, "schedule"),
    ],
)
def test_a_rank_that_differs_is_refused_on_every_rank_before_training(
    change: dict[str, Any], message: str
) -> None:
    for error in _differ(lambda rank: change):
        assert message in error and "the ranks differ in" in error, error


def test_a_rank_with_other_parameters_is_refused() -> None:
    def work(rank: Rank) -> Any:
        def make() -> Any:
            net = _plain()
            net.arena[0] += rank.rank
            return net

        return _trained(make, rank)

    assert all("the parameters" in str(one) for one in on_ranks(2, work))


class _Changes(ost.Callback):
    """Changes a parameter on one rank, or something else."""

    def __init__(self, act: Callable[[ost.TrainingRun], None], at: int = 2) -> None:
        self.act, self.at = act, at

    @ost.hookimpl
    def ostinato_batch_end(self, run: ost.TrainingRun, step: int) -> None:
        if step == self.at and not run.chief:
            self.act(run)


def _with(act: Callable[[ost.TrainingRun], None], size: int = 2, check_every: int = 1) -> list[Any]:
    def work(rank: Rank) -> Any:
        strategy = ost.DataParallel(rank, check_every=check_every)
        trainer = ost.Trainer(_plain(), loss="mse", strategies=[strategy], callbacks=[_Changes(act)])
        trainer.fit(X, Y, epochs=3, batch_size=6, progress=False)

    with redirect_stderr(io.StringIO()) as printed:
        return [*on_ranks(size, work), printed.getvalue()]


def test_parameters_that_drift_apart_are_noticed_at_the_next_comparison() -> None:
    def act(run: ost.TrainingRun) -> None:
        run.net.arena[0] += 1

    for check_every in (1, 100):  # the last comparison is at the end of fit
        for one in _with(act, check_every=check_every)[:2]:
            assert isinstance(one, ost.RankError) and "the parameters" in str(one)


@pytest.mark.parametrize("what", ["stop", "save"])
def test_a_rank_that_does_something_alone_is_an_error_and_no_deadlock(what: str, tmp_path: Path) -> None:
    def act(run: ost.TrainingRun) -> None:
        run.stop("early") if what == "stop" else run.save(tmp_path / "file")

    for one in _with(act)[:2]:
        assert isinstance(one, ost.RankError) and "the ranks do different things: rank 0 is at" in str(one)


def test_ranks_that_save_in_the_last_hook_or_read_a_file_alone_are_refused(tmp_path: Path) -> None:
    class Saves(ost.Callback):
        """On one rank, where nothing else is exchanged until the end of the epoch."""

        @ost.hookimpl
        def ostinato_epoch_end(self, run: ost.TrainingRun, epoch: int) -> None:
            if run.chief and epoch == 1:
                run.save(tmp_path / "file")

    for found in on_ranks(2, lambda rank: _trained(_plain, rank, callbacks=[Saves()])):
        assert isinstance(found, ost.RankError), found
        assert "rank 0 writes a checkpoint, rank 1 ends fit" in str(found)
    assert not (tmp_path / "file").exists()
    ost.Trainer(_plain(), loss="mse", strategies=["data_parallel"]).save(tmp_path / "file")

    def loads(rank: Rank) -> None:
        trainer = ost.Trainer(_plain(), loss="mse", strategies=[ost.DataParallel(rank)])
        if rank.rank == 0:
            trainer.load(tmp_path / "file")
        trainer.fit(X, Y, epochs=1, progress=False)

    for one in on_ranks(2, loads):
        assert isinstance(one, ost.RankError) and "rank 0 reads a checkpoint, rank 1 starts fit" in str(one)


def test_a_file_that_the_chief_cannot_read_is_an_error_on_every_rank(tmp_path: Path) -> None:
    def loads(rank: Rank) -> None:
        ost.Trainer(_plain(), loss="mse", strategies=[ost.DataParallel(rank)]).load(tmp_path / "no file")

    first, second = on_ranks(2, loads)
    assert isinstance(first, FileNotFoundError)
    assert isinstance(second, ost.RankError) and "rank 0 reads a checkpoint and fails: File" in str(second)


def test_a_rank_that_raises_aborts_the_others() -> None:
    def act(run: ost.TrainingRun) -> None:
        raise ZeroDivisionError("of one rank")

    first, second, printed = _with(act)
    assert isinstance(first, Aborted)
    assert isinstance(second, ost.PluginError)
    assert "ZeroDivisionError: of one rank" in printed


def test_only_the_chief_writes_and_prints(tmp_path: Path) -> None:
    def work(rank: Rank) -> Any:
        folder = tmp_path / str(rank.rank)
        folder.mkdir()
        callbacks = [ost.Checkpoints(folder / "checkpoint"), ost.CSVLog(folder / "log.csv")]
        return _trained(_plain, rank, callbacks=callbacks, fit={"progress": True})

    with redirect_stderr(io.StringIO()) as printed:
        found = on_ranks(2, work)
    assert not any(isinstance(one, BaseException) for one in found), found
    assert sorted(one.name for one in (tmp_path / "0").iterdir()) == ["checkpoint", "log.csv"]
    assert list((tmp_path / "1").iterdir()) == []
    assert printed.getvalue().count("epoch 1") == 1


def test_batches_of_an_iterable_that_differ_are_noticed() -> None:
    def work(rank: Rank) -> Any:
        class Stream:
            def __iter__(self) -> Any:
                yield X[:4] + rank.rank, Y[:4]
                yield X[4:8], Y[4:8]

        return _trained(_plain, rank, data=(Stream(),), fit={"lengths": None, "batch_size": None})

    for one in on_ranks(2, work):
        assert isinstance(one, ost.RankError) and "the batch" in str(one)


def test_more_ranks_than_shards_are_refused() -> None:
    for one in on_ranks(3, lambda rank: ost.DataParallel(rank, shards=2)):
        assert isinstance(one, ost.ConfigError) and "write shards=3" in str(one)


def test_a_communicator_that_lacks_something_is_refused() -> None:
    with pytest.raises(ost.DTypeError, match="expected an instance of"):
        ost.DataParallel(object())  # type: ignore[arg-type]


def test_two_executions_are_refused() -> None:
    with pytest.raises(ost.ConfigError, match="two of the role 'execution'"):
        ost.Trainer(_plain(), loss="mse", strategies=["local", "data_parallel"])


@pytest.mark.parametrize("shards", [1, 2, 3, 4, 5, 8])
def test_the_tree_of_sums_does_not_depend_on_the_ranks(shards: int) -> None:
    """Values are texts, so that a sum shows its order."""

    def add(left: str, right: str) -> str:
        return f"({left}{right})"

    for size in range(1, shards + 1):
        known: dict[Any, str | None] = {}
        for rank in range(size):
            own = trees.shards_of(rank, size, shards)
            leaves = {(0, shard): str(shard) for shard in own}
            known |= {node: trees.added(node, leaves, shards, add) for node in trees.nodes_of(own, shards)}
        total = trees.added(trees.root(shards), known, shards, add)
        expected = {1: "0", 2: "(01)", 3: "((01)2)", 4: "((01)(23))", 5: "(((01)(23))4)"}
        assert total == expected.get(shards, "(((01)(23))((45)(67)))")


def test_rows_are_divided_and_the_first_shard_has_some() -> None:
    for rows in (0, 1, 2, 5, 64):
        ends = [trees.rows_of(shard, 4, rows) for shard in range(4)]
        assert [row for one in ends for row in range(one.start, one.stop)] == list(range(rows))
        assert rows == 0 or ends[0].stop > 0
