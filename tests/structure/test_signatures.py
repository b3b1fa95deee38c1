"""What editors show of public classes, and what comparing and hashing their instances gives."""

import dataclasses
import importlib
import inspect
import pkgutil
from importlib.util import find_spec

import numpy as np
import pytest

import ostinato as ost

CLASSES = {
    f"{room}{name}": value
    for room, module in (
        *(("", ost), ("metrics.", ost.metrics), ("schedules.", ost.schedules)),
        *(("initializers.", ost.initializers), ("strategies.", ost.strategies)),
    )
    for name in module.__all__
    if inspect.isclass(value := getattr(module, name)) and not issubclass(value, BaseException)
}


@pytest.mark.parametrize("name", CLASSES)
def test_the_signature_of_a_class_names_its_arguments(name):
    # `*args` and `**options` alone would be those of a metaclass or of `__new__`.
    parameters = inspect.signature(CLASSES[name]).parameters
    assert "args" not in parameters and (
        "options" not in parameters or name in ("Attention", "StepAttention")
    )
    if CLASSES[name].__init__ is not object.__init__ and "cell_options" not in parameters:
        own = [one for one in inspect.signature(CLASSES[name].__init__).parameters if one != "options"]
        assert list(parameters)[: len(own) - 1] == own[1:]


def test_a_layer_with_a_built_in_cell_shows_every_option():
    assert list(inspect.signature(ost.LSTM).parameters) == [
        *("input_size", "hidden_size", "num_layers", "bias", "peepholes", "proj_size"),
        *("bidirectional", "regularizers", "init", "residual", "batch_first", "dtype", "seed"),
    ]
    for name, one in inspect.signature(ost.GRU).parameters.items():
        if one.default is not one.empty:
            assert isinstance(ost.GRU(2, 3, **{name: one.default}), ost.GRU)


@pytest.mark.parametrize(
    "kind", ["RNN", "LSTM", "GRU", "IndRNN", "EchoState", "MinGRU", "MinLSTM", "LinearSSM", "DiagonalSSM"]
)
def test_the_options_for_type_checkers_are_those_of_the_signature(kind):
    from ostinato.layers import recurrent_options

    made = getattr(ost, kind)
    annotation = inspect.signature(made.__init__).parameters["options"].annotation
    typed = getattr(recurrent_options, annotation.removeprefix("Unpack[").removesuffix("]"))
    keyword = [
        name for name, one in inspect.signature(made).parameters.items() if one.kind is one.KEYWORD_ONLY
    ]
    assert set(typed.__annotations__) == set(keyword)


def test_a_subclass_and_an_instance_have_signatures_of_their_own():
    class Mine(ost.LSTM):
        kind = "mine_with_a_signature"

        def __init__(self, width: int) -> None:
            super().__init__(width, width)

    assert list(inspect.signature(Mine).parameters) == ["width"]
    assert next(iter(inspect.signature(ost.RNN(2, 2)).parameters)) == "x"
    assert list(inspect.signature(ost.initializers.Zeros()).parameters) == ["shape", "rng"]


def _dataclasses():
    for module in pkgutil.walk_packages(ost.__path__, "ostinato."):
        is_torch = module.name.startswith("ostinato.torch")
        if "__main__" not in module.name and not (is_torch and find_spec("torch") is None):
            for value in vars(importlib.import_module(module.name)).values():
                if (
                    inspect.isclass(value)
                    and dataclasses.is_dataclass(value)
                    and value.__module__ == module.name
                ):
                    yield value


def test_data_classes_that_hold_arrays_compare_by_identity():
    # Arrays have no single answer to `==`, and no hash.
    found = [
        one for one in _dataclasses() if any("Array" in str(part.type) for part in dataclasses.fields(one))
    ]
    assert len(found) > 15
    assert not [one.__name__ for one in found if one.__eq__ is not object.__eq__]


def test_batches_gradients_and_results_can_be_compared_and_hashed():
    x = np.ones((2, 3, 2), "f4")
    net = ost.RNN(2, 2)
    some = [
        ost.Batch(x, x),
        net.value_and_grad(x, x, loss="mse")[1],
        ost.data.pack(x),
        ost.analysis.spectral(net),
        ost.Lesson(rows=np.arange(3)),
    ]
    for one in some:
        assert one == one and one != "x" and len({one, one}) == 1
    assert ost.Batch(x, x) != ost.Batch(x, x)
