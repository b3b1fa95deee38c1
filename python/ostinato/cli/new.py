"""Write a package with your own cell, loss, ...: ready to edit, install and test."""

from __future__ import annotations

import argparse
import keyword
import re
from pathlib import Path
from string import Template

from ostinato import _core
from ostinato.errors import ConfigError
from ostinato.plugins.entry import normal
from ostinato.specs import SPECS

TEMPLATES = Path(__file__).with_name("templates")

# The sentence about its use in a README.
USES = {
    "cell": "`ostinato.Recurrent($name, 8, 16)` is a network of it",
    "scorer": "`ostinato.Attention($name, 8, 8)` attends with it",
    "layer": "`ostinato.Sequential(ostinato.GRU(3, 8), $class_name(8))` has it between other layers",
    "regularizer": "`ostinato.GRU(8, 16, regularizers=[$name])` has it",
    "loss": "`ostinato.Trainer(net, loss=$name)` minimizes it",
    "optimizer": '`ostinato.Trainer(net, loss="mse", optimizer=$name)` trains with it',
    "schedule": '`ostinato.Trainer(net, loss="mse", schedule=$name)` follows it',
    "initializer": "`ostinato.GRU(8, 16, init=$name)` starts with it",
    "strategy": '`ostinato.Trainer(net, loss="mse", strategies=[$name])` uses it',
    "metric": '`ostinato.Trainer(net, loss="mse", metrics=[$name])` measures it',
    "command": "`ostinato $name world` runs it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato new`."""
    parser.add_argument("name", help="what it is to be called; the package is ostinato-NAME")
    parser.add_argument("--kind", choices=list(SPECS), default="cell", help="default: %(default)s")
    parser.add_argument(
        "--into", type=Path, default=Path("."), metavar="FOLDER", help="where (default: this folder)"
    )


def run(options: argparse.Namespace) -> None:
    """Writes the package and prints the next steps. Raises ConfigError, OSError."""
    folder = write(options.name, options.kind, options.into)
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            print(path)
    print(
        f"\nNext: cd {folder}; pip install -e '.[test]'; pytest; "
        f"then edit {folder.name.replace('-', '_')}/{module_name(options.name)}.py in src"
    )


def module_name(name: str) -> str:
    """The names of the class and of its module. Raises ConfigError for an invalid name."""
    short = normal(name).removeprefix("ostinato-")
    module = short.replace("-", "_")
    if not re.fullmatch(r"[a-z][a-z0-9-]*", short) or keyword.iskeyword(module):
        raise ConfigError(
            f"name is {name!r}; expected letters, digits and - with a letter first, and no word of Python"
        )
    if short == "ostinato":
        raise ConfigError("name is 'ostinato', which is this package; expected one of your own")
    return module


def write(name: str, kind: str, into: Path) -> Path:
    """Writes the package `ostinato-NAME` to the folder `into`, and returns its own folder.

    Raises ConfigError for an invalid name and for a folder that exists, OSError.
    """
    module = module_name(name)
    distribution = "ostinato-" + module.replace("_", "-")
    package = distribution.replace("-", "_")
    folder = into / distribution
    if folder.exists():
        raise ConfigError(f"{folder} exists already; expected a name that is free, or another --into")
    class_name = "".join(part.capitalize() for part in module.split("_"))
    is_function = kind in ("initializer", "schedule", "command")
    major, minor = _core.__version__.split(".")[:2]
    spec = SPECS[kind]
    words = {
        "a_kind": f"{'An' if kind[0] in 'aeiou' else 'A'} {kind}",
        "kind": kind,
        "name": module,
        "namespace": distribution.removeprefix("ostinato-"),
        "class_name": class_name,
        "object": module if is_function else class_name,
        "package": package,
        "distribution": distribution,
        "version": f"{major}.{minor}",
        # A release before 1.0 may change anything with its second number.
        "next_version": f"0.{int(minor) + 1}" if major == "0" else str(int(major) + 1),
        "spec": spec.__name__,
        "hook": spec.hook,
        "more": ', role="curriculum"' if kind == "strategy" else "",
        "use": Template(USES[kind]).substitute(
            name=module if kind == "command" else repr(module), class_name=class_name
        ),
    }
    own_test = TEMPLATES / f"{kind}_test.py.txt"
    files = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        f"src/{package}/__init__.py": "init.py.txt",
        f"src/{package}/{module}.py": f"{kind}.py.txt",
        f"src/{package}/py.typed": None,
        f"tests/test_{module}.py": own_test.name if own_test.exists() else "conformance_test.py.txt",
    }
    for path, template in files.items():
        text = "" if template is None else (TEMPLATES / template).read_text(encoding="utf-8")
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(Template(text).substitute(words), encoding="utf-8")
    return folder
