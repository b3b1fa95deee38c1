"""The index of plugins, from the metadata of installed packages. Nothing is imported.

pluggy's own `load_setuptools_entrypoints` stops at the first plugin that cannot be imported, and silently
drops one of two entry points of the same name; so it is not used.
"""

from __future__ import annotations

import importlib.metadata
import itertools
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from ostinato import _core
from ostinato.errors import PluginError, described
from ostinato.plugins.entry import Provider, ReportRow, Status
from ostinato.plugins.version import fits, range_for

GROUP: Final = "ostinato"
_HOST: Final = "ostinato"


@dataclass(frozen=True)
class Found:
    """One entry point of the group `ostinato`, or a distribution that should have one and cannot be read.

    `target` is the import target, "module:object"; `get` imports it. `status` is "active" if no problem is
    known.
    """

    provider: Provider
    get: Callable[[], Any]
    target: str = ""
    path: str = ""
    status: Status = "active"
    reason: str = ""

    def row(self, status: Status, reason: str, traceback: str = "") -> ReportRow:
        """The report of an inactive plugin."""
        return ReportRow(
            self.provider.id, self.provider.version, status, reason, path=self.path, traceback=traceback
        )


def discover(path: Sequence[str] | None = None) -> list[Found]:
    """The entry points of the group `ostinato` of all installed distributions, sorted by id.

    path: the folders to look in, by default those of `sys.path`.
    """
    found: dict[str, Found] = {}
    seen: set[str] = set()
    for distribution in _installed(list(sys.path if path is None else path)):
        here = list(_plugins_of(distribution))
        # Of equal names on the path, Python would import the first.
        names = {one.provider.distribution for one in here}
        if names & seen:
            continue
        seen |= names
        for one in here:
            id = one.provider.id
            found[id] = _clash(found[id], one) if id in found else one
    return [found[id] for id in sorted(found)]


def _installed(path: list[str]) -> Iterator[importlib.metadata.Distribution]:
    """The distributions in the order of `path`, and in each folder by name: not as the folder lists them."""
    everything = importlib.metadata.distributions(path=path)
    for _, here in itertools.groupby(everything, lambda one: Path(str(getattr(one, "_path", ""))).parent):
        yield from sorted(here, key=lambda one: str(getattr(one, "_path", "")))


def _plugins_of(distribution: importlib.metadata.Distribution) -> Iterator[Found]:
    """The plugins of one distribution. Damage in a distribution without plugins is ignored."""
    path = getattr(distribution, "_path", None)
    folder = Path(path).name if path is not None else "?"
    label = folder.partition("-")[0].replace("_", "-")
    try:
        points = [point for point in distribution.entry_points if point.group == GROUP]
    except Exception as error:
        # Its entry points cannot be read, so only its name is known.
        if label.startswith(f"{_HOST}-"):
            reason = f"entry_points.txt cannot be read ({described(error)}); reinstall {label}"
            yield _damaged(label, "?", str(path or ""), reason)
        return
    if not points:
        return
    try:
        name, version = distribution.metadata["Name"], distribution.metadata["Version"]
        requires = distribution.requires or []
        if not name or not version:
            raise PluginError(f"METADATA has no {'Version' if name else 'Name'}")
        name, version = str(name), str(version)
    except Exception as error:
        reason = f"its metadata cannot be read ({described(error)}); reinstall {label}"
        for point in points:
            yield _damaged(label, point.name, str(path or ""), reason)
        return
    status, reason = _compatible(name, version, requires)
    for point in points:
        provider = Provider(f"{name}:{point.name}", name, version)
        if status == "active" and point.pattern.match(point.value) is None:
            fault = f"its entry point is {point.value!r}, which is not a module or module:object"
            yield Found(provider, point.load, point.value, str(path or ""), "broken", fault)
        else:
            yield Found(provider, point.load, point.value, str(path or ""), status, reason)


def _compatible(name: str, version: str, requires: list[str]) -> tuple[Status, str]:
    """Whether the requirements of a distribution allow this release of ostinato."""
    for requirement in requires:
        try:
            wanted = range_for(requirement, _HOST)
            if wanted is None or fits(_core.__version__, wanted):
                continue
        except ValueError as error:
            return "broken", (
                f"its metadata requires {requirement!r}, which cannot be read ({error}); "
                f"report this to the authors of {name}, or install another version of it"
            )
        return "incompatible", (
            f"{name} {version} requires ostinato {wanted} and this is {_core.__version__}; it was not "
            f"imported. Upgrade {name}, or install an ostinato that it was made for"
        )
    return "active", ""


def _clash(first: Found, second: Found) -> Found:
    """Two entry points with the same name in one distribution are ambiguous: neither is used."""
    if first.target == second.target:
        return first
    reason = (
        f"{first.provider.distribution} has two entry points called "
        f"{first.provider.id.rpartition(':')[2]!r}: {first.target} and {second.target}; "
        "each needs a name of its own in its pyproject.toml"
    )
    return Found(first.provider, first.get, first.target, first.path, "conflict", reason)


def _damaged(label: str, point: str, path: str, reason: str) -> Found:
    def refuse() -> Any:
        raise PluginError(reason)

    return Found(Provider(f"{label}:{point}", label, "?"), refuse, "", path, "broken", reason)
