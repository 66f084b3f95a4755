# What a developer or operator does here; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format bench faults screenshots requirements clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## run everything: web server, workers, scheduler, Redis (PORT=8001 make run for another port)
	@exec $(BIN)/python -m webhooks_ui.run.supervisor

demo: $(READY) ## the same with sample webhooks, a local receiver and a trickle of events
	@exec $(BIN)/python -m webhooks_ui.run.supervisor --demo

test: $(READY) ## all tests (ARGS="-k search" for some)
	$(BIN)/python -m pytest --numprocesses=$${PYTEST_PROCESSES:-2} --dist=worksteal $(ARGS)

lint: $(READY) ## ruff (check and format) and mypy
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: $(READY) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY) ## measure, and write docs/benchmarks.md (ARGS=--short for a quick look that writes nothing)
	$(BIN)/python -m tests.bench $(ARGS)

faults: $(READY) ## the long fault test: kills, flushes and restarts under load, and the account of every event
	$(BIN)/python -m tests.faults $(ARGS)

screenshots: $(READY) ## pictures of every page, light, dark and narrow, into screenshots/, and those of the README
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

requirements: $(READY) ## pin the newest versions of requirements.in in requirements.txt
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --upgrade --universal --python-version 3.11 --no-header --annotation-style line --quiet \
		requirements.in --output-file requirements.txt

clean: ## remove the virtual environment (the data in instance/ stays)
	rm -rf $(VENV)

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed: PYTHON=/path/to/python3.12 make $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
		|| { echo "The virtual environment can't be made; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the pinned packages into $(VENV) (once) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --requirement requirements.txt \
		|| { echo "The packages can't be installed. If one is being built here, a C compiler is missing: use Python 3.11 or 3.12, or install gcc."; exit 1; }
	@touch $(READY)
