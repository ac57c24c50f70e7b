# Every target works from a bare clone: it makes .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --quiet --disable-pip-version-check

.PHONY: demo test campaigns lint formal check vectors bench fuzz mutants fmt docs wheel pictures clean

# The build's own dependencies are pinned too: an isolated build does not read -c.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) install -c constraints.txt pip
	$(PIP) install -c constraints.txt --build-constraint constraints.txt --group dev -e .
	touch $@

demo: $(STAMP)
	@$(BIN)/python -m e2echat.faces.demo

test: $(STAMP)
	$(BIN)/pytest -n auto -m "not campaign"

campaigns: $(STAMP)
	$(BIN)/pytest -n auto -m campaign

lint: $(STAMP)
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports

# Says so where SPIN is missing; in CI that fails.
formal:
	docs/formal/check.sh

check: lint test campaigns formal

vectors: $(STAMP)
	@$(BIN)/python -m tests.vectors

# What only one target needs is installed for that one.
$(VENV)/.%: $(STAMP)
	$(PIP) install -c constraints.txt --group $*
	touch $@

# PARTS="chatty idle --quick" for some of it.
PARTS ?=
bench: $(VENV)/.bench
	$(BIN)/python -m bench $(PARTS)

# Seconds for each target of fuzz/.
SECONDS ?= 60
fuzz: $(VENV)/.fuzz
	$(BIN)/python -m fuzz $(SECONDS)

mutants: $(STAMP)
	$(BIN)/python -m tests.mutants

fmt: $(STAMP)
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.docs
	$(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs

# Two builds of one commit are the same bytes.
wheel: $(STAMP)
	$(PIP) wheel --no-deps --build-constraint constraints.txt --wheel-dir dist .

pictures: $(STAMP)
	$(BIN)/python -m docs.pictures.make

clean:
	rm -rf $(VENV) build dist .coverage .hypothesis .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
	find e2echat tests bench fuzz -name __pycache__ -type d -prune -exec rm -rf {} +
