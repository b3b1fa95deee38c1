"""Descriptors: frozen, typed, and validated where they are written."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import pytest

import ostinato as ost
from ostinato.specs import ROLES, SPECS

# Arguments of a descriptor -> words of the refusal.
REFUSED = {
    "a name with a space": (("a b", dict), {}, "name is 'a b'"),
    "an empty name": (("", dict), {}, "name is ''"),
    "a name that is no text": ((7, dict), {}, "name is 7"),
    "a name with its namespace": (("acme/mine", dict), {}, "name is 'acme/mine'"),
    "a factory that cannot be called": (("mine", 7), {}, "factory is 7"),
    "a doc that is no text": (("mine", dict), {"doc": 7}, "doc is 7"),
    "examples that are no list": (("mine", dict), {"examples": {"lr": 1}}, "examples is {'lr': 1}"),
    "examples that are no options": (("mine", dict), {"examples": [1]}, r"examples is \[1\]"),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("kind", SPECS)
def test_a_descriptor_refuses_what_it_cannot_be(kind: str, case: str) -> None:
    positional, named, words = REFUSED[case]
    if kind == "strategy":
        named = {"role": "feeding", **named}
    with pytest.raises(ost.ConfigError, match=words) as refused:
        SPECS[kind](*positional, **named)
    assert SPECS[kind].__name__ in str(refused.value)


# A value that no field of the name takes; a new field without one fails.
WRONG = {"name": 7, "factory": 7, "doc": 7, "examples": 7, "role": 7}


@pytest.mark.parametrize("kind", SPECS)
def test_every_field_of_a_descriptor_is_validated_and_named(kind: str) -> None:
    right = {"name": "mine", "factory": dict} | ({"role": "feeding"} if kind == "strategy" else {})
    for field in dataclasses.fields(SPECS[kind]):
        with pytest.raises(ost.ConfigError, match=f"{field.name} is 7"):
            SPECS[kind](**{**right, field.name: WRONG[field.name]})


def test_a_descriptor_cannot_be_changed() -> None:
    spec = ost.CellSpec("mine", dict)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.name = "yours"  # type: ignore[misc]


def test_examples_are_given_or_those_of_the_factory_or_no_options() -> None:
    class Mine(ost.Cell):
        examples = ({"rate": 0.5}, {})

        def __init__(self, rate: float = 1.0) -> None:
            self.rate = rate

    assert ost.CellSpec("mine", Mine).examples == ({"rate": 0.5}, {})
    assert ost.CellSpec("mine", Mine, examples=[{"rate": 0.1}]).examples == ({"rate": 0.1},)
    assert ost.CellSpec("mine", dict).examples == ({},)


@pytest.mark.parametrize("role", ROLES)
def test_a_strategy_has_one_of_four_roles(role: str) -> None:
    assert ost.StrategySpec("mine", dict, role=role).role == role


@pytest.mark.parametrize("role", ["feding", "", None])
def test_another_role_is_refused_with_the_four(role: Any) -> None:
    with pytest.raises(ost.ConfigError, match="curriculum, feeding, estimator, execution"):
        ost.StrategySpec("mine", dict, role=role)


def test_an_error_of_a_plugin_says_where_also_after_pickling() -> None:
    error = ost.PluginError("it failed", plugin="acme", hook="ostinato_batch_end", step=7)
    again = pickle.loads(pickle.dumps(error))
    assert (str(again), again.plugin, again.hook, again.step) == (
        "it failed",
        "acme",
        "ostinato_batch_end",
        7,
    )
