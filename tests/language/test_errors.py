"""The error classes: names, bases, and that they load alone."""

import subprocess
import sys

import pytest

from ostinato import errors

BUILT_IN = {
    "ShapeError": ValueError,
    "DTypeError": TypeError,
    "ConfigError": ValueError,
    "FormatError": ValueError,
    "NonFiniteError": ArithmeticError,
    "ConcurrentUseError": RuntimeError,
    "PluginError": RuntimeError,
    "TraceError": TypeError,
    "InternalError": RuntimeError,
    "UnknownItemError": LookupError,
    "CallError": TypeError,
    "RankError": RuntimeError,
}


@pytest.mark.parametrize("name", BUILT_IN)
def test_each_error_is_an_ostinato_error_and_its_built_in(name):
    kind = getattr(errors, name)
    assert issubclass(kind, errors.OstinatoError)
    assert issubclass(kind, BUILT_IN[name])


def test_the_errors_are_these_and_no_others():
    found = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert found == set(BUILT_IN) | {"OstinatoError"}


def test_the_module_of_errors_imports_nothing():
    code = f"import runpy, sys; before = set(sys.modules); runpy.run_path({errors.__file__!r}); " + (
        "sys.exit(any(name.startswith('ostinato') for name in set(sys.modules) - before))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
