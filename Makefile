# What a developer or operator does here; `make help` lists it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
READY_DEV := $(VENV)/ready-dev
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check
COMPILE := $(BIN)/uv pip compile --quiet --upgrade --universal --python-version 3.11 --no-header \
	--annotation-style line --generate-hashes
PYTHONS := 3.11 3.12 3.13 3.14
PLATFORMS := x86_64-manylinux_2_28 aarch64-manylinux_2_28 aarch64-apple-darwin

.DEFAULT_GOAL := help
.PHONY: help run demo test lint format bench faults screenshots requirements platforms clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: $(READY) ## run everything: web server, workers, scheduler, Redis (PORT=8001 make run for another port)
	@exec $(BIN)/python -m webhooks_ui.run.start

demo: $(READY) ## the same with sample webhooks, a local receiver and a trickle of events
	@exec $(BIN)/python -m webhooks_ui.run.start --demo

test: $(READY_DEV) ## all tests (ARGS="-k search" for some)
	$(BIN)/python -m pytest --numprocesses=$${PYTEST_PROCESSES:-4} --dist=worksteal $(ARGS)

lint: $(READY_DEV) ## ruff (check and format), mypy, and pip-audit where its service can be reached
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@found=$$($(BIN)/pip-audit --requirement requirements.txt --disable-pip --progress-spinner off --timeout 5 2>&1) \
		|| { echo "$$found" | grep -q -e ConnectionError -e ServiceError \
			&& echo "pip-audit: its service can't be reached, so nothing was checked" || { echo "$$found"; exit 1; }; }

format: $(READY_DEV) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(READY_DEV) ## measure, and write docs/benchmarks.md (ARGS=--short for a quick look that writes nothing)
	$(BIN)/python -m tests.bench $(ARGS)

faults: $(READY_DEV) ## the long fault test: kills, flushes and restarts under load, and the account of every event
	$(BIN)/python -m tests.faults $(ARGS)

screenshots: $(READY_DEV) ## pictures of every page, light, dark and narrow, into screenshots/, and those of the README
	$(BIN)/python -m tests.browser.screenshots $(ARGS)

requirements: $(READY_DEV) ## pin the newest versions of all requirements*.in, with hashes
	$(COMPILE) requirements.in --output-file requirements.txt
	$(COMPILE) requirements-otel.in --output-file requirements-otel.txt
	$(COMPILE) requirements-dev.in --output-file requirements-dev.txt

platforms: $(READY_DEV) ## check that all requirements are wheels for each Python and platform that we name
	@for python in $(PYTHONS); do for platform in $(PLATFORMS); do \
		for file in requirements.txt requirements-otel.txt requirements-dev.txt; do \
			$(BIN)/uv pip compile --quiet --only-binary :all: --no-deps --python-version $$python \
				--python-platform $$platform $$file --output-file /dev/null || exit 1; \
		done; echo "Python $$python on $$platform: wheels only"; \
	done; done

clean: ## remove the virtual environment (the data in instance/ stays)
	rm -rf $(VENV)

$(READY): requirements.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
		|| { echo "Python 3.11 or newer is needed: PYTHON=/path/to/python3.12 make $(MAKECMDGOALS)"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV) \
		|| { echo "The virtual environment can't be made; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "Installing the pinned packages into $(VENV) (once) ..."
	@$(PIP) --requirement requirements.txt \
		|| { echo "The packages can't be installed: the lines above say why."; exit 1; }
	@touch $(READY)

$(READY_DEV): $(READY) requirements-dev.txt
	@echo "Installing what the tests and checks need (once) ..."
	@$(PIP) --requirement requirements-dev.txt \
		|| { echo "The packages can't be installed: the lines above say why."; exit 1; }
	@touch $(READY_DEV)
