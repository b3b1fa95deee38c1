"""Plugins that are one file: `--plugin my_cell.py` on the command line, without packaging."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

from ostinato.errors import PluginError
from ostinato.options import Configured
from ostinato.plugins.entry import LOCAL, Provider, ReportRow
from ostinato.plugins.hook_names import HOOKS
from ostinato.plugins.index import Found
from ostinato.plugins.loader import load_one
from ostinato.plugins.registry import Registry
from ostinato.plugins.registry import registry as shared
from ostinato.specs import SPECS, hookimpl


def load_file(path: str | Path, registry: Registry = shared) -> ReportRow:
    """Registers the names of a Python file as `local/NAME`, and returns them.

    The file either implements hooks, as a package does, or just defines classes: each Cell, Loss, ... in it
    that does not start with "_" is registered under its `name`. It may import other files of its folder,
    which is added to the path. Raises PluginError.
    """
    path = Path(path)
    provider = Provider(f"{LOCAL}:{path.stem}", LOCAL, "")
    loaded = load_one(Found(provider, lambda: _plugin(path), str(path), str(path)))
    if loaded.row.status != "active":
        raise PluginError(f"{path}: {loaded.row.reason}", plugin=provider.id)
    registry.add(loaded)
    return loaded.row


def add_to_path(folder: Path) -> None:
    """Makes the modules in `folder` importable, after all others: a json.py in it replaces nothing."""
    place = str(folder.resolve())
    if place not in sys.path:
        sys.path.append(place)


def _plugin(path: Path) -> Any:
    """The module, or an object with hooks for the classes in it."""
    if not path.is_file():
        raise PluginError("there is no such file; expected the path of a Python file")
    # Not the bare stem: a file called lstm.py or numpy.py must not replace a module.
    name = f"_ostinato_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise PluginError("it is not a Python file; expected a name that ends in .py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    add_to_path(path.parent)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module if set(HOOKS) & set(vars(module)) else _with_hooks(module)


def _with_hooks(module: ModuleType) -> Any:
    kinds: dict[str, list[Any]] = {}
    for value in vars(module).values():
        if isinstance(value, type) and issubclass(value, Configured) and value.kind in SPECS:
            if value.__module__ == module.__name__ and not value.__name__.startswith("_"):
                kinds.setdefault(value.kind, []).append(SPECS[value.kind].of(value))
    if not kinds:
        raise PluginError("it defines no Cell, Loss, ... and no hook; expected at least one of them")

    class Plugin:
        """The classes of a file."""

    plugin = Plugin()
    for kind, specs in kinds.items():
        setattr(plugin, SPECS[kind].hook, hookimpl(_giver(specs)))
    return plugin


def _giver(specs: list[Any]) -> Any:
    return lambda: specs
