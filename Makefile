# `make help` lists everything.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

# nbval compares these with their stored outputs; papermill executes the stages in tests/ and in `make run`.
STRICT_NOTEBOOKS := $(sort $(wildcard notebooks/explore/*.ipynb))
NBVAL := --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg --ignore-glob='tests/*.ipynb'

# For one test: make test PYTEST_ARGS="-k sample"
PYTEST_ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help install run test check lint format types bench lab clean

help: ## list what can be made
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## make .venv and install workbench with everything needed to work on it (once per change)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "workbench needs Python 3.11 or newer; '$(PYTHON)' is $$($(PYTHON) --version 2>&1 | head -n 1); try: make PYTHON=python3.11 $(MAKECMDGOALS)" >&2; exit 2; }
	@echo "==> installing into $(VENV): about a minute, once"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@
	@echo "==> installed"

run: $(STAMP) ## score the bundled sample: lay out a lab here, ingest, run the last session's pipeline
	$(BIN)/workbench init .
	$(BIN)/workbench ingest us_equities
	$(BIN)/workbench run us_equities --session last --now 2013-03-02T00:00Z

test: $(STAMP) ## run the whole suite, notebooks included
	$(BIN)/python -m pytest $(NBVAL) tests workbench $(STRICT_NOTEBOOKS) $(PYTEST_ARGS)

check: lint types test ## everything CI checks: lint, types, test

lint: $(STAMP) ## style, spelling, and who may import whom
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/typos
	$(BIN)/lint-imports

format: $(STAMP) ## rewrite the code as ruff would have it
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

types: $(STAMP) ## mypy --strict
	$(BIN)/mypy

bench: $(STAMP) ## run the benchmarks; they compare ways within one run
	@for program in benchmarks/*.py; do \
		test -e "$$program" || { echo "no benchmarks yet"; break; }; \
		echo "==> $$program"; $(BIN)/python "$$program" || exit 1; \
	done

lab: $(STAMP) ## open JupyterLab on this lab
	$(BIN)/workbench lab

clean: ## remove caches and builds; data/ and .venv stay
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -path ./$(VENV) -prune -o -path ./data -prune -o \
		\( -name __pycache__ -o -name .ipynb_checkpoints \) -type d -prune -exec rm -rf {} +
