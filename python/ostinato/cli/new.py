"""Write a package with your own cell, loss, ...: ready to edit, install and test."""

from __future__ import annotations

import argparse
import keyword
import re
from datetime import date
from pathlib import Path
from string import Template

from ostinato import _core
from ostinato.cli.grow import PROJECT, Entry, Package, registered
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
    "callback": '`ostinato.Trainer(net, loss="mse", callbacks=[$name])` calls it',
    "command": "`ostinato $name world` runs it",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags of `ostinato new`."""
    parser.add_argument("name", help="what it is to be called; the package is ostinato-NAME")
    parser.add_argument("--kind", choices=list(SPECS), default="cell", help="default: %(default)s")
    parser.add_argument(
        "--into",
        type=Path,
        default=Path("."),
        metavar="FOLDER",
        help="where (default: this folder); a package of plugins gets one more name",
    )


def run(options: argparse.Namespace) -> None:
    """Writes the package and prints the next steps. Raises ConfigError, OSError."""
    if (options.into / PROJECT).is_file():
        for path in add(options.name, options.kind, options.into):
            print(path)
        print(f"\nNext: cd {options.into}; pytest; then edit {module_name(options.name)}.py")
        return
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
    words = {**_words(module, kind, distribution, package), "year": str(date.today().year)}
    files = {
        "pyproject.toml": "pyproject.toml.txt",
        "README.md": "README.md.txt",
        "LICENSE": "license.txt",
        ".gitignore": "gitignore.txt",
        ".github/workflows/test.yml": "workflow.yml.txt",
        f"src/{package}/__init__.py": "init.py.txt",
        f"src/{package}/{module}.py": f"{kind}.py.txt",
        f"src/{package}/py.typed": None,
        f"tests/test_{module}.py": _own_test(kind),
    }
    for path, template in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(_filled(template, words), encoding="utf-8")
    return folder


def add(name: str, kind: str, project: Path) -> list[Path]:
    """Adds a name of a kind to the package in the folder `project`; returns what is new or changed.

    Raises ConfigError for an invalid name, a file that exists and a package that cannot be read; OSError.
    """
    module, package = module_name(name), Package.found(project)
    words = _words(module, kind, normal(package.distribution), package.name)
    files = {
        package.folder / f"{module}.py": f"{kind}.py.txt",
        project / "tests" / f"test_{module}.py": _own_test(kind),
    }
    for path in files:
        if path.exists():
            raise ConfigError(f"{path} exists already; expected a name that is free")
    registry = package.folder / "__init__.py"
    call = Template('$spec("$name", $object$more)').substitute(words)
    entry = Entry(words["hook"], words["spec"], call, f"{package.name}.{module}", words["object"])
    source = registered(registry.read_text(encoding="utf-8"), registry, entry)
    for path, template in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(_filled(template, words), encoding="utf-8")
    registry.write_text(source, encoding="utf-8")
    return [*files, registry]


def _filled(template: str | None, words: dict[str, str]) -> str:
    text = "" if template is None else (TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute(words)


def _own_test(kind: str) -> str:
    own = TEMPLATES / f"{kind}_test.py.txt"
    return own.name if own.exists() else "conformance_test.py.txt"


def _words(module: str, kind: str, distribution: str, package: str) -> dict[str, str]:
    """What stands for the names in the templates."""
    class_name = "".join(part.capitalize() for part in module.split("_"))
    is_function = kind in ("initializer", "schedule", "command")
    major, minor = _core.__version__.split(".")[:2]
    spec = SPECS[kind]
    return {
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
