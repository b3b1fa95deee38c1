"""What the registry holds: names, who provides them, and what became of each plugin."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final, Literal

from ostinato.specs import Spec

BUILTIN: Final = "ostinato:builtin"
LOCAL: Final = "local"


@dataclass(frozen=True)
class Provider:
    """Who provides a name: `id` is `distribution:entry-point`, or "local" for `ostinato.register`."""

    id: str
    distribution: str
    version: str

    @property
    def namespace(self) -> str:
        """The name before the slash: `acme` for the distribution `ostinato-acme`."""
        name = re.sub(r"[-_.]+", "-", self.distribution).lower()
        return name.removeprefix("ostinato-")


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
        """The name that finds this entry again: bare for a built-in, else with its namespace."""
        return self.spec.name if self.provider.id == BUILTIN else self.full


@dataclass(frozen=True)
class ReportRow:
    """What became of one plugin.

    `provides` holds texts such as "cell acme/mine"; `reason` says why it is broken.
    """

    id: str
    version: str
    status: Literal["active", "broken"]
    reason: str = ""
    provides: tuple[str, ...] = ()
    traceback: str = field(default="", repr=False)
