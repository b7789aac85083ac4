# First Light: everything a developer or operator types. `make` alone lists it.
PORT ?= 8000
STATE_DIR ?= var
CONFIG ?=
DEMO ?=
PYTEST_ARGS ?=
LOCK_ARGS ?=

# What people run, and what checks it: the second has the first's packages, and its tools.
tools := .venv-tools/bin
sources := common/src hub/src services/src cli/src demo/src lab-extensions/firstlight-lab/src \
	sampledata/src benchmarks scripts
up_options = --port $(PORT) --state-dir $(STATE_DIR) \
	$(if $(CONFIG),--config $(CONFIG)) $(if $(filter-out 0 no false,$(DEMO)),--demo)

# Without bytecode, every start of our own programs would compile them again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help environments tools up test check soak lint bench docs lock browser clean

help: ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

environments: ## install what runs: the platform's environment, the labs', and the proxy
	@scripts/bootstrap.sh

tools: ## also install the tools that check, test and document it
	@scripts/bootstrap.sh tools

up: environments ## install, make sample data, start, print the address (PORT= STATE_DIR= CONFIG= DEMO=1)
	@exec .venv/bin/firstlight up $(up_options)

# The tests of a file share a platform, so they run in one worker.
test: tools browser ## the whole suite, with a real browser
	@$(MAKE) --no-print-directory lint
	$(tools)/python -m pytest -n 2 --dist loadfile $(PYTEST_ARGS)

check: tools lint ## lint, types, contracts, unit tests: the everyday subset
	$(tools)/python -m pytest -q -n 2 -m "not integration and not browser" $(PYTEST_ARGS)

# FIRSTLIGHT_SOAK_SEED repeats the moments of an earlier run, which the log names.
soak: tools ## start and stop many labs, kill components meanwhile, count what is left (LABS= ROUNDS= KILLS=)
	FIRSTLIGHT_SOAK_LABS=$(or $(LABS),100) FIRSTLIGHT_SOAK_ROUNDS=$(or $(ROUNDS),10) \
	  FIRSTLIGHT_SOAK_KILLS=$(or $(KILLS),50) FIRSTLIGHT_SOAK_STARTS=8 \
	  $(tools)/python -m pytest -n 0 --log-cli-level=INFO \
	  tests/integration/test_nothing_is_left.py $(PYTEST_ARGS)

lint: tools ## static checks: style, types, contracts, dependencies, words
	@$(tools)/ruff check .
	@$(tools)/ruff format --check --quiet .
	@$(tools)/mypy $(sources)
	@PYTHONPATH=lab-extensions/firstlight-lab/src:sampledata/src $(tools)/lint-imports
	@scripts/dependencies.sh
	@$(tools)/codespell
	@$(tools)/python scripts/words.py
	@said=$$($(tools)/towncrier build --draft --version next 2>&1) || { echo "$$said"; exit 1; }

bench: tools ## measure speed, side by side with named peers
	$(tools)/python -m benchmarks

docs: tools ## build the documentation into docs/_build/html
	$(tools)/sphinx-build -q -W --keep-going -b html docs docs/_build/html

# For the oldest Python that we support; tools.in takes the versions of platform.txt.
lock: tools ## update the lock files (LOCK_ARGS=--upgrade takes newer versions)
	@for name in platform labs build tools uv node; do \
	  $(uv) pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.12 $(LOCK_ARGS) requirements/$$name.in -o requirements/$$name.txt || exit 1; done
uv = $(or $(wildcard .venvs/current/uv/bin/uv),uv)

browser:
	@scripts/browser.sh

clean: ## remove environments and caches; state directories stay
	rm -rf .venv .venv-tools .venv-labs .venvs .tools hub/proxy/node_modules docs/_build docs/reference/api artifacts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
