"""Writes a page for each hook from the hook's own docstring: `make hooks`.

Tests compare the pages with the docstrings and run the examples. Do not edit the pages: their text is in
`python/ostinato/plugins/hookspecs.py`, `lifecycle.py` and `python/ostinato/specs.py`.
"""

from __future__ import annotations

import dataclasses
import doctest
import inspect
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from ostinato.plugins.hook_names import HOOKS
from ostinato.plugins.hookspecs import Hooks
from ostinato.plugins.lifecycle import ARGUMENTS, LifecycleHooks
from ostinato.specs import SPECS, Spec

HERE = Path(__file__).parent

# The page that explains what a hook registers.
MORE = {
    "ostinato_cells": "add-a-cell.md",
    "ostinato_scorers": "attention.md#your-own-scorer",
    "ostinato_layers": "new-layer.md",
    "ostinato_regularizers": "regularizers.md#your-own-regularizer",
    "ostinato_losses": "your-own-loss.md",
    "ostinato_optimizers": "optimizers.md#your-own-optimizer",
    "ostinato_schedules": "training.md#schedules",
    "ostinato_initializers": "add-a-cell.md",
    "ostinato_strategies": "your-own-strategy.md",
    "ostinato_metrics": "your-own-metric.md",
    "ostinato_callbacks": "your-own-callback.md",
    "ostinato_commands": "plugins.md#on-the-command-line",
}
LIFECYCLE = "your-own-callback.md"


def pages() -> dict[str, str]:
    """File name -> text, of every page."""
    made = {f"{hook}.md": page(hook, function, home) for hook, function, home in hooks()}
    return {"README.md": index(), **made}


def hooks() -> Iterator[tuple[str, Callable[..., Any], type]]:
    """Every hook with its specification and the class that it is in."""
    for home in (Hooks, LifecycleHooks):
        for name, function in vars(home).items():
            if name in HOOKS:
                yield name, function, home


def index() -> str:
    """The list of all hooks."""
    lines = [
        "# Hooks",
        "",
        "A plugin is a package that adds names (of cells, losses, ...) to Ostinato, or an object that a",
        "training run calls. It implements one or more of the hooks below. An implementation is a function",
        "with the name of the hook and the decorator `ostinato.hookimpl`.",
        "",
        "The hooks of the first table are functions of a module that a package declares as an entry point",
        "of the group `ostinato`; [a new cell in ten minutes](../new-cell.md) makes such a package. The",
        "hooks of the second table can also be methods of an object: pass the object in",
        "`Trainer(..., callbacks=[...])`.",
        "",
    ]
    titles = {Hooks: "Registration: names", LifecycleHooks: "Lifecycle: a training run"}
    for home, title in titles.items():
        lines += [f"## {title}", "", "| hook | purpose |", "|---|---|"]
        lines += [
            f"| [`{name}`]({name}.md) | {first_line(function)} |"
            for name, function, other in hooks()
            if other is home
        ]
        lines += [""]
    return "\n".join(lines).rstrip() + "\n"


def page(hook: str, function: Callable[..., Any], home: type) -> str:
    """The page of one hook."""
    text = inspect.cleandoc(function.__doc__ or "")
    words, _, example = text.partition("Example:\n")
    arguments = [name for name in inspect.signature(function).parameters if name != "self"]
    spec = next((one for one in SPECS.values() if one.hook == hook), None)
    lines = [f"# {hook}({', '.join(arguments)})", "", words.strip(), ""]
    if spec is not None:
        lines += [f"Returns a list of `{spec.__name__}`, one for each name.", ""]
        lines += [inspect.cleandoc(spec.__doc__ or ""), ""]
        lines += ["| field | meaning |", "|---|---|", *fields(spec), ""]
        lines += ["Ostinato calls this hook once: when it first needs a name that is not built in.", ""]
    else:
        lines += [*order(hook, function), ""]
        lines += ["| argument | meaning |", "|---|---|"]
        lines += [f"| `{name}` | {ARGUMENTS[name]} |" for name in arguments]
        lines += ["", "An implementation receives its arguments by name, and may omit any of them.", ""]
    more = MORE.get(hook, LIFECYCLE)
    lines += [f"[{title(more)}](../{more}) explains more.", ""]
    lines += ["## Example", "", *blocks(textwrap.dedent(example))]
    return "\n".join(lines).rstrip() + "\n"


