"""All that has a name: optimizers, schedules, strategies, losses, metrics, regularizers, cells."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import ostinato as ost
from ostinato.plugins.registry import registry
from ostinato.schedules import Schedule
from tests.audit.form import Call, Refused
from tests.audit.subjects.shared import IDS, LENGTHS, F, N, T, X, Y, history
from tests.audit.subjects.trainer import pair, trained


def stepped(make: Callable[..., Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{"lr": 0.1, **options})
        params = {"weight": np.arange(4.0), "bias": np.ones(2)}
        for n in range(3):
            made.step(params, {name: np.cos(one + n) for name, one in params.items()})
        return params

    return result


GROUPS = pair("groups", None, {"bias": {"weight_decay": 0.5}})
RATES = pair("groups", None, {"bias": {"lr": 0.5}})


def course(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{**required, **options})
        values = []
        for epoch in range(12):
            when = ost.Moment(epoch, 4 * epoch, epoch / 12)
            values.append(made(0.5, when))
            if isinstance(made, Schedule):
                loss = 1.0 / (1 + min(epoch, 3)) - (0.004 * epoch if epoch > 5 else 0.0)
                made.observe({"loss": loss, "val_loss": 1 + epoch % 3, "val_rmse": 2.0 + epoch})
        return values

    return result


REQUIRED: dict[str, dict[str, Any]] = {
    "exponential": {"decay": 0.9},
    "step": {"every": 2},
    "time_based": {"decay": 0.1},
    "warm_up": {"steps": 9},
    "plateau": {"patience": 1},
    "truncated": {"k1": 1},
    "curriculum/length": {"start": 2},
    "reinforce/reinforce": {"end": 0, "max_length": 4},
    "reinforce/minimum_risk": {"end": 0, "max_length": 4, "sharpness": 0.5},
}
OPTIONS: dict[str, dict[str, Any]] = {
    "adam": {"groups": GROUPS},
    "adamw": {"groups": GROUPS},
    "adagrad": {"groups": GROUPS},
    "rmsprop": {"groups": GROUPS},
    "sgd": {"groups": GROUPS, "nesterov": pair("nesterov", False, True, momentum=0.5)},
    "optimizers/lion": {"groups": RATES, "betas": pair("betas", (0.9, 0.99), (0.99, 0.0))},
    "optimizers/lamb": {"groups": RATES},
    "optimizers/lars": {"groups": GROUPS},
    "optimizers/adafactor": {"groups": RATES},
    "optimizers/lookahead": {
        "base": pair("base", "adam", "sgd"),
        "base_options": pair("base_options", None, {"weight_decay": 0.5}),
        "k": pair("k", 1, 2),
        "alpha": pair("alpha", 0.5, 0.9, k=1),
        "groups": RATES,
    },
    "plateau": {
        "metric": pair("metric", "loss", "val_loss"),
        "mode": pair("mode", "min", "max", metric="val_rmse"),
        "min_delta": pair("min_delta", 0.0, 0.9, metric="loss", patience=2),
    },
    "warm_up": {"then": pair("then", None, ost.schedules.Exponential(0.5))},
    "truncated": {
        "k1": pair("k1", 1, 2),
        "k2": pair("k2", 1, 3),
        "update_every": pair("update_every", None, 2),
    },
    "curriculum/length": {
        "longer": pair("longer", "cut", "wait"),
        "order": pair("order", "shuffled", "short_first"),
    },
    "sampling/scheduled_sampling": {
        "decay": pair("decay", "linear", "exponential", k=0.5),
    },
    "reinforce/reinforce": {
        "reward": pair("reward", "edit", "exact"),
        "end": pair("end", 0, 1),
        "max_length": pair("max_length", 4, 2),
        "baseline": pair("baseline", "none", "greedy"),
        "momentum": pair("momentum", 0.9, 0.1, baseline="running"),
    },
    "reinforce/minimum_risk": {
        "reward": pair("reward", "edit", "exact"),
        "end": pair("end", 0, 1),
        "max_length": pair("max_length", 4, 2),
    },
    "dropout": {"where": pair("where", "input", "output")},
    "skip_connection": {"state": Refused("c", "'c'")},
    "temporal_activation_penalty": {"state": Refused("c", "'c'")},
    "regularizers/norm_stabilizer": {"state": Refused("c", "'c'")},
    "weight_drop": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "regularizers/spectral_norm": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "regularizers/weight_norm": {"weights": pair("weights", "weight_ih*", "weight_hh*")},
    "gru": {"reset": pair("reset", "before", "after")},
    "cross_entropy": {"class_weight": pair("class_weight", None, (0.5, 2.0, 1.0, 0.1, 3.0, 1.5))},
    "ctc": {"blank": pair("blank", 0, 2, labels=2)},
    "gaussian_nll": {"smallest": pair("smallest", 1e-6, 5.0)},
    "pinball": {"quantiles": pair("quantiles", (0.5,), (0.9,))},
    "data_parallel": {
        "communicator": Refused(object(), "expected an instance of ost.Communicator"),
        # ranks compare checksums; one process has nothing to compare
        "check_every": Refused(0, "check_every"),
    },
    "mpi/mpi": {
        "comm": Refused(3, "comm"),
        "check_every": Refused(0, "check_every"),
        "threads": Refused(0, "threads is 0"),
    },
    "ray/ray": {"check_every": Refused(0, "check_every")},
    "checkpointed": {"budget": Refused("nothing", "budget")},
}


def strategy(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**{**required, **options})
        if made.role == "feeding" or getattr(made, "samples", False):
            return written(made)
        return trained(strategies=[made], metrics=["mae"], lengths=LENGTHS)

    return result


def written(strategy: Any) -> Any:
    """A training of a network that is fed the ids it predicts."""
    net = ost.Sequential(ost.Embedding(F, 4), ost.GRU(4, 4), ost.Dense(4, F))
    made = ost.Trainer(net, loss="cross_entropy", strategies=[strategy])
    made.fit(IDS[:, :-1], IDS[:, 1:], epochs=4, batch_size=4, lengths=np.minimum(LENGTHS, T - 1))
    return history(made), net.arena.copy()


def loss_of(make: Callable[..., Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = make(**options)
        labels = np.ones((N, getattr(made, "labels", 1)), int)
        width = 2 * F  # even, for means and variances
        numbers = np.tile(Y, 2)[..., : made.target_size(width)] if made.target == "output" else Y
        targets = {"index": IDS, "labels": labels}.get(made.target, numbers)
        value, grads = ost.GRU(F, width).value_and_grad(X, targets, loss=made, seed=1)
        return value, np.asarray(grads.arena)

    return result


def regularized(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = ost.GRU(F, F, 2, regularizers=[make(**{**required, **options})])
        value, grads = made.value_and_grad(X, Y, loss="mse", seed=1)
        return value, np.asarray(grads.arena), sorted(made.parameters())

    return result


def cell(name: str) -> Callable[..., Any]:
    def result(**options: Any) -> Any:
        made = ost.Recurrent(name, 4, 4, **options)
        x = np.random.default_rng(3).normal(size=(2, 3, 4)).astype("float32")
        return made.run(x).outputs, sorted(made.state_dict())

    return result


def initialized(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    return lambda **options: ost.RNN(4, 4, init=make(**{**required, **options})).state_dict()


def attended(make: Callable[..., Any], required: dict[str, Any]) -> Callable[..., Any]:
    return lambda **options: attention(scorer=make(**{**required, **options}))


def attention(**options: Any) -> Any:
    sizes = {"scorer": "additive", "query_size": 4, "memory_size": 4, **options}
    made = ost.Attention(sizes.pop("scorer"), **sizes)
    draw = np.random.default_rng(5).normal
    query = draw(size=(2, 3, made.query_size)).astype(made.dtype)
    run = made.run(query, draw(size=(2, 6, made.memory_size)).astype(made.dtype))
    return run.context, run.weights


def named(kind: str) -> list[tuple[str, Any]]:
    """Everything of a kind that has a name, and what makes it."""
    return [
        (one.shown, one.spec.factory)
        for one in registry.entries()
        if one.kind == kind and "local/" not in one.shown
    ]


def first_example(factory: Any) -> dict[str, Any]:
    """Options with which it can be made."""
    examples = getattr(factory, "examples", ({},))
    return dict(examples[0]) if examples else {}


def kinds() -> list[Call]:
    """A call for each name of the registry."""
    found: list[Call] = []
    for kind, results in (
        ("optimizer", lambda name, make: stepped(make)),
        ("schedule", lambda name, make: course(make, REQUIRED.get(name, first_example(make)))),
        ("strategy", lambda name, make: strategy(make, REQUIRED.get(name, first_example(make)))),
        ("loss", lambda name, make: loss_of(make)),
        ("regularizer", lambda name, make: regularized(make, first_example(make))),
        ("cell", lambda name, make: cell(name)),
        ("initializer", lambda name, make: initialized(make, first_example(make))),
        ("scorer", lambda name, make: attended(make, first_example(make))),
    ):
        for name, make in named(kind):
            found.append(Call(f"{kind} {name}", make, results(name, make), OPTIONS.get(name, {})))
    return found
