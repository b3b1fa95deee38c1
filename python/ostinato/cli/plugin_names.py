"""`ostinato plugins why NAME`: the providers of a name, and the meaning of the bare name."""

from __future__ import annotations

from typing import Any

from ostinato.errors import ConfigError
from ostinato.plugins.entry import BUILTIN, ReportRow
from ostinato.suggest import did_you_mean


def why(rows: list[ReportRow], name: str) -> tuple[Any, str]:
    """A value for JSON and a text, about each kind that has the name. Raises ConfigError if none has it."""
    bare = name.rpartition("/")[2]
    providers: dict[str, list[tuple[str, ReportRow]]] = {}
    known = []
    for row in rows:
        for provided in row.provides:
            kind, _, shown = provided.partition(" ")
            known.append(shown)
            if shown.rpartition("/")[2] == bare:
                providers.setdefault(kind, []).append((shown, row))
    lost = [row for row in rows if row.status != "active"]
    if not providers:
        hint = "".join(f"; {row.id} is {row.status} and may provide it ({row.reason})" for row in lost)
        raise ConfigError(f"nothing is called {name!r}; {did_you_mean(name, sorted(known))}{hint}")
    records, lines = [], []
    for kind, found in providers.items():
        meant, reason = _meaning(name, found)
        records.append(
            {
                "kind": kind,
                "name": name,
                "means": meant,
                "because": reason,
                "providers": [{"name": shown, "id": row.id, "version": row.version} for shown, row in found],
            }
        )
        lines.append(f"{kind} {name!r} means {meant}: {reason}" if meant else f"{kind} {name!r}: {reason}")
        lines += [f"  {shown} from {row.id} {row.version}" for shown, row in found]
    return records, "\n".join(lines)


def _meaning(name: str, found: list[tuple[str, ReportRow]]) -> tuple[str | None, str]:
    exact = [shown for shown, _ in found if shown == name or f"ostinato/{shown}" == name]
    builtin = [shown for shown, row in found if row.id == BUILTIN]
    if "/" in name:
        if len(exact) == 1:
            return exact[0], "it is the full name"
        return None, "several plugins have it" if exact else "no plugin of that namespace has it"
    if builtin:
        return builtin[0], "a bare name is the built-in; no plugin can take it over"
    if len(found) == 1:
        return found[0][0], "it has one provider"
    return None, "ambiguous; write one of the full names"
