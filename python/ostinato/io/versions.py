"""Who provided the parts of a loaded network, and whether what is installed now has the same equations.

Nothing is imported for it: versions come from the metadata of installed packages, and equations are compared
with those of plugins that this process has loaded anyway.
"""

from __future__ import annotations

import importlib.metadata
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from ostinato.layers.recurrent import Recurrent
from ostinato.network.network import Network
from ostinato.plugins.entry import Provider
from ostinato.plugins.registry import registry
from ostinato.settings import without_warnings
from ostinato.trace import trace_cell

R = TypeVar("R")


@dataclass(frozen=True)
class Origin:
    """Where one part of a network comes from.

    what: its kind and name, such as "cell acme/mine"; installed: the version that is installed, "" if none
    is; same: whether what is installed has the equations of the file, None if that is unknown.
    """

    what: str
    provider: Provider
    installed: str
    same: bool | None

    @property
    def trouble(self) -> str:
        """What a user of the file should know; "" if there is nothing."""
        before = (
            f"{self.what} was saved with {self.provider.shown}" if self.provider.is_foreign else self.what
        )
        now = f"{self.installed} is installed" if self.installed else "the one that is registered now"
        if self.same is False:
            joined = (
                f"{before}; {now}, with other equations" if self.installed else f"{before}: {now} has others"
            )
            return f"{joined}. The network computes the equations of the file"
        if self.same is None and self.installed and self.installed != self.provider.version:
            return f"{before}; {now}, whose equations may differ. The network computes those of the file"
        return ""


def origins(net: Network) -> Iterator[Origin]:
    """The origin of each part of a loaded network that is not built in, once each."""
    seen: dict[tuple[str, Provider], Origin] = {}
    for layer in net._inside():
        for what, provider in layer._providers():
            if (what, provider) not in seen:
                installed = _installed(provider)
                checked = installed != provider.version or not provider.is_foreign
                same = _same(layer, what) if checked else None
                seen[what, provider] = Origin(what, provider, installed, same)
    yield from seen.values()


def warn_of_others(net: Network) -> None:
    """Warns of parts whose installed equations differ from those of the file, or may differ."""
    troubles = [one.trouble for one in origins(net) if one.trouble]
    if troubles:
        from ostinato.plugins.loader import PluginWarning

        for trouble in troubles:
            warnings.warn(trouble, PluginWarning, stacklevel=3)


def quietly(function: Callable[..., R], *arguments: Any) -> R:
    """`function(*arguments)`, in which loading a file does not warn of other equations."""
    from ostinato.plugins.loader import PluginWarning

    return without_warnings(PluginWarning, function, *arguments)


def _installed(provider: Provider) -> str:
    if not provider.is_foreign:
        return ""
    try:
        return importlib.metadata.version(provider.distribution)
    except Exception:  # not there, or its metadata cannot be read
        return ""


def _same(layer: Network, what: str) -> bool | None:
    """Whether the loaded plugin of a cell has the layer's equations; None if it is not loaded, or unknown."""
    if not isinstance(layer, Recurrent) or what != f"cell {layer.cell_name}" or layer.setting.regularizers:
        return None
    entry = registry.loaded("cell", layer.cell_name)
    if entry is None:
        return None
    try:
        # A file keeps the names of its time.
        cell = without_warnings(DeprecationWarning, partial(entry.make, **layer.cell_options))
        for units in layer._units:
            for unit in units:
                (_, (width,), _), *_ = unit.program.inputs
                if trace_cell(cell, width, layer.hidden_size).program.hash != unit.program.hash:
                    return False
    except Exception:  # it does not take these options or sizes any more
        return False
    return True
