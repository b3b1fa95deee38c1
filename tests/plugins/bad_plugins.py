"""Bad plugins, a row per kind: what is installed, what becomes of it, and the words that name what is wrong.

`Installed` rows go wrong when they are loaded; `Used` rows load well, and go wrong when a network is made
or trained with one of their names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.plugins.distributions import good, install

CELLS = "from ostinato import CellSpec, LossSpec, StrategySpec, hookimpl\n@hookimpl\ndef ostinato_cells"
BASE = good("mine")
MUTE = "class Mute(Exception):\n    def __str__(self): raise RuntimeError\n"


@dataclass(frozen=True)
class Installed:
    """A plugin `ostinato-bad`, of one module (None: it is missing), that cannot be loaded.

    `spoil` damages the installation afterwards: it is given the dist-info folder.
    """

    source: str | None
    words: str
    status: str = "broken"
    entry: str = "plugin = {module}"
    requires: str = ""
    spoil: Callable[[Path], object] | None = None
    more: str = ""

    def install(self, folder: Path) -> None:
        """Installs it, as module `bad`; `more` is a second module, `bad_more`."""
        install(
            folder, "ostinato-bad", self.source or "", module="bad", entry=self.entry, requires=self.requires
        )
        if self.source is None:
            (folder / "bad.py").unlink()
        if self.more:
            (folder / "bad_more.py").write_text(self.more)
        if self.spoil is not None:
            self.spoil(folder / "ostinato_bad-1.5.dist-info")


INSTALLED = {
    # The import.
    "import error": Installed("from numpy import no_such_thing", "no_such_thing"),
    "missing dependency": Installed("import torch_of_nowhere.nn", "install torch_of_nowhere"),
    "syntax error": Installed("def (:", "SyntaxError"),
    "text that is no source": Installed("\0", "null bytes"),
    "an exception": Installed("raise ValueError('not today')", "ValueError: not today"),
    "SystemExit": Installed("import sys\nsys.exit('bye')", "SystemExit: bye"),
    "KeyboardInterrupt of its own": Installed("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "an exception of its own": Installed("class Mine(BaseException): ...\nraise Mine('own')", "Mine: own"),
    "an exception without a text": Installed(f"{MUTE}raise Mute", "its __str__ raises RuntimeError"),
    "a hook that raises such an exception": Installed(
        f"{MUTE}{CELLS}(): raise Mute", "its __str__ raises RuntimeError"
    ),
    "endless recursion": Installed("def f(): f()\nf()", "RecursionError"),
    "imports itself in a circle": Installed("from bad import later\nlater = 1", "circular import"),
    "looks up a name of its own too early": Installed(
        "import ostinato\nostinato.Recurrent('bad/mine', 3, 4)\n" + BASE, "there is no cell 'bad/mine'"
    ),
    "missing module": Installed(None, "reinstall ostinato-bad"),
    "entry point to a missing attribute": Installed(BASE, "nothing_here", entry="plugin = bad:nothing_here"),
    "entry point that is no name": Installed(
        BASE, "is not a module or module:object", entry="plugin = bad module!"
    ),
    # The hooks.
    "no hook": Installed("x = 1", "it implements no hook"),
    "a hook without its mark": Installed("def ostinato_cells(): return []", "not marked with @hookimpl"),
    "an unknown hook": Installed(
        CELLS.replace("cells", "cels") + "(): return []", "did you mean 'ostinato_cells'"
    ),
    "wrong signature": Installed(f"{CELLS}(network): return []", "network"),
    "a default in a hook parameter": Installed(f"{CELLS}(extra=1): return []", "'extra' with a default"),
    "hooks in a class that is not made": Installed(
        "from ostinato import hookimpl\nclass bad:\n    @hookimpl\n    def ostinato_cells(self): return []",
        "missing 1 required positional argument",
        entry="plugin = bad:bad",
    ),
    "an attribute that cannot be looked at": Installed(
        "class Bad:\n    def __dir__(self): return 1\nbad = Bad()",
        "TypeError",
        entry="plugin = bad:bad",
    ),
    "a hook that raises": Installed(f"{CELLS}(): raise RuntimeError('no cells')", "RuntimeError: no cells"),
    "a hook that ends the program": Installed(f"{CELLS}(): raise SystemExit(3)", "SystemExit: 3"),
    "a hook that returns nothing": Installed(f"{CELLS}(): pass", "returns None; expected a list"),
    "a hook that yields": Installed(f"{CELLS}(): yield CellSpec('a', dict)", "expected a list"),
    "a hook that returns something else": Installed(f"{CELLS}(): return [7]", "ostinato_cells returns 7"),
    "one good hook and one bad": Installed(
        BASE + "\n@hookimpl\ndef ostinato_losses(): return 7", "ostinato_losses returns 7"
    ),
    # The descriptors.
    "a descriptor of another kind": Installed(f"{CELLS}(): return [LossSpec('a', dict)]", "list of CellSpec"),
    "a name that is none": Installed(f"{CELLS}(): return [CellSpec('a b', dict)]", "name is 'a b'"),
    "a factory that cannot be called": Installed(f"{CELLS}(): return [CellSpec('a', 7)]", "factory is 7"),
    "a role that is none": Installed(
        f"{CELLS.replace('cells', 'strategies')}(): return [StrategySpec('a', dict, role='feding')]",
        "did you mean 'feeding'",
    ),
    "a field that is none": Installed(f"{CELLS}(): return [CellSpec('a', dict, colour=1)]", "colour"),
    "a name twice": Installed(f"{CELLS}(): return [CellSpec('a', dict)] * 2", "'a' twice", "conflict"),
    "a name from two of its entry points": Installed(
        BASE, "given by ostinato-bad", "conflict", "a = bad\nb = bad_more", more=BASE
    ),
    # The metadata.
    "two entry points of one name": Installed(
        BASE, "two entry points called 'a'", "conflict", "a = bad\na = bad_more", more=BASE
    ),
    "made for another release": Installed(BASE, "it was not imported", "incompatible", requires="ostinato<0"),
    "a requirement that cannot be read": Installed(BASE, "cannot be read", requires="ostinato >> 7"),
    "no METADATA": Installed(BASE, "reinstall ostinato-bad", spoil=lambda i: (i / "METADATA").unlink()),
    "an empty METADATA": Installed(
        BASE, "METADATA has no Name", spoil=lambda i: (i / "METADATA").write_bytes(b"")
    ),
    "a METADATA that is no text": Installed(
        BASE, "metadata cannot be read", spoil=lambda i: (i / "METADATA").write_bytes(b"\xff\xfe\x00Name")
    ),
    "entry points that are no text": Installed(
        BASE, "entry_points.txt cannot be read", spoil=lambda i: (i / "entry_points.txt").write_bytes(b"\xff")
    ),
}


@dataclass(frozen=True)
class Used:
    """A plugin that loads; `use` is an expression that goes wrong, `words` are in the error."""

    source: str
    use: str
    words: str


def cell(body: str) -> str:
    """A plugin whose cell `mine` has this step."""
    return (
        BASE.partition("    def step")[0]
        + f"    def step(self, x, state, p):\n        {body}\n"
        + ("@hookimpl\ndef ostinato_cells():\n    return [CellSpec('mine', Mine)]\n")
    )


def init(rule: str) -> str:
    """A plugin whose initializer `mine` is this function of (shape, rng)."""
    return (
        "import numpy as np\nfrom ostinato import InitializerSpec, hookimpl\n@hookimpl\n"
        f"def ostinato_initializers(): return [InitializerSpec('mine', lambda: {rule})]"
    )


MADE = "ost.Recurrent('mine', 3, 4)"
STARTED = "ost.GRU(3, 4, init='mine')"

USED = {
    "a factory that raises": Used(
        f"{CELLS}(): return [CellSpec('mine', lambda: 1 / 0)]", MADE, "'bad/mine' cannot be made"
    ),
    "a factory that makes something else": Used(
        f"{CELLS}(): return [CellSpec('mine', dict)]",
        MADE,
        "of ostinato-bad 1.5 makes a dict; expected a Cell",
    ),
    "wrong shapes": Used(cell("return p.W @ state.h, {'h': state.h}"), MADE, "bad.py:"),
    "a state that is not returned": Used(cell("return p.W @ x, {}"), MADE, "new state 'h'"),
    "a step that branches": Used(cell("return (x if x.sum() else x), state"), MADE, "bad.py:"),
    "a step that changes its input": Used(cell("x[0] = 1; return state.h, {'h': state.h}"), MADE, "bad.py:"),
    "a step that changes its state": Used(
        cell("state.h = x; return x, {'h': x}"), MADE, "cannot be assigned"
    ),
    "a step that raises": Used(cell("1 / 0"), MADE, "of ostinato-bad 1.5 failed: step (bad.py:"),
    "a step that raises an exception without a text": Used(
        MUTE + cell("raise Mute"), MADE, "its __str__ raises RuntimeError"
    ),
    "a step that recurses": Used(cell("return self.step(x, state, p)"), MADE, "RecursionError"),
    "first values that are NaN": Used(
        init("lambda shape, rng: np.full(shape, np.nan)"), STARTED, "initializer 'bad/mine' of weight_ih_l0"
    ),
    "first values of another shape": Used(
        init("lambda shape, rng: np.ones(7)"), STARTED, "'bad/mine' of weight_ih_l0 returned (7,)"
    ),
    "an initializer that raises": Used(
        init("lambda shape, rng: 1 / 0"), STARTED, "initializer 'bad/mine' of ostinato-bad 1.5 failed"
    ),
    "an initializer that is no function": Used(
        init("7"), STARTED, "'bad/mine' of ostinato-bad 1.5 makes an object of type int; expected"
    ),
    "a regularizer that raises": Used(
        "from ostinato import Regularizer, RegularizerSpec, hookimpl\n"
        "class Mine(Regularizer):\n    def output(self, y, noise): return 1 / 0\n"
        "@hookimpl\ndef ostinato_regularizers(): return [RegularizerSpec('mine', Mine)]",
        "ost.GRU(3, 4, regularizers=['mine'])",
        "regularizer 'mine' of ostinato-bad 1.5 failed: output (bad.py:",
    ),
    "a loss that is a vector": Used(
        "from ostinato import Loss, LossSpec, hookimpl\n"
        "class Mine(Loss):\n    def step(self, y, target): return y - target\n"
        "@hookimpl\ndef ostinato_losses(): return [LossSpec('mine', Mine)]",
        "ost.Dense(3, 2).value_and_grad(x, x[..., :2], loss='mine')",
        "expected one number",
    ),
    "a name that two packages have": Used(BASE, MADE, "bad/mine (ostinato-bad:plugin 1.5), twin/mine"),
}
