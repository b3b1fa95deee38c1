# make demo: train the language model. make test: everything that must hold. Needs Python 3.10+ and Rust, nothing else.
PYTHON ?= python3
PEERS ?= ../shared/peers
DEMO_FLAGS ?=
GUARD_FLAGS ?=
PYTEST_FLAGS ?=
PYTEST_JOBS ?= 2
BENCH_FLAGS ?=
AUTHORS_FLAGS ?=
ARGUMENTS_FLAGS ?=
ORACLE_FLAGS ?= --programs 100000
RELIABILITY_FLAGS ?=

VENV := .venv
BIN := $(VENV)/bin
# `make ray` installs this one, because Ray is larger than everything else together.
RAY := plugins/ostinato-ray/pyproject.toml
PLUGINS := $(filter-out $(RAY),$(wildcard plugins/*/pyproject.toml))
# What the demo does not need and what brings large packages is installed for the tests alone.
LARGE := plugins/ostinato-onnx/pyproject.toml plugins/ostinato-mpi/pyproject.toml
# maturin is in the virtual environment already; isolation would download it again for each build.
INSTALL := PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/python -m pip install --quiet --no-build-isolation
# Where cargo builds.
TARGET := $(or $(CARGO_TARGET_DIR),target)
# The crates with tests in Rust, and with documentation.
RUST_TESTED := --package ostinato-core --package ostinato-c
RUST := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name Cargo.toml)

.PHONY: demo test check check-rust check-python structure build-tests test-rust test-python failures audit hostile arguments oracle mutants reliability conformance authors build wheel parity ray golden hooks pictures bench bench-quick guard fuzz header c-library clean

# Each stamp is newer than what it was made from, so that a second `make` does nothing that is already done.
$(VENV)/made:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 10) and "ostinato needs Python 3.10 or newer")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet 'maturin>=1.9.4,<2'
	touch $@

# Editable: Python files are read from python/, so only Rust and the dependency list make a build necessary.
$(VENV)/built: $(VENV)/made pyproject.toml $(RUST)
	$(INSTALL) --editable '.[progress,plot,data,examples]'
	touch $@

# All plugins in one call, built with the hatchling that is there: isolation would download it for each of them.
$(VENV)/plugged: $(VENV)/built $(PLUGINS)
	$(BIN)/python -m pip install --quiet 'hatchling>=1.27' 'editables>=0.5'
	$(INSTALL) $(foreach plugin,$(dir $(filter-out $(LARGE),$(PLUGINS))),--editable ./$(plugin))
	touch $@

$(VENV)/tools: $(VENV)/plugged $(LARGE)
	$(INSTALL) --editable '.[test,dev]' $(foreach plugin,$(dir $(LARGE)),--editable './$(plugin)[test]')
	touch $@

build: $(VENV)/plugged

demo: build
	$(BIN)/ostinato train $(DEMO_FLAGS)

# What compiles or reads goes side by side, each part with its output in one piece. What runs numbers on threads of its
# own goes one after the other. The structure tests are among the Python tests.
test:
	$(MAKE) --no-print-directory --jobs=2 --output-sync=target build-tests check-python
	$(MAKE) --no-print-directory test-rust
	$(MAKE) --no-print-directory test-python

check: check-rust check-python structure

check-rust:
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(RUST_TESTED) --no-deps --quiet

# Compiled here and run by `test-rust`. Clippy has checked the examples, and `rust/py`, whose tests are in Python.
build-tests: check-rust
	cargo test $(RUST_TESTED) --lib --tests --quiet --no-run

test-rust:
	cargo test $(RUST_TESTED) --lib --tests --quiet
	OSTINATO_CACHE=4K,16K,64K cargo test --package ostinato-core --lib --quiet -- kernel::tests::product kernel::tests::weight_gradient
	cargo test --package ostinato-core --doc --quiet

# Tests that measure come first, with nothing beside them. Flags that leave one of the two calls without a test are no
# failure (5 is how pytest says so); without flags both have tests, and the first call reads the files with such tests alone.
SERIAL := $(if $(PYTEST_FLAGS),,$(shell grep -rl --include='test_*.py' 'mark\.serial' tests plugins))
NONE_LEFT := $(if $(PYTEST_FLAGS),|| test $$? -eq 5)
test-python: build $(VENV)/tools
	$(BIN)/python -m pytest -m serial $(SERIAL) $(PYTEST_FLAGS) $(NONE_LEFT)
	$(BIN)/python -m pytest -n $(PYTEST_JOBS) --dist worksteal -m "not serial" $(PYTEST_FLAGS) $(NONE_LEFT)

structure: build $(VENV)/tools
	$(BIN)/python -m pytest --quiet tests/structure

check-python: build $(VENV)/tools
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict python/ $(wildcard plugins/*/src) $(wildcard tests/authors/*/src)
	$(BIN)/python -m mypy.stubtest ostinato._core
	$(BIN)/lint-imports

# The kit at a higher level than `make test` has time for: every night.
conformance: build $(VENV)/tools
	OSTINATO_CONFORMANCE_LEVEL=standard $(BIN)/python -m pytest tests/testing/test_registry.py plugins -k "conformance or kit"

# Plugins of outside authors: built, installed, checked at level "standard", trained and measured, as a table.
authors: build $(VENV)/tools
	$(BIN)/python -m tests.authors $(AUTHORS_FLAGS)

# Errors at every place of some trainings: the state after them, and the rest of the run. `make test` draws some.
failures: build
	$(BIN)/python -m tests.failures $(FAILURES_FLAGS)

# Every public entry with 75 wrong values for each argument: some minutes. `make test` takes a few of them.
arguments: build $(VENV)/tools
	$(BIN)/python -m tests.arguments $(ARGUMENTS_FLAGS)

# Checkpoints with a right digest and mutated content, resumed: HOSTILE of each kind. `make test` runs some.
HOSTILE ?= 5000
hostile: build
	$(BIN)/python -W ignore -m tests.training.test_hostile_checkpoints $(HOSTILE)

# Every argument and attribute, used or refused, as a table in Markdown. `make test` fails for one that is neither.
audit: build
	$(BIN)/python -m tests.audit

# Random programs, the engine beside plain NumPy. `make test` runs some thousand of them.
oracle: build $(VENV)/tools
	$(BIN)/python -m tests.oracle $(ORACLE_FLAGS)

# What docs/reliability.md promises, measured in the long form; `RELIABILITY_FLAGS=--short` takes seconds.
reliability: build $(VENV)/tools
	$(BIN)/python -m tests.reliability $(RELIABILITY_FLAGS)

# Model files with a right digest and a mutated graph, opened and run in Rust. `make test` runs 300.
FUZZ ?= 100000
fuzz:
	OSTINATO_FUZZ=$(FUZZ) cargo test --release --package ostinato-core --lib --quiet a_mutated_graph

# The header of the C library; needs cbindgen 0.29.
header:
	cd rust/c && cbindgen --config cbindgen.toml --output include/ostinato.h

# libostinato.so, libostinato.a and ostinato.h in dist/c.
c-library:
	cargo build --release --package ostinato-c
	mkdir -p dist/c
	cp $(TARGET)/release/libostinato.so $(TARGET)/release/libostinato.a rust/c/include/ostinato.h dist/c
	strip --strip-unneeded dist/c/libostinato.so && strip --strip-debug dist/c/libostinato.a

# The planner broken in one place after another, each built and searched: some 15 minutes.
mutants: build $(VENV)/tools
	$(BIN)/python -m tests.oracle.mutants

wheel: $(VENV)/made
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/maturin build --release --out dist

$(VENV)/peers: $(VENV)/built
	$(BIN)/python -m pip install --quiet $(PEERS)/torch-*.whl
	touch $@

# Files outside of tests/parity and tests/torch with tests that need PyTorch too.
WITH_TORCH := $(filter-out tests/parity/% tests/torch/%,$(shell grep -rl --include='test_*.py' 'importorskip."torch"' tests))

parity: build $(VENV)/tools $(VENV)/peers
	$(BIN)/python -c 'import torch' # without it the tests would be skipped
	$(BIN)/python -m pytest tests/parity tests/torch $(WITH_TORCH) tests/docs -k "not docs or pytorch"

# The tests of the plugin start a cluster of two nodes on this machine; without Ray they would be skipped.
$(VENV)/ray: $(VENV)/tools $(RAY)
	$(INSTALL) --editable './$(dir $(RAY))[test]'
	touch $@

ray: build $(VENV)/ray
	$(BIN)/python -c 'import ray'
	$(BIN)/python -m pytest $(dir $(RAY))

hooks: $(VENV)/built
	$(BIN)/python docs/hooks/make_pages.py

# The pages' own code draws them, in a folder of their own: the pages also save models.
DRAWN := analysis gallery forecaster sequence-classifier sequence-regressor sequence-tagger language-model seq2seq sequence-generator command-line
pictures: build
	rm -rf out/pictures && mkdir -p out/pictures
	cd out/pictures && for page in $(DRAWN); do \
		../../$(BIN)/python ../../tests/docs/run_page.py ../../docs/$$page.md || exit 1; done
	cp out/pictures/*.png docs/pictures
	$(BIN)/python examples/reverse.py --query after --picture docs/pictures/alignment.png

golden: $(VENV)/built $(VENV)/peers
	$(BIN)/python tests/golden/generate.py

$(VENV)/rivals: $(VENV)/peers benches/rivals.txt
	$(BIN)/python -m pip install --quiet -r benches/rivals.txt
	touch $@

# A project of its own, which nothing but this needs.
RIVAL := benches/rust_rival
$(RIVAL)/target/release/rust_rival: $(RIVAL)/Cargo.toml $(RIVAL)/Cargo.lock $(RIVAL)/src/main.rs
	cargo build --release --locked --quiet --manifest-path $(RIVAL)/Cargo.toml --target-dir $(RIVAL)/target
	touch $@

# The whole matrix, on a machine that does nothing else: the file of this machine in results/machines/, then the
# pages of all machines and the README's table.
bench: build $(VENV)/rivals $(RIVAL)/target/release/rust_rival
	$(BIN)/python benches/full.py $(BENCH_FLAGS); status=$$?; $(BIN)/python benches/report.py && exit $$status

bench-quick: build $(VENV)/peers
	$(BIN)/python benches/quick.py

# Instruction counts against benches/guard.json; says so and passes where valgrind is missing.
guard:
	$(PYTHON) benches/guard.py $(GUARD_FLAGS)

clean:
	rm -rf $(VENV) target dist out .mypy_cache .ruff_cache .pytest_cache
	find python plugins tests -name __pycache__ -prune -exec rm -rf {} +
	rm -f python/ostinato/_core*.so
