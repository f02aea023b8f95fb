# Two commands for users: `make demo` and `make test`. The rest is for those who work on the project.
VENV ?= .venv
PYTHON ?= python3
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help demo test coverage unit lint mutants tear money explore bench docs clean

help:
	@echo "make demo    set up and run card and PSAM in a reader with the three terminals"
	@echo "make test    set up and run all tests"
	@echo "make coverage all tests, and which lines they did not reach"
	@echo "make unit    the tests that need no PC/SC, no process of their own and no sweep"
	@echo "make lint    ruff, mypy --strict, import contracts"
	@echo "make mutants the conformance suite against every named defect"
	@echo "make tear    power cuts at every program step of every writing command"
	@echo "make explore all sequences of the given alphabets, power cuts too"
	@echo "make money   10,000 random transactions with faults, and whether all books add up"
	@echo "make bench   speed, each figure beside its yardstick"
	@echo "make docs    write the command reference from the command tables"

$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) || { echo "python3-venv is missing: apt-get install python3-venv" >&2; rm -rf $(VENV); exit 1; }

# The stamps say what is installed; a changed pyproject.toml installs again.
$(VENV)/.core: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[dev]'
	@touch $@

demo: $(VENV)/.core
	@VENV=$(VENV) sh tools/demo.sh

test: $(VENV)/.dev
	@VENV=$(VENV) sh tools/setup-pcsc.sh
	CARDSIM_REQUIRE_PCSC=1 $(BIN)/python -m pytest -n 2 --dist loadgroup

coverage: $(VENV)/.dev
	@VENV=$(VENV) sh tools/setup-pcsc.sh
	CARDSIM_REQUIRE_PCSC=1 $(BIN)/python -m pytest -n 2 --dist loadgroup --cov=cardsim --cov=terminal --cov-report=term

unit: $(VENV)/.dev
	$(BIN)/python -m pytest -n 2 --dist loadgroup -m "not pcsc and not vpcd and not process and not slow"

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

tear: $(VENV)/.dev
	$(BIN)/python tools/tear.py --jobs 2

money: $(VENV)/.dev
	$(BIN)/python tools/money.py

explore: $(VENV)/.dev
	$(BIN)/cardterm explore switching
	$(BIN)/cardterm explore life-cycle
	$(BIN)/cardterm explore life-cycle --without pse --cuts

bench: $(VENV)/.dev
	$(BIN)/python tools/bench.py

mutants: $(VENV)/.dev
	$(BIN)/python tools/mutants.py --first -j 2

docs: $(VENV)/.dev
	$(BIN)/python tools/make_docs.py
	$(BIN)/python tools/make_requirements.py
	$(BIN)/python tools/mutants.py --document

clean:
	rm -rf $(VENV) build dist .mypy_cache .pytest_cache .ruff_cache .import_linter_cache .hypothesis .coverage*