def title(link: str) -> str:
    """The title of a page of docs/, or of the section that the link names."""
    page, _, section = link.partition("#")
    for line in (HERE.parent / page).read_text(encoding="utf-8").split("\n"):
        heading = line.lstrip("#").strip()
        if line.startswith("#") and section in ("", heading.lower().replace(" ", "-")):
            return heading
    raise ValueError(f"{page} has no section {section}")


def fields(spec: type[Spec]) -> list[str]:
    """A row for each field of a descriptor."""
    return [f"| `{one.name}` | {one.metadata['doc']} |" for one in dataclasses.fields(spec)]


def blocks(example: str) -> list[str]:
    """A doctest as blocks of Python, each with the output of what it shows."""
    lines: list[str] = []
    code: list[str] = []
    for part in doctest.DocTestParser().get_examples(example):
        if part.want:
            code.append(f"print({part.source.strip()})")
            lines += ["```python", *spaced(code), "```", "", "```output", part.want.rstrip(), "```", ""]
            code = []
        else:
            code += part.source.rstrip().split("\n")
    return [*lines, "```python", *spaced(code), "```"] if code else lines


def spaced(code: list[str]) -> list[str]:
    """Code of a doctest, with the empty lines that a doctest cannot contain."""
    found: list[str] = []
    previous = ""
    for line in code:
        starts = line.startswith(("class ", "@")) or (
            line.startswith("def ") and not previous.startswith("@")
        )
        ended = previous.startswith(" ") and not line.startswith((" ", ")"))
        imported = previous.startswith(("import", "from")) and not line.startswith(("import", "from"))
        if found and (starts or ended):
            found += ["", ""]
        elif found and imported:
            found += [""]
        elif found and line.startswith("    def ") and not previous.startswith(("class", "    @")):
            found += [""]
        elif found and line.startswith("    @") and previous.startswith(" " * 8):
            found += [""]
        elif len(found) > 1 and found[-2].startswith("class") and found[-1].startswith('    """'):
            found += [""]  # after the docstring of a class
        elif previous.startswith(" " * 8) and line.startswith("    return"):
            found += [""]  # after a function within a function
        found.append(line.replace("'''", '"""'))
        previous = line
    return found


def first_line(function: Callable[..., Any]) -> str:
    """The purpose of a hook."""
    return (function.__doc__ or "").strip().partition("\n")[0]


def order(hook: str, function: Callable[..., Any]) -> list[str]:
    """Which implementations a run calls, and in which order."""
    who = "A run calls this hook of each plugin in `Trainer(..., callbacks=[...])`, in that order"
    if hook == "ostinato_train_step":
        return [
            "An implementation must be a wrapper: a generator function with the decorator",
            "`hookimpl(wrapper=True)`. The update runs at its `yield`, which returns the measurements of the",
            "batch, such as the loss. The wrapper returns them too. The first plugin in",
            "`Trainer(..., callbacks=[...])` is the outermost wrapper.",
        ]
    if is_first_result(function):
        return [f"{who}, until", "a result is not None."]
    return [f"{who}."]


def is_first_result(function: Callable[..., Any]) -> bool:
    """Whether the first result that is not None counts."""
    return bool(getattr(function, "ostinato_spec", {}).get("firstresult"))


if __name__ == "__main__":
    for old in HERE.glob("*.md"):
        old.unlink()
    for name, text in pages().items():
        (HERE / name).write_text(text, encoding="utf-8")
