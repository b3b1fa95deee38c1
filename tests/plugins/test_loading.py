"""Finding and importing plugins: lazily, one by one, and never to the harm of the rest."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from pathlib import Path

import pytest

import ostinato as ost
from ostinato.plugins import Registry
from ostinato.plugins import registry as shared
from ostinato.plugins.index import discover
from ostinato.plugins.loader import PluginWarning
from tests.plugins.distributions import good, install

# A module stays imported for the whole session, so each test's plugins get module names of their own.
NUMBER = itertools.count()

HOOK = "from ostinato import CellSpec, LossSpec, hookimpl\n@hookimpl\ndef ostinato_cells"

# What is wrong -> (source, words that the report gives as the reason).
BROKEN = {
    "a module that is missing": (None, "ModuleNotFoundError"),
    "an import that fails": ("import no_such_module_anywhere", "no_such_module_anywhere"),
    "a syntax error": ("def (:", "SyntaxError"),
    "an error while importing": ("raise ValueError('not today')", "not today"),
    "an exit while importing": ("raise SystemExit(3)", "SystemExit"),
    "a hook that raises": (f"{HOOK}(): raise RuntimeError('no cells')", "no cells"),
    "a hook that returns nothing": (f"{HOOK}(): pass", "returns None; expected a list"),
    "a hook that returns a class": (f"{HOOK}(): return CellSpec", "expected a list"),
    "a hook that yields": (f"{HOOK}(): yield CellSpec('a', dict)", "expected a list"),
    "a list of something else": (f"{HOOK}(): return [7]", "ostinato_cells returns 7"),
    "a descriptor of another kind": (f"{HOOK}(): return [LossSpec('a', dict)]", "list of CellSpec"),
    "a name that is none": (f"{HOOK}(): return [CellSpec('a b', dict)]", "'a b'"),
    "a factory that is none": (f"{HOOK}(): return [CellSpec('a', 7)]", "factory is 7"),
    "a hook that does not exist": (
        "from ostinato import hookimpl\n@hookimpl\ndef ostinato_cell(): return []",
        "did you mean 'ostinato_cells'",
    ),
    "an argument that no hook has": (f"{HOOK}(network): return []", "network"),
    "an argument with a default": (f"{HOOK}(extra=1): return []", "extra"),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path; the plugins of the machine are still there, as they would be for a user."""
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_plugin_is_named_once_and_the_others_work(name: str, folder: Path) -> None:
    source, reason = BROKEN[name]
    number = next(NUMBER)
    install(folder, "ostinato-aaa", source or "", module=f"broken_{number}")
    if source is None:
        (folder / f"broken_{number}.py").unlink()
    install(folder, "ostinato-zzz", good("fine"), module=f"fine_{number}")
    registry = Registry()
    with pytest.warns(PluginWarning, match="ostinato-aaa:plugin 1.5") as warned:
        entry = registry.resolve("cell", "fine")
    assert len(warned) == 1
    assert entry.full == "zzz/fine"
    rows = {row.id: row for row in registry.report()}
    assert rows["ostinato-aaa:plugin"].status == "broken"
    assert reason in rows["ostinato-aaa:plugin"].reason
    assert rows["ostinato-aaa:plugin"].provides == ()
    assert rows["ostinato-zzz:plugin"].status == "active"
    assert rows["ostinato-zzz:plugin"].provides == ("cell zzz/fine",)
    assert registry.resolve("cell", "lstm").provider.id == "ostinato:builtin"


def test_the_error_about_an_unknown_name_lists_the_broken_plugins(folder: Path) -> None:
    install(folder, "ostinato-aaa", "raise ValueError", module=f"broken_{next(NUMBER)}")
    registry = Registry()
    with pytest.warns(PluginWarning), pytest.raises(ost.ConfigError, match="not loaded: ostinato-aaa:plugin"):
        registry.resolve("cell", "theirs")


@pytest.mark.parametrize(
    ("file", "content", "reason"),
    [
        ("METADATA", b"", "METADATA has no Name"),
        ("METADATA", b"\xff\xfe\x00broken", "metadata cannot be read"),
        ("METADATA", b"[[[\n= =\n", "METADATA has no Name"),
        ("METADATA", b"Name: ostinato-aaa\n", "METADATA has no Version"),
        ("entry_points.txt", b"\xff\xfe\x00broken", "entry_points.txt cannot be read"),
        # Nothing says that these are plugins.
        ("entry_points.txt", b"", None),
        ("entry_points.txt", b"[[[\n= =\n", None),
    ],
)
def test_a_damaged_dist_info_is_named_and_affects_nothing_else(
    file: str, content: bytes, reason: str | None, folder: Path
) -> None:
    number = next(NUMBER)
    install(folder, "ostinato-aaa", good("hurt"), module=f"hurt_{number}")
    (folder / "ostinato_aaa-1.5.dist-info" / file).write_bytes(content)
    install(folder, "ostinato-zzz", good("fine"), module=f"fine_{number}")
    registry = Registry()
    if reason is None:
        assert registry.resolve("cell", "fine").full == "zzz/fine"
    else:
        with pytest.warns(PluginWarning, match=reason):
            assert registry.resolve("cell", "fine").full == "zzz/fine"
        (row,) = (row for row in registry.report() if row.id.startswith("ostinato-aaa:"))
        assert (row.status, "reinstall ostinato-aaa" in row.reason) == ("broken", True)


