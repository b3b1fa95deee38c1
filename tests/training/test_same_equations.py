"""A run is resumed with the equations, the code and the data that it began with, or refused by name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import ostinato as ost
from ostinato.plugins.entry import Provider
from tests.training.tasks import running_sum

X, TARGETS = running_sum()
Made = Callable[[float], ost.Trainer]


def cell(k: float) -> type[ost.Cell]:
    class Decays(ost.Cell):
        def parameters(self, size):
            return {"W": ost.Param((size.hidden, size.input))}

        def state(self, size):
            return {"h": ost.State(size.hidden)}

        def step(self, x, state, p):
            h = k * state.h + p.W @ x
            return h, {"h": h}

    return Decays


def numpy_cell(k: float) -> type[ost.Cell]:
    def step(self, x, state, p):
        if float(np.asarray(x).sum()) > 1e30:  # a branch, so it cannot be traced
            return x, {}
        return 2.0 * x, {}

    def other(self, x, state, p):
        if float(np.asarray(x).sum()) > 1e30:
            return x, {}
        return 3.0 * x, {}

    def vjp(self, x, state, p, d):
        return 2.0 * d, {}, {}

    def parameters(self, size):
        return {}

    def states(self, size):
        return {}

    body = {"step": step if k < 1 else other, "vjp": vjp, "parameters": parameters, "state": states}
    return type("Branches", (ost.Cell,), body)


def loss(k: float) -> ost.Loss:
    class Own(ost.Loss):
        def step(self, y, target):
            return k * ost.ops.mean(ost.ops.square(y - target))

    return Own()


def metric(k: float, finish: Any = None) -> ost.Metric:
    class Off(ost.Metric):
        def step(self, y, target):
            return k * ost.ops.mean(ost.ops.abs(y - target))

    if finish is not None:
        Off.finish = finish
    return Off()


def optimizer(k: float) -> ost.Optimizer:
    class Steps(ost.Optimizer):
        def __init__(self, lr: float = 0.01, groups: Any = None) -> None:
            super().__init__(groups)
            self.lr = lr

        def update(self, param, grad, slots, s):
            return param - k * s.lr * grad, {}

    return Steps()


def regularizer(place: str) -> Made:
    def made(k: float) -> ost.Trainer:
        def output(self, y, noise):
            return k * y

        def weight(self, name, w, noise):
            return k * w

        def penalty(self, params, noise):
            return k * ost.ops.sum(ost.ops.sum(ost.ops.square(params["weight_ih"])))

        def training_only(self, y, noise):
            return k * y if noise.training else y

        methods = {"output": output, "weight": weight, "penalty": penalty, "in training": training_only}
        body = {place if place != "in training" else "output": methods[place]}
        changed = type("Changes", (ost.Regularizer,), body)()
        return trainer(ost.RNN(2, 2, regularizers=[changed]))

    return made


def scorer(k: float) -> ost.Trainer:
    class Near(ost.Scorer):
        def step(self, query, key, p, place):
            return k * ost.ops.dot(query, key)

    query = ost.Input("query", size=2)
    y = ost.Attention(Near(), 2, 2)(ost.last(query), query)
    return trainer(ost.Graph(ost.repeat(y, query)))


def schedule_class(k: float) -> ost.Schedule:
    class Falls(ost.Schedule):
        def __call__(self, start, when):
            return start * 0.5

    class Other(ost.Schedule):
        name = "falls"

        def __call__(self, start, when):
            return start * 0.9

    return Falls() if k < 1 else Other()


def curriculum(k: float) -> ost.Curriculum:
    class Order(ost.Curriculum):
        name = "order"

        def lesson(self, when, lengths):
            return ost.Lesson(np.arange(len(lengths)))

    class Reversed(ost.Curriculum):
        name = "order"

        def lesson(self, when, lengths):
            return ost.Lesson(np.arange(len(lengths))[::-1].copy())

    return Order() if k < 1 else Reversed()


def closed(k: float) -> ost.Curriculum:
    class Order(ost.Curriculum):
        name = "order"

        def lesson(self, when, lengths):
            return ost.Lesson(np.arange(len(lengths))[:: 1 if k < 1 else -1].copy())

    return Order()


def scaled(change: Callable[[float], float]) -> Callable[..., float]:
    def schedule(start, when):
        return change(start) if start else schedule(start, when)

    return schedule


def wired(k: float) -> ost.Trainer:
    """Two layers of equal shapes, joined in one order or the other."""
    x = ost.Input("x", size=2)
    a, b = ost.Dense(2, 2, "tanh"), ost.Dense(2, 2)
    h = a(x)
    return trainer(ost.Graph(b(h) + (x if k < 1 else h)))


def trainer(net: ost.Network | None = None, **changes: Any) -> ost.Trainer:
    return ost.Trainer(ost.RNN(2, 2) if net is None else net, **{"loss": "mse", **changes})


# What is made in two ways that share name, shapes and options -> what the message names.
WAYS: dict[str, tuple[Made, str]] = {
    "cell": (lambda k: trainer(ost.Recurrent(cell(k), 2, 2)), "equations of layer 'decays_l0'"),
    "second layer": (
        lambda k: trainer(ost.Sequential(ost.RNN(2, 2), ost.Recurrent(cell(k), 2, 2))),
        "layer '1.decays_l0'",
    ),
    "activation": (
        lambda k: trainer(ost.Dense(2, 2, "tanh" if k < 1 else "sigmoid")),
        "equations of layer 'dense'",
    ),
    "numpy cell": (lambda k: trainer(ost.Recurrent(numpy_cell(k), 2, 2)), "code of layer 'branches_l0'"),
    "loss": (lambda k: trainer(loss=loss(k)), "equations of loss 'own'"),
    "metric": (lambda k: trainer(metrics=[metric(k)]), "equations of metric 'off'"),
    "finish": (
        lambda k: trainer(
            metrics=[metric(1, (lambda self, mean: mean**2) if k < 1 else (lambda self, mean: mean**3))]
        ),
        "code of metric 'off'",
    ),
    "optimizer": (lambda k: trainer(optimizer=optimizer(k)), "equations of optimizer 'steps'"),
    "output": (regularizer("output"), "equations of layer 'rnn_l0'"),
    "weight": (regularizer("weight"), "equations of layer 'rnn_l0'"),
    "penalty": (regularizer("penalty"), "equations of layer 'rnn_l0'"),
    "in training": (regularizer("in training"), "equations of layer 'rnn_l0'"),
    "scorer": (scorer, "equations of"),
    "function": (
        lambda k: trainer(
            schedule=(lambda start, when: start * 0.5) if k < 1 else (lambda start, when: start * 0.9)
        ),
        "code of the schedule",
    ),
    "closure": (lambda k: trainer(schedule=lambda start, when: start * k), "code of the schedule"),
    "closure of a method": (lambda k: trainer(strategies=[closed(k)]), "code of curriculum 'order'"),
    "closure of a closure": (lambda k: trainer(schedule=scaled(lambda x: x * k)), "code of the schedule"),
    "inner function": (
        lambda k: trainer(
            schedule=ost.schedules.WarmUp(
                3, (lambda start, when: start * 0.5) if k < 1 else (lambda start, when: start * 0.9)
            )
        ),
        "code of the schedule",
    ),
    "schedule": (lambda k: trainer(schedule=schedule_class(k)), "code of the schedule"),
    "strategy": (lambda k: trainer(strategies=[curriculum(k)]), "code of curriculum 'order'"),
    "wiring": (wired, "equations of the graph of the network"),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_run_is_not_resumed_with_other_equations_or_code(way, tmp_path):
    made, named = WAYS[way]
    path = tmp_path / "checkpoint"
    first = made(0.5)
    first.fit(X, TARGETS, epochs=1)
    first.save(path)

    made(0.5).fit(X, TARGETS, epochs=2, resume=path)  # the same, made again

    other = made(2.0)
    before = other.net.arena.copy()
    with pytest.raises(ost.ConfigError, match="cannot resume") as error:
        other.fit(X, TARGETS, epochs=2, resume=path)
    assert named in str(error.value) and "ost.load(path)" in str(error.value)
    assert (other.net.arena == before).all() and not other.history.rows


def test_the_parameters_of_a_checkpoint_are_loaded_without_its_run(tmp_path):
    path = tmp_path / "checkpoint"
    first = trainer(ost.Recurrent(cell(0.5), 2, 2), optimizer="adam")
    first.fit(X, TARGETS, epochs=2)
    first.save(path)
    loaded = ost.load(path)
    assert loaded(X).tobytes() == first.net(X).tobytes()
    assert loaded.graph().hash == first.net.graph().hash
    second = trainer(ost.Recurrent(cell(0.9), 2, 2))
    second.net.load_state_dict(loaded.state_dict())
    second.fit(X, TARGETS, epochs=1)


def test_a_tied_and_frozen_network_loads_from_a_checkpoint(tmp_path):
    table = ost.Embedding(5, 4)
    net = ost.Sequential(table, ost.GRU(4, 4), ost.Dense(4, 5, tied_to=table))
    net.freeze("1.*")
    ids = np.arange(40).reshape(8, 5) % 5
    run = ost.Trainer(net, loss="cross_entropy")
    run.fit(ids, ids, epochs=1)
    run.save(tmp_path / "c")
    loaded = ost.load(tmp_path / "c")
    assert loaded(ids).tobytes() == net(ids).tobytes() and loaded.frozen == net.frozen


def test_the_versions_of_a_plugin_are_named_and_compared_where_there_is_no_equation(tmp_path):
    def made(version: str, k: float = 0.5) -> ost.Trainer:
        order = curriculum(k)
        vars(order)["provider"] = Provider("acme:order", "ostinato-acme", version)
        return trainer(strategies=[order])

    made("1.0").save(tmp_path / "c")
    made("1.0").load(tmp_path / "c")
    with pytest.raises(
        ost.ConfigError, match=r"version of curriculum 'order' differs.*1\.0 then, .*2\.0 now"
    ):
        made("2.0").load(tmp_path / "c")
    with pytest.raises(ost.ConfigError, match=r"code of curriculum 'order' differs.*1\.0 then, .*2\.0 now"):
        made("2.0", 2.0).load(tmp_path / "c")


def test_a_plugin_of_another_version_with_the_same_equation_resumes(tmp_path):
    def made(version: str, k: float) -> ost.Trainer:
        net = ost.Recurrent(cell(k), 2, 2)
        vars(net)["provider"] = Provider("acme:decays", "ostinato-acme", version)
        return trainer(net)

    made("1.0", 0.5).save(tmp_path / "c")
    made("2.0", 0.5).load(tmp_path / "c")
    with pytest.raises(ost.ConfigError, match=r"equations of layer 'decays_l0'.*ostinato-acme 1\.0 then"):
        made("2.0", 0.9).load(tmp_path / "c")


ROWS = {
    "fewer rows": (lambda x, t: ((x[:4], t[:4]), {}), "rows"),
    "another row": (lambda x, t: ((np.concatenate([x[:-1], x[:1]]), t), {}), "x"),
    "another order": (lambda x, t: ((x[::-1], t), {}), "x"),
    "one number": (lambda x, t: ((np.where(np.arange(x.size).reshape(x.shape) == 77, 9, x), t), {}), "x"),
    "a target": (lambda x, t: ((x, np.where(np.arange(t.size).reshape(t.shape) == 77, 9, t)), {}), "targets"),
    "lengths": (lambda x, t: ((x, t), {"lengths": np.full(len(x), x.shape[1] - 1)}), "lengths"),
    "weights": (lambda x, t: ((x, t), {"weights": np.full(x.shape[:2], 2.0)}), "weights"),
    "a mask": (
        lambda x, t: ((x, t), {"mask": np.indices(x.shape[:2])[1] > 0}),
        "mask",
    ),
    "a batch size": (lambda x, t: ((x, t), {"batch_size": 5}), "batch_size"),
    "batches by length": (lambda x, t: ((x, t), {"batch_size": ost.data.ByLength(4)}), "batch_size"),
    "validation": (lambda x, t: ((x, t), {"validation": (x[:3], t[:3])}), "validation rows"),
}


@pytest.mark.parametrize("how", ["a file", "the same trainer"])
@pytest.mark.parametrize("case", ROWS)
def test_other_data_is_noticed(case, how, tmp_path):
    change, named = ROWS[case]
    path = tmp_path / "checkpoint"
    first = trainer()
    options: dict[str, Any] = {"batch_size": 4, "validation": (X, TARGETS)}
    first.fit(X, TARGETS, epochs=1, **options)
    first.save(path)
    resumed = first if how == "the same trainer" else trainer()
    data, changes = change(X, TARGETS)
    before = resumed.net.arena.copy(), len(resumed.history)
    resume: Any = True if how == "the same trainer" else path
    with pytest.raises(ost.ConfigError, match="cannot resume: the data differs") as error:
        resumed.fit(*data, epochs=2, resume=resume, **{**options, **changes})
    assert f"run in {named}" in str(error.value)
    assert (resumed.net.arena == before[0]).all() and len(resumed.history) == before[1]
    # Without resume, the trainer learns from other data.
    resumed.load(path)
    resumed.fit(*data, epochs=1, **{**options, **changes})


def test_the_same_rows_in_another_form_are_the_same_data(tmp_path):
    lengths = np.arange(len(X)) % 5 + 1
    first = trainer()
    garbage = np.where(np.arange(X.shape[1])[None, :, None] < lengths[:, None, None], X, np.nan)
    first.fit(garbage, TARGETS, lengths=lengths, epochs=1, batch_size=4)
    first.save(tmp_path / "c")
    rows, targets = ([one[:n] for one, n in zip(values, lengths, strict=True)] for values in (X, TARGETS))
    for x, t, more in ((X.astype("float64"), TARGETS, {"lengths": list(lengths)}), (rows, targets, {})):
        trainer().fit(x, t, epochs=2, batch_size=4, resume=tmp_path / "c", **more)


def test_other_batches_of_an_iterable_are_noticed_within_the_epoch(tmp_path):
    path = tmp_path / "checkpoint"

    class Cut:
        @ost.hookimpl
        def ostinato_batch_end(self, run, step):
            if step == 1:
                run.save(path)
                run.stop("enough")

    class Data:
        """An iterable without a length, of which nothing is known before it is used."""

        def __init__(self, items):
            self.items = items

        def __iter__(self):
            return iter(self.items)

    batches = [(X[n : n + 2], TARGETS[n : n + 2]) for n in range(0, 10, 2)]
    trainer(callbacks=[Cut()]).fit(Data(batches), epochs=1)
    trainer().fit(Data(batches), epochs=1, resume=path)
    other = [*batches[:1], (X[:2] + 1, TARGETS[:2]), *batches[2:]]
    with pytest.raises(ost.ConfigError, match=r"cannot resume: batch 1 .* differs .* in x"):
        trainer().fit(Data(other), epochs=1, resume=path)


def test_a_checkpoint_without_equations_is_one_of_an_earlier_release(tmp_path, monkeypatch):
    from ostinato.training import checkpoint

    real = checkpoint.save_tree

    def old(path: Any, kind: str, tree: Any, more: Any) -> None:
        made_of = {key: value for key, value in tree["made_of"].items() if key != "made_by"}
        real(path, kind, {**{k: v for k, v in tree.items() if k != "seen"}, "made_of": made_of})

    monkeypatch.setattr(checkpoint, "save_tree", old)
    first = trainer()
    first.fit(X, TARGETS, epochs=1)
    first.save(tmp_path / "c")
    resumed = trainer()
    resumed.fit(X, TARGETS, epochs=2, resume=tmp_path / "c")
    assert len(resumed.history) == 2


ITERABLES = {
    "a list of batches": lambda x: [(x[n : n + 2], TARGETS[n : n + 2]) for n in range(0, 10, 2)],
    "a tuple of batches": lambda x: tuple(ost.Batch(x[n : n + 5], TARGETS[n : n + 5]) for n in (0, 5)),
    "batches by length": lambda x: ost.data.Batches(x, TARGETS, batch_size=4),
    "fewer batches": lambda x: [(x[:2], TARGETS[:2])] * (3 if x is X else 2),
}


@pytest.mark.parametrize("how", ["a file", "the same trainer"])
@pytest.mark.parametrize("case", ITERABLES)
def test_other_batches_are_noticed_between_epochs(case, how, tmp_path):
    make = ITERABLES[case]
    first = trainer()
    first.fit(make(X), epochs=1)
    first.save(tmp_path / "c")
    resume: Any = True if how == "the same trainer" else tmp_path / "c"
    with pytest.raises(ost.ConfigError, match="cannot resume: the data differs"):
        (first if resume is True else trainer()).fit(make(X + (X > 2)), epochs=2, resume=resume)
    assert len(trainer().fit(make(X), epochs=2, resume=tmp_path / "c")) == 2


def test_other_ids_of_a_stream_are_noticed(tmp_path):
    ids = np.arange(60) % 4
    made = [
        ost.Trainer(ost.Sequential(ost.Embedding(4, 3), ost.Dense(3, 4)), loss="cross_entropy") for _ in "abc"
    ]
    made[0].fit(ost.data.Streams(ids, 3, 5), epochs=1)
    made[0].save(tmp_path / "c")
    for other in (ost.data.Streams(ids[::-1], 3, 5), ost.data.Streams(ids, 3, 4)):
        with pytest.raises(ost.ConfigError, match=r"cannot resume: the data differs .* in data"):
            made[1].fit(other, epochs=2, resume=tmp_path / "c")
    made[2].fit(ost.data.Streams(ids, 3, 5), epochs=2, resume=tmp_path / "c")


def test_a_batch_that_no_network_takes_keeps_its_own_message():
    with pytest.raises(ost.OstinatoError, match="targets"):
        trainer().fit([(X, TARGETS), (X, TARGETS[:, :, 0])], epochs=1)
    with pytest.raises(ost.OstinatoError, match="batch 1"):
        trainer().fit([(X, TARGETS), 3], epochs=1)


def test_what_a_schedule_counts_itself_does_not_refuse_a_run(tmp_path):
    def counted():
        calls = 0

        def schedule(start, when):
            nonlocal calls
            calls += 1
            return start

        return schedule

    first = trainer(schedule=counted())
    first.fit(X, TARGETS, epochs=1)
    first.save(tmp_path / "checkpoint")
    trainer(schedule=counted()).fit(X, TARGETS, epochs=2, resume=tmp_path / "checkpoint")
