"""The built-in commands, which use the same hook as plugins."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final

from ostinato.cli import check, explain, fit, forecast, info, new, plugins, predict, sample, train
from ostinato.specs import CommandSpec, hookimpl

COMMANDS: Final = (train, sample, fit, predict, forecast, explain, info, plugins, new, check)


@hookimpl
def ostinato_commands() -> list[CommandSpec]:
    """Return a command per module, with the name of its file."""
    return [
        CommandSpec(
            module.__name__.rpartition(".")[2], _factory(module), (module.__doc__ or "").partition("\n")[0]
        )
        for module in COMMANDS
    ]


def _factory(module: ModuleType) -> Callable[[argparse.ArgumentParser], Any]:
    def factory(parser: argparse.ArgumentParser) -> Any:
        module.add_arguments(parser)
        return module.run

    return factory
