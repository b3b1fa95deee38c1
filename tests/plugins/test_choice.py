"""An argument that stands for a noun is a name, a class or an instance, and means the same for every kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np
import pytest

import ostinato as ost
from ostinato.cells.gru import GRU
from ostinato.initializers import Initializer, Orthogonal
from ostinato.metrics import Accuracy
from ostinato.plugins import Provider, Registry
from ostinato.plugins.index import Found
from ostinato.schedules import Cosine
from ostinato.scorers import Additive
from ostinato.specs import SPECS
from ostinato.strategies import Full

X = np.random.default_rng(0).standard_normal((2, 4, 3))
Y = np.random.default_rng(1).standard_normal((2, 4, 3))


def net() -> ost.Network:
    return ost.Sequential(ost.LSTM(3, 4, dtype="float64"), ost.Dense(4, 3, dtype="float64"))


def trained(**arguments: Any) -> bytes:
    made = net()
    arguments = {"loss": "mse", **arguments}
    targets = Y if arguments["loss"] != "cross_entropy" else np.zeros((2, 4), int)
    history = ost.Trainer(made, **arguments).fit(X, targets, epochs=2, validation=(X, targets))
    return made.arena.tobytes() + repr(history.rows).encode()


class Place(NamedTuple):
    """A name, the class of that name, its base, and what an argument of the package makes of any of them."""

    name: str
    made: type[Any]
    base: type[Any]
    use: Callable[[Any], object]


PLACES: Mapping[str, Place] = {
    "cell": Place("gru", GRU, ost.Cell, lambda it: str(ost.Recurrent(it, 2, 3))),
    "scorer": Place("additive", Additive, ost.Scorer, lambda it: repr(ost.Attention(it, 2, 3))),
    "layer": Place(
        "last", ost.Last, ost.Network, lambda it: repr(ost.Sequential(ost.Dense(2, 3), it, ost.Dense(3, 2)))
    ),
    "regularizer": Place(
        "zoneout", ost.Zoneout, ost.Regularizer, lambda it: repr(ost.LSTM(2, 3, regularizers=[it]))
    ),
    "initializer": Place(
        "orthogonal", Orthogonal, Initializer, lambda it: ost.RNN(2, 3, init=it).arena.tobytes()
    ),
    "loss": Place("mse", ost.MSE, ost.Loss, lambda it: trained(loss=it)),
    "loss of value_and_grad": Place(
        "mse", ost.MSE, ost.Loss, lambda it: net().value_and_grad(X, Y, loss=it)[1].arena.tobytes()
    ),
    "loss of loss_value": Place("mse", ost.MSE, ost.Loss, lambda it: net().loss_value(X, Y, loss=it)[0]),
    "loss of training_memory": Place(
        "mse", ost.MSE, ost.Loss, lambda it: net().training_memory(2, 4, it).bytes
    ),
    "loss of plan": Place(
        "mse", ost.MSE, ost.Loss, lambda it: ost.CheckpointedBPTT("sqrt").plan(net(), 2, 4, it)
    ),
    "optimizer": Place("adam", ost.Adam, ost.Optimizer, lambda it: trained(optimizer=it)),
    "schedule": Place("cosine", Cosine, ost.Schedule, lambda it: trained(schedule=it)),
    "strategy": Place("full", Full, ost.Estimator, lambda it: trained(strategies=[it])),
    "metric": Place("accuracy", Accuracy, ost.Metric, lambda it: trained(loss="cross_entropy", metrics=[it])),
}


def kind_of(place: str) -> str:
    return place.partition(" ")[0]


def test_every_kind_of_noun_has_a_place() -> None:
    # The argument `callbacks` also takes plugins and any object with hooks: test_callbacks_by_name.py.
    assert {kind_of(place) for place in PLACES} == set(SPECS) - {"command", "callback"}


@pytest.mark.parametrize("place", PLACES)
def test_name_class_and_instance_mean_the_same(place: str) -> None:
    name, made, _, use = PLACES[place]
    by_name, by_class, by_instance = use(name), use(made), use(made())
    if kind_of(place) == "cell":  # A layer shows how its cell was found.
        by_name = str(by_name).replace("'ostinato/gru'", "'gru'")
    assert by_name == by_class == by_instance


@pytest.mark.parametrize("place", PLACES)
def test_an_unknown_name_gets_the_closest_one(place: str) -> None:
    name, *_, use = PLACES[place]
    misspelled = f"{name[:-1]}{name[-1] * 2}x"
    with pytest.raises(ost.ConfigError, match=f"no {kind_of(place)} '{misspelled}'; did you mean '{name}'"):
        use(misspelled)


@pytest.mark.parametrize("place", [one for one in PLACES if kind_of(one) != "initializer"])
@pytest.mark.parametrize("wrong", [3, ["mse"], Plain := type("Plain", (), {})], ids=["3", "list", "class"])
def test_what_stands_for_nothing_is_an_error_that_says_what_to_write(place: str, wrong: Any) -> None:
    base, use = PLACES[place].base, PLACES[place].use
    noun = "Strategy" if base is ost.Estimator else base.__name__
    with pytest.raises(
        ost.DTypeError, match=rf" is .*; expected a name, a subclass of {noun}, or an instance"
    ):
        use(wrong)


@pytest.mark.parametrize("place", PLACES)
def test_a_noun_of_another_kind_is_refused(place: str) -> None:
    wrong = ost.Adam() if kind_of(place) != "optimizer" else ost.MSE()
    if kind_of(place) == "initializer":
        with pytest.raises(ost.ConfigError, match="expected the name of an initializer or a callable"):
            PLACES[place].use(wrong)
        return
    with pytest.raises(ost.DTypeError, match=f" is the {wrong.kind} {type(wrong).__name__}"):
        PLACES[place].use(wrong)


@pytest.mark.parametrize(
    "make, words",
    [
        (
            lambda: ost.Trainer(net(), loss="mse", strategies=["truncated"]),
            r"strategy 'truncated' has required arguments \(k1\); "
            r"pass ost\.strategies\.Truncated\(k1, k2\)",
        ),
        (
            lambda: ost.Trainer(net(), loss="mse", strategies=[ost.strategies.Truncated]),
            r"strategy 'truncated' has required arguments \(k1\); pass Truncated\(k1",
        ),
        (
            lambda: ost.Trainer(net(), loss="mse", schedule="warm_up"),
            r"pass ost\.schedules\.WarmUp\(steps, then\)",
        ),
        (lambda: ost.Recurrent("gru", 2, 3, rest="after"), "cell 'gru' has no option 'rest'; did you mean"),
        (lambda: ost.Recurrent(GRU, 2, 3, num_layer=2), "did you mean 'num_layers'"),
        (
            lambda: ost.Recurrent(GRU(), 2, 3, reset="before"),
            r"cell is an instance, so the option 'reset' belongs to its making: write GRU\(reset=...\)",
        ),
        (lambda: ost.Attention("additive", 2, 3, siz=4), "scorer 'additive' has no option 'siz'"),
        (lambda: ost.Attention(Additive(), 2, 3, size=4), "scorer is an instance, so the option 'size'"),
        (lambda: ost.LSTM(2, 3, regularizers=["zoneout", "drop"]), r"LSTM: regularizers\[1\]: there is no"),
        (
            lambda: ost.Sequential(ost.RNN),
            r"layer 'RNN' has required arguments \(input_size, hidden_size\); pass RNN\(",
        ),
        (lambda: ost.LSTM(2, 3, init="orthogonl"), "init: there is no initializer"),
        (lambda: ost.Trainer(net(), loss="mse", metrics=["mae", 3]), r"metrics\[1\] is 3; expected a name"),
        (lambda: ost.Trainer(net(), loss="mse", optimizer=ost.MSE), "optimizer is the class MSE; expected"),
    ],
)
def test_an_error_names_the_argument_and_what_to_write(make: Callable[[], Any], words: str) -> None:
    with pytest.raises((ost.ConfigError, ost.DTypeError), match=words):
        make()


class Faulty:
    """A plugin whose factories are wrong in one way each."""

    @ost.hookimpl
    def ostinato_losses(self) -> list[ost.LossSpec]:
        def raises() -> ost.Loss:
            raise RuntimeError("out of order")

        return [ost.LossSpec("raises", raises), ost.LossSpec("other", ost.Adam)]

    @ost.hookimpl
    def ostinato_scorers(self) -> list[ost.ScorerSpec]:
        other, needs = (lambda heads=1: "no scorer"), (lambda heads: 0)
        return [ost.ScorerSpec("other", other), ost.ScorerSpec("needs", needs)]


@pytest.mark.parametrize(
    "kind, name, options, error, words",
    [
        (
            "loss",
            "raises",
            None,
            ost.PluginError,
            "'acme/raises' cannot be made.*out of order.*acme 1.0",
        ),
        ("loss", "other", None, ost.ConfigError, "loss 'acme/other' of ostinato-acme 1.0 makes a Adam"),
        (
            "scorer",
            "other",
            {},
            ost.ConfigError,
            "of ostinato-acme 1.0 makes an object of type str; expected an instance of Scorer",
        ),
        (
            "scorer",
            "other",
            {"head": 2},
            ost.ConfigError,
            "other' has no option 'head'; did you mean 'heads'",
        ),
        ("scorer", "needs", {}, ost.ConfigError, r"required arguments \(heads\); pass heads=\.\.\. too"),
        ("scorer", "needs", None, ost.ConfigError, r"required arguments \(heads\); make it yourself"),
    ],
)
def test_a_plugin_at_fault_is_named(
    kind: str, name: str, options: Any, error: type[Exception], words: str
) -> None:
    provider = Provider("ostinato-acme:all", "ostinato-acme", "1.0")
    names = Registry(lambda: [Found(provider, lambda: Faulty())])
    with pytest.raises(error, match=words):
        names.make(kind, f"acme/{name}", PLACES[kind].base, options)


def test_a_function_stands_for_a_schedule_and_an_initializer_but_for_no_loss() -> None:
    assert trained(schedule=lambda start, when: start) == trained()
    zeros = ost.RNN(2, 3, init=lambda shape, rng: np.zeros(shape)).parameters()["weight_ih_l0"]
    assert not zeros.any()
    with pytest.raises(ost.DTypeError, match="loss is <function"):
        net().value_and_grad(X, Y, loss=lambda y, target: 0.0)
