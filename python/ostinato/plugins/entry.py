"""The contents of the registry: names, their providers, and the state of each plugin."""

from __future__ import annotations

import re
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal, TypeAlias

from ostinato.errors import ConfigError, OstinatoError, PluginError, described, shown
from ostinato.options import Configured
from ostinato.specs import Spec

BUILTIN: Final = "ostinato:builtin"
LOCAL: Final = "local"

Status: TypeAlias = Literal["active", "disabled", "incompatible", "broken", "conflict"]


def normal(distribution: str) -> str:
    """The normalized name of a distribution: lower case, "-" for any of "-", "_" and "."."""
    return re.sub(r"[-_.]+", "-", distribution).lower()


@dataclass(frozen=True)
class Provider:
    """The provider of a name: `id` is `distribution:entry-point`, or "local" for `ostinato.register`."""

    id: str
    distribution: str
    version: str

    @property
    def namespace(self) -> str:
        """The name before the slash: `acme` for the distribution `ostinato-acme`."""
        return normal(self.distribution).removeprefix("ostinato-")

    @property
    def is_foreign(self) -> bool:
        """Whether a package provides it, neither the built-ins nor the user of this process."""
        return self.id != BUILTIN and self.distribution != LOCAL

    @property
    def shown(self) -> str:
        """The package and its version, for messages."""
        return f"{self.distribution} {self.version}"

    def is_called(self, name: str) -> bool:
        """Whether `name` is this plugin's id, distribution or namespace."""
        return name == self.id or normal(name) in (normal(self.distribution), self.namespace)


@dataclass(frozen=True)
class Entry:
    """One name of one kind."""

    kind: str
    spec: Spec
    provider: Provider

    @property
    def full(self) -> str:
        """`namespace/name`."""
        return f"{self.provider.namespace}/{self.spec.name}"

    @property
    def shown(self) -> str:
        """The name that finds this entry again: bare for a built-in, otherwise with its namespace."""
        return self.spec.name if self.provider.id == BUILTIN else self.full

    def make(self, /, *arguments: Any, **options: Any) -> Any:
        """The object that the factory makes, with its `provider` recorded.

        An OstinatoError, and a TypeError about the options, are unchanged. Any other error of a plugin's
        factory becomes a PluginError that names the plugin. Raises ConfigError if the object is not of its
        kind.
        """
        try:
            made = self.spec.factory(*arguments, **options)
        except OstinatoError:
            raise
        except Exception as error:
            if isinstance(error, TypeError) and (arguments or options):
                raise
            if not self.provider.is_foreign:
                raise
            raise PluginError(
                f"{self.kind} {shown(self.full)} cannot be made: its factory raises "
                f"{described(error)}. It comes from {self.provider.distribution} "
                f"{self.provider.version}; report this to its authors, or use another {self.kind}",
                plugin=self.provider.id,
            ) from error
        if isinstance(made, Configured):
            vars(made)["provider"] = self.provider
        if self.spec.product and not (isinstance(made, Configured) and made.kind == self.kind):
            raise ConfigError(
                f"{self.kind} {shown(self.shown)} of {self.provider.distribution} {self.provider.version} "
                "makes a "
                f"{type(made).__name__}; expected a {self.spec.product}"
            )
        return made


@dataclass(frozen=True)
class ReportRow:
    """The state of one plugin.

    `provides` holds texts such as "cell acme/mine", `hooks` the hooks it implements, `path` where it is
    installed; `reason` says why it is not active and what to do, `traceback` where it failed.
    """

    id: str
    version: str
    status: Status
    reason: str = ""
    provides: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    path: str = ""
    traceback: str = field(default="", repr=False)

    def as_json(self) -> dict[str, Any]:
        """The row as JSON values."""
        return asdict(self)
