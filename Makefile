# First Light: everything a developer or operator types. `make` alone lists it.
PORT ?= 8000
STATE_DIR ?= var
CONFIG ?=
DEMO ?=
PYTEST_ARGS ?=

python := .venv/bin/python
sources := common/src hub/src services/src cli/src demo/src lab-extensions/firstlight-lab/src \
	sampledata/src benchmarks
up_options = --port $(PORT) --state-dir $(STATE_DIR) \
	$(if $(CONFIG),--config $(CONFIG)) $(if $(filter-out 0 no false,$(DEMO)),--demo)

.DEFAULT_GOAL := help
.PHONY: help environments up test check bench docs lock browser clean

help: ## list what can be done
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/' | expand -t 22

environments: ## install both environments and the proxy
	@scripts/bootstrap.sh

up: environments ## install, make sample data, start, print the address (PORT= STATE_DIR= CONFIG= DEMO=1)
	@exec $(python) -m firstlight_cli up $(up_options)

test: environments browser ## the whole suite, with a real browser
	@$(MAKE) --no-print-directory lint
	$(python) -m pytest -n 2 --dist loadgroup $(PYTEST_ARGS)

check: environments lint ## lint, types, contracts, unit tests: the everyday subset
	$(python) -m pytest -q -n 2 -m "not integration and not browser" $(PYTEST_ARGS)

.PHONY: lint
lint: environments
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check --quiet .
	@.venv/bin/mypy $(sources)
	@PYTHONPATH=lab-extensions/firstlight-lab/src:sampledata/src .venv/bin/lint-imports

bench: environments ## speed, side by side with named peers
	$(python) -m benchmarks

docs: environments ## build the documentation into docs/_build/html
	.venv/bin/sphinx-build -q -W --keep-going -b html docs docs/_build/html

lock: environments ## resolve the environments and their tools anew
	@for name in platform labs uv node; do \
	  $(uv) pip compile --quiet --generate-hashes --no-emit-index-url --no-header \
	    --python-version 3.13 requirements/$$name.in -o requirements/$$name.txt || exit 1; done
uv = $(if $(wildcard .tools/bootstrap/bin/uv),.tools/bootstrap/bin/uv,uv)

browser:
	@scripts/browser.sh

clean: ## remove environments and caches; state directories stay
	rm -rf .venv .venv-labs .tools hub/proxy/node_modules docs/_build artifacts
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
