"""The C library: bits of Python, wrong arguments, memory, system calls, the header."""

import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

import ostinato as ost
from tests.interop.cases import ROOT, ROWS, STEPS, bits, built, networks, numbers

CRATE = ROOT / "rust" / "c"
HEADER = CRATE / "include" / "ostinato.h"
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]
# Leaks count as errors. Threads of the library live until the process ends; what they hold is reachable.
VALGRIND = [
    "valgrind",
    "--quiet",
    "--error-exitcode=9",
    "--leak-check=full",
    "--errors-for-leak-kinds=definite,indirect",
]
FUNCTION = re.compile(r"\b(ostinato_\w+)\(")

pytestmark = pytest.mark.timeout(
    600
)  # the first test compiles the engine where nothing has compiled it before


@pytest.fixture(scope="module")
def library():
    """The folder of libostinato.so and libostinato.a."""
    if shutil.which("cc") is None or sys.platform != "linux":
        pytest.skip("no C compiler, or another system")
    return built()


@pytest.fixture(scope="module")
def programs(library, tmp_path_factory):
    """The programs of rust/c/tests, compiled, by name."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("serve", "check", "quiet"):
        source = CRATE / "tests" / f"{name}.c"
        shared = [f"-L{library}", f"-Wl,-rpath,{library}", "-lostinato", "-lpthread"]
        command = [
            "cc",
            *WARNINGS,
            "-O1",
            f"-I{HEADER.parent}",
            str(source),
            "-o",
            str(folder / name),
            *shared,
        ]
        subprocess.run(command, check=True)
    return {path.name: path for path in folder.iterdir()}


def run(command, **others):
    return subprocess.run(
        [str(word) for word in command], capture_output=True, text=True, check=False, **others
    )


@pytest.mark.parametrize("name", ["lstm, 2 layers", "regularized", "layer_norm_lstm of a plugin"])
def test_c_prints_the_bits_that_python_computes(name, programs, tmp_path):
    net = networks()[name]
    net.save(tmp_path / "model.safetensors")
    done = run([programs["serve"], tmp_path / "model.safetensors", ROWS, STEPS])
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    outputs = net(numbers((ROWS, STEPS, 3)))
    np.testing.assert_array_equal(bits(lines, 1)[0], outputs.ravel().view(np.uint32))
    np.testing.assert_array_equal(bits(lines, STEPS), outputs[0].view(np.uint32))
    assert not lines


def test_the_program_of_the_page_runs(library, tmp_path):
    page = (ROOT / "docs" / "c.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```c\n(.*?)```", page, re.DOTALL)
    (tmp_path / "page.c").write_text(text, encoding="utf-8")
    shared = [f"-L{library}", f"-Wl,-rpath,{library}", "-lostinato"]
    command = ["cc", *WARNINGS, f"-I{HEADER.parent}", "page.c", "-o", "page", *shared]
    subprocess.run(command, check=True, cwd=tmp_path)
    ost.Sequential(ost.LSTM(3, 4), ost.Dense(4, 2)).save(tmp_path / "model.safetensors")
    done = run([tmp_path / "page"], cwd=tmp_path)
    assert (done.returncode, done.stdout) == (0, "x: 3 features, output: 2 features\n"), done.stderr


def test_the_static_library_links(library, programs, tmp_path):
    linked = [str(library / "libostinato.a"), "-lpthread", "-ldl", "-lm"]
    source, program = str(CRATE / "tests" / "serve.c"), str(tmp_path / "serve")
    subprocess.run(["cc", *WARNINGS, f"-I{HEADER.parent}", source, "-o", program, *linked], check=True)
    ost.LSTM(3, 4).save(tmp_path / "model.safetensors")
    command = [tmp_path / "model.safetensors", 2, 3]
    assert run([program, *command]).stdout == run([programs["serve"], *command]).stdout != ""


@pytest.fixture
def files(tmp_path):
    """The files that rust/c/tests/check.c takes."""
    ost.LSTM(3, 4).save(tmp_path / "model")
    ost.LSTM(3, 4, dtype="float64").save(tmp_path / "double")
    x, w, s = ost.Input("x", size=3), ost.Input("w", ids=5, axis="target"), ost.Input("s", size=2, axis="row")
    source = ost.final_states(ost.GRU(3, 4, bidirectional=True)(x))["h"]
    words = ost.Embedding(5, 2)(w)
    read = ost.concat(words, ost.repeat(s, words))
    ost.Graph(ost.GRU(4, 6)(read, initial_state={"h": ost.Dense(8, 6)(ost.concat(source))})).save(
        tmp_path / "graph"
    )
    (tmp_path / "broken").write_bytes((tmp_path / "model").read_bytes()[:-5])
    return [tmp_path / name for name in ("model", "graph", "double", "broken")]


@pytest.mark.parametrize("tool", [[], VALGRIND], ids=["plain", "valgrind"])
def test_wrong_arguments_have_a_status_and_a_text_and_leak_nothing(tool, programs, files):
    if tool and shutil.which("valgrind") is None:
        pytest.skip("valgrind is not installed")
    done = run([*tool, programs["check"], *files])
    assert done.returncode == 0, done.stdout + done.stderr
    *texts, last = done.stdout.splitlines()
    assert last == "all" and done.stderr == ""
    # what was found; no text is empty, and none is that of a panic
    assert len(texts) > 40 and all(texts) and not any("bug" in text for text in texts)


def test_a_step_makes_no_system_call_while_another_thread_runs_the_model(programs, tmp_path):
    ost.LSTM(3, 4).save(tmp_path / "model.safetensors")
    done = run([programs["quiet"], tmp_path / "model.safetensors"], timeout=90)
    if done.returncode == 77:
        pytest.skip("this system has no strict mode of seccomp")
    assert (done.returncode, done.stdout) == (0, "quiet\n")


def functions(text):
    """The functions of the interface in a source, without its comments."""
    return set(FUNCTION.findall(re.sub(r"//[^\n]*", "", text)))


def test_the_header_has_the_functions_of_the_sources():
    sources = "".join(path.read_text(encoding="utf-8") for path in (CRATE / "src").glob("*.rs"))
    defined = set(
        re.findall(r'#\[unsafe\(no_mangle\)\]\n(?:#\[.*\]\n)?pub (?:unsafe )?extern "C" fn (\w+)', sources)
    )
    assert len(defined) > 20
    assert functions(HEADER.read_text(encoding="utf-8")) == defined


def test_the_header_is_what_cbindgen_makes(tmp_path):
    """The full comparison, where cbindgen 0.29 is installed; the names are compared everywhere."""
    if shutil.which("cbindgen") is None or not run(["cbindgen", "--version"]).stdout.startswith(
        "cbindgen 0.29"
    ):
        pytest.skip("cbindgen 0.29 is not installed")
    made = tmp_path / "ostinato.h"
    subprocess.run(
        ["cbindgen", "--quiet", "--config", "cbindgen.toml", "--output", made], cwd=CRATE, check=True
    )
    assert made.read_text(encoding="utf-8") == HEADER.read_text(encoding="utf-8")


def test_the_library_exports_these_functions_alone(library):
    if shutil.which("nm") is None:
        pytest.skip("nm is not installed")
    symbols = run(["nm", "-D", "--defined-only", library / "libostinato.so"]).stdout
    assert {line.split()[-1] for line in symbols.splitlines()} == functions(
        HEADER.read_text(encoding="utf-8")
    )


def test_the_header_is_cplusplus_too():
    if shutil.which("c++") is None:
        pytest.skip("no C++ compiler")
    command = ["c++", "-Wall", "-Wextra", "-Werror", "-fsyntax-only", "-x", "c++", str(HEADER)]
    subprocess.run(command, check=True)


def test_every_function_catches_panics():
    """The body of each function of the interface is within `entry`, `value` or `with`; two return a text."""
    for path in (CRATE / "src").glob("*.rs"):
        for name, body in re.findall(
            r'extern "C" fn (\w+)\(.*?\) (?:-> [^{]+ )?\{\n(.*?)\n\}\n',
            path.read_text(encoding="utf-8"),
            re.DOTALL,
        ):
            caught = re.search(r"\b(entry|value|with)\(", body)
            assert caught or name in ("ostinato_last_error", "ostinato_version"), name
