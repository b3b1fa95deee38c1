"""Every public entry with wrong values, one at a time: accepted as its type, or named by a typed error.

This is the short form, with some values for each argument; `make arguments` takes all of them.
"""

from __future__ import annotations

import inspect
import time
from collections.abc import Iterator
from typing import Any

import pytest

import ostinato as ost
from tests.arguments import judge, surface
from tests.arguments.values import VALUES

# Of 75 values, so many for each argument; another argument gets others.
SOME = 4


@pytest.fixture(scope="module")
def entries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[surface.Entry]]:
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("arguments"))
        with judge.quiet():
            yield surface.entries()


def test_each_entry_accepts_right_values(entries: list[surface.Entry]):
    wrong = []
    for entry in entries:
        if entry.path in surface.samples.SLOW:
            continue
        try:
            with judge.quiet():
                entry.call()
        except Exception as error:
            wrong.append(f"{entry.path}: {error}; give it right values in tests/arguments/samples.py")
    assert wrong == []


@pytest.mark.slow
def test_wrong_values_are_named_by_typed_errors(entries: list[surface.Entry]):
    found = []
    labels = list(VALUES)
    for entry in entries:
        for one in entry.parameters:
            start = hash_of(f"{entry.path}.{one.name}") % len(labels)
            for place in range(SOME):
                label = labels[(start + place * (len(labels) // SOME)) % len(labels)]
                said = judge.trouble(entry, one.name, VALUES[label])
                if said:
                    found.append(f"{entry.path}({one.name}={label}): {said}")
    assert found == []


def hash_of(text: str) -> int:
    return sum(map(ord, text))


def test_the_surface_is_the_whole_package(entries: list[surface.Entry]):
    paths = {entry.path for entry in entries}
    for name in ost.__all__:
        value = getattr(ost, name)
        has_call = inspect.isfunction(value) or (
            inspect.isclass(value)
            and not issubclass(value, BaseException)
            and not inspect.isabstract(value)
            and inspect.signature(value).parameters
            and value.__name__ not in surface.samples.RESULTS
        )
        assert not has_call or f"ost.{name}" in paths, name
    for path in (
        "ost.Trainer.fit",
        "ost.data.pack",
        "Stream.step",
        "ost.Adam",
        "ost.ops.softmax",
        "Run.backward",
    ):
        assert path in paths or f"ost.{path}" in paths
    assert len(VALUES) >= 60


# What the judge finds: functions with the faults that it is for.


def late(count: int) -> int:
    return [1, 2, 3][count] if isinstance(count, int) else 0


def silent(share: float) -> None:
    """Takes anything."""


def unnamed(path: str) -> None:
    raise ost.ConfigError("this is wrong")


def endless(count: int) -> None:
    end = time.monotonic() + 100
    while time.monotonic() < end:
        pass


@pytest.mark.parametrize(
    ("function", "name", "value", "fault"),
    [
        (late, "count", 7, "untyped: IndexError"),
        (late, "count", "x", "accepted"),
        (silent, "share", float("nan"), "accepted"),
        (silent, "share", True, "accepted"),
        (silent, "share", 0.5, ""),
        (unnamed, "path", 3, "unnamed"),
        (endless, "count", 3, "hangs"),
    ],
)
def test_the_judge_finds_each_fault(function: Any, name: str, value: Any, fault: str, monkeypatch: Any):
    monkeypatch.setattr(judge, "SECONDS", 0.2)
    entry = surface._entry("tried", lambda: function, function)
    said = judge.trouble(entry, name, lambda: value)
    assert said.startswith(fault) and bool(said) == bool(fault)
