"""Things made by name with options, read-only namespaces, descriptors and the built-in plugin."""

import copy
import pickle

import pluggy
import pytest

from ostinato import builtin
from ostinato.cell import Cell
from ostinato.cells.lstm import LSTM
from ostinato.errors import CallError, ConfigError, TraceError
from ostinato.namespace import Names
from ostinato.options import Configured
from ostinato.specs import CellSpec, InitializerSpec, LossSpec, OptimizerSpec
from ostinato.suggest import did_you_mean


class Thing(Configured):
    """A thing with options."""

    kind = "thing"

    def __init__(self, size: int, *, colour: str = "red") -> None:
        self.size, self.colour = size, colour


class Loose(Configured):
    """A thing that takes any option."""

    def __init__(self, **more: int) -> None:
        self.more = more


def test_options_are_what_was_given_and_the_defaults_of_the_rest():
    assert Thing(3).options == {"size": 3, "colour": "red"}
    assert Thing(size=3, colour="blue").options == {"size": 3, "colour": "blue"}
    assert Loose(a=1, b=2).options == {"a": 1, "b": 2}
    assert Cell().options == {}
    assert repr(Thing(3)) == "Thing(size=3, colour='red')"


def test_an_unknown_option_is_a_config_error():
    with pytest.raises(ConfigError, match="thing 'thing' has no option 'color'; did you mean 'colour'"):
        Thing(3, color="blue")
    with pytest.raises(ConfigError, match="cell 'cell' has no option 'size'; options: none"):
        Cell(size=3)


def test_a_missing_option_is_a_typed_error_that_names_it():
    with pytest.raises(CallError, match="thing 'thing': missing a required argument: 'size'; write"):
        Thing()


def test_the_name_is_the_class_in_lower_case_unless_it_is_given():
    class Own(LSTM):
        name = "mine"

    class Derived(LSTM):
        pass

    assert (LSTM.name, Own.name, Derived.name) == ("lstm", "mine", "derived")


@pytest.mark.parametrize(
    "again", [copy.deepcopy(LSTM(peepholes=True)), pickle.loads(pickle.dumps(LSTM(peepholes=True)))]
)
def test_a_copied_cell_keeps_its_options(again):
    assert again.peepholes
    assert again.options == {"bias": True, "peepholes": True, "proj_size": 0}


def test_a_namespace_is_read_only_and_knows_its_names():
    names = Names("cell 'x'", "parameter", {"W": 1, "b": 2})
    assert (names.W, names["b"], "W" in names, "V" in names, list(names), len(names)) == (
        1,
        2,
        True,
        False,
        ["W", "b"],
        2,
    )
    with pytest.raises(TraceError, match="cell 'x' has no parameter 'w'"):
        _ = names.w
    with pytest.raises(TraceError, match="cannot be assigned inside a step"):
        names.W = 3


def test_a_hint_names_the_closest():
    assert did_you_mean("sigmod", ["sigmoid", "tanh"]) == "did you mean 'sigmoid'? known names: sigmoid, tanh"
    assert did_you_mean("zzz", ["sigmoid"], "ops") == "ops: sigmoid"
    assert did_you_mean("zzz", []) == "known names: none"


def test_a_spec_takes_its_line_from_the_factory():
    assert CellSpec("lstm", LSTM).doc.startswith("Long short-term memory")
    assert CellSpec("lstm", LSTM, "Mine.").doc == "Mine."


@pytest.mark.parametrize(("name", "factory"), [("", LSTM), ("a b", LSTM), (3, LSTM), ("lstm", None)])
def test_a_wrong_spec_is_refused(name, factory):
    with pytest.raises(ConfigError, match="CellSpec"):
        CellSpec(name, factory)


@pytest.mark.parametrize(
    ("hook", "kind", "names"),
    [
        ("ostinato_cells", CellSpec, {"rnn", "lstm", "gru"}),
        ("ostinato_losses", LossSpec, {"mse", "cross_entropy"}),
        ("ostinato_optimizers", OptimizerSpec, {"sgd", "adam"}),
        ("ostinato_initializers", InitializerSpec, {"orthogonal", "zeros", "xavier_uniform", "identity"}),
    ],
)
def test_the_built_in_plugin_lists_its_nouns(hook, kind, names):
    specs = getattr(builtin, hook)()
    assert all(type(spec) is kind and spec.doc for spec in specs)
    assert names <= {spec.name for spec in specs}
    assert len({spec.name for spec in specs}) == len(specs)
    assert pluggy.PluginManager("ostinato").parse_hookimpl_opts(builtin, hook) is not None