def test_two_entry_points_of_one_name_are_two_plugins(folder: Path) -> None:
    number = next(NUMBER)
    install(folder, "ostinato-aaa", good("first"), module=f"first_{number}")
    install(folder, "bbb", good("second"), module=f"second_{number}")
    registry = Registry()
    assert registry.resolve("cell", "first").provider.id == "ostinato-aaa:plugin"
    assert registry.resolve("cell", "second").provider.id == "bbb:plugin"


def test_importing_ostinato_and_using_built_ins_imports_no_plugin(tmp_path: Path) -> None:
    install(tmp_path, "ostinato-loud", "raise SystemExit('imported')", module="loud_plugin")
    program = f"""
import sys
sys.path.insert(0, {str(tmp_path)!r})
import ostinato as ost
net = ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2))
net.value_and_grad([[[0.0, 0.0, 0.0]]], [[[0.0, 0.0]]], loss="mse")
assert "loud_plugin" not in sys.modules
import warnings
warnings.simplefilter("ignore")
assert "lstm" in ost.plugins.list()
assert [row.status for row in ost.plugins.report() if "loud" in row.id] == ["broken"]
"""
    subprocess.run([sys.executable, "-W", "error", "-c", program], check=True, timeout=60)


def test_importing_ostinato_imports_numpy_pluggy_and_itself_only() -> None:
    program = """
import sys, numpy.random, numpy.typing, pluggy
before = set(sys.modules)
import ostinato
allowed = {"ostinato", *sys.stdlib_module_names}
others = {name for name in set(sys.modules) - before if name.partition(".")[0] not in allowed}
assert not others, others
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_model_with_a_plugins_cell_predicts_and_trains_without_the_plugin(tmp_path: Path) -> None:
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    install(plugins, "ostinato-acme", good("theirs"), module="acme_theirs")
    shared = f"""
import sys, numpy as np, ostinato as ost
x = np.random.default_rng(0).standard_normal((2, 5, 3))
targets = np.random.default_rng(1).standard_normal((2, 5, 2))
def results(net):
    loss, gradients = net.value_and_grad(x, targets, loss="mse")
    optimizer = ost.Adam()
    optimizer.step(net.arena, gradients.arena)
    return np.concatenate([net.run(x).outputs.ravel(), gradients.arena, net.arena, [loss]])
folder = {str(tmp_path)!r}
"""
    make = f"""
sys.path.insert(0, {str(plugins)!r})
net = ost.Sequential(ost.Recurrent("theirs", 3, 4), ost.Dense(4, 2))
net.save(folder + "/model")
np.save(folder + "/results.npy", results(net))
"""
    load = """
net = ost.load(folder + "/model")
assert "acme/theirs" in repr(net)
assert net[0].provider == ost.plugins.Provider("ostinato-acme:plugin", "ostinato-acme", "1.5")
np.testing.assert_array_equal(results(net), np.load(folder + "/results.npy"))
assert not any("acme" in name for name in sys.modules)
try:
    ost.Recurrent("acme/theirs", 3, 4)
except ost.ConfigError:
    pass
else:
    raise AssertionError("the plugin is there after all")
"""
    for program in (shared + make, shared + load):
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_a_model_file_says_who_gave_each_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    source = (
        "import numpy as np\n"
        "from ostinato import InitializerSpec, Regularizer, RegularizerSpec, hookimpl\n"
        "class Halved(Regularizer):\n    def output(self, y, noise): return 0.5 * y\n"
        "@hookimpl\ndef ostinato_regularizers(): return [RegularizerSpec('halved', Halved)]\n"
        "@hookimpl\ndef ostinato_initializers():\n"
        "    return [InitializerSpec('sevens', lambda: lambda shape, rng: np.full(shape, 7.0))]\n"
    )
    install(tmp_path, "ostinato-parts", source, module=f"parts_{next(NUMBER)}")
    with shared.isolated(discover):
        net = ost.RNN(3, 4, regularizers=["halved"], init="parts/sevens")
    provider = ost.plugins.Provider("ostinato-parts:plugin", "ostinato-parts", "1.5")
    expected = (("initializer parts/sevens", provider), ("regularizer parts/halved", provider))
    assert net.setting.providers == expected
    net.save(tmp_path / "model")
    with shared.isolated(lambda: []):
        again = ost.load(tmp_path / "model")
    assert again.setting.providers == expected
    again.save(tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == (tmp_path / "model").read_bytes()


def test_of_two_versions_in_one_folder_the_same_is_found_however_the_folder_lists_them(tmp_path, monkeypatch):
    listed, found = os.listdir, []
    for number, turn in enumerate(
        (sorted, lambda names: sorted(names)[::-1], lambda names: sorted(names)[1:])
    ):
        for version in ("0.2.0", "0.10.0", "0.1.0", "0.0.1"):
            folder = tmp_path / str(number) / f"ostinato_twice-{version}.dist-info"
            folder.mkdir(parents=True)
            (folder / "METADATA").write_text(f"Name: ostinato-twice\nVersion: {version}\n")
            (folder / "entry_points.txt").write_text("[ostinato]\ntwice = twice\n")
        monkeypatch.setattr(os, "listdir", lambda path="", turn=turn: turn(listed(path)))
        found.append([one.provider.version for one in discover([str(tmp_path / str(number))])])
        monkeypatch.undo()
    assert found == [["0.0.1"], ["0.0.1"], ["0.1.0"]]
