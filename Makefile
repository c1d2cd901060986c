# Everything needs Python 3.11 or newer, a C++ compiler and make; `make` lists the targets.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# Makefiles of Verilator call `python`, which a machine need not have.
ON_PATH := PATH="$(CURDIR)/$(BIN):$$PATH"
STAMP := $(VENV)/.installed
DEMO_STAMP := $(VENV)/.installed-for-demo

# Tests start hundreds of processes, which all would compile our modules where nobody may keep them.
export PYTHONDONTWRITEBYTECODE :=

.PHONY: help demo test check quick docs dist format bench sweep fuzz clean

help:
	@echo "make demo    compile a model that ships with the project, simulate it, show the result"
	@echo "make test    install and run the tests, simulation included"
	@echo "make check   ruff, pyright, docs"
	@echo "make quick   make check, filecheck tests, and the unit tests that simulate nothing"
	@echo "make docs    build the documentation site into build/site"
	@echo "make dist    build the source distribution and the wheel into dist/"
	@echo "make format  format the code"
	@echo "make bench   run the benchmarks (slow)"
	@echo "make sweep   the tests that take too long for every change"
	@echo "make fuzz    random networks, graphs and bytes, without an end in sight (FUZZ_SECONDS=60)"

# Setuptools frames a warning that a folder `qcompiler` elsewhere may be imported in its place.
QUIETLY := PYTHONWARNINGS='ignore:Editable installation'

$(STAMP): pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(QUIETLY) $(BIN)/python -m pip install --quiet --editable '.[dev]'
	touch $@

# The demo needs the simulator only.
$(DEMO_STAMP): pyproject.toml
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(QUIETLY) $(BIN)/python -m pip install --quiet --editable '.[sim]'
	touch $@

demo: $(DEMO_STAMP)
	$(BIN)/qcc compile examples/digits_mlp/digits_mlp.onnx --cycles 64 -o build/digits_mlp
	$(BIN)/qcc verify build/digits_mlp --vectors 1000

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(MAKE) --no-print-directory docs

quick: check
	$(ON_PATH) $(BIN)/python -m pytest -q -n auto --dist loadfile -m "not simulation" tests/unit
	$(BIN)/lit -q tests/filecheck

docs: $(STAMP)
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --quiet --strict

test: $(STAMP)
	$(ON_PATH) $(BIN)/python -m pytest -q -n auto --dist loadfile -m "not sweep" tests
	$(BIN)/lit -q tests/filecheck

# The wheel is built of the source distribution, so what that lacks is missed.
dist: $(STAMP)
	rm -rf dist
	$(BIN)/python -m build --no-isolation --outdir dist .

format: $(STAMP)
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench: $(STAMP)
	$(BIN)/python -m benchmarks

sweep: $(STAMP)
	$(BIN)/python -m pytest -q -n auto --dist loadfile -m sweep tests

fuzz: $(STAMP)
	$(BIN)/python -m benchmarks.fuzz --seconds $(or $(FUZZ_SECONDS),60)

clean:
	rm -rf build $(VENV)
