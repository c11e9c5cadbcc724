# `make help` lists what there is. Everything is made in .venv; nothing else on the machine is
# changed, except by `make services`, which installs packages.

VENV    := .venv
BIN     := $(VENV)/bin
PYTHON  ?= $(shell .ci/find-python)
DB      ?= sqlite
ARGS    ?=

# Where Python must not cache its bytecode, every start costs seconds; .venv is ours to cache in.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help demo demo-regression test test-sqlite test-postgres test-mariadb lint bench advice-report docs services soak matrix clean

help: ## List every target.
	@echo "nplusone-guard"; echo
	@sed -n 's/^\([a-z-]*\):.*## /  make \1|/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-21s %s\n", $$1, $$2}'
	@echo; echo "  Variables: DB=sqlite|postgres|mariadb (demo), ARGS=… (test, bench), PYTHON=path of a Python >= 3.10"

demo: $(VENV)/.made-$(if $(filter sqlite,$(DB)),demo,dev) ## Run the wellness report three ways, check every claim about it [DB=postgres].
	@$(BIN)/python tests/databases.py "$(DB)" -- $(BIN)/python example_project/manage.py demo --all

demo-regression: $(VENV)/.made-dev ## Put the claimed cure back in, and see the example's tests fail.
	@cd example_project; WELLNESS_VARIANT=claimed ../$(BIN)/python -m pytest -q tests/test_wellness.py; test $$? -eq 1
	@echo "==> the tests failed, as they should: they hold the report to its two queries"

test: $(VENV)/.made-dev ## Run the tests on SQLite, PostgreSQL and MariaDB, whatever fails on the way.
	@$(MAKE) --no-print-directory --keep-going test-sqlite test-postgres test-mariadb

test-sqlite: $(VENV)/.made-dev ## Run all tests on SQLite, with the coverage gate.
	@echo "==> all tests, on SQLite"
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -q $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(BIN)/coverage report $(if $(ARGS),--fail-under=0)

test-postgres test-mariadb: test-%: $(VENV)/.made-dev
	@echo "==> the tests that depend on the engine, on $*"
	NPLUSONE_TEST_DB=$* $(BIN)/python -m pytest -q -m database $(ARGS)

test-postgres: ## Run the tests that depend on the engine on PostgreSQL (comes in a wheel).
test-mariadb: ## Run the tests that depend on the engine on MariaDB (see `make services`).

lint: $(VENV)/.made-dev ## Check style, types, the direction of imports, and that the docs build.
	@status=0; \
	for check in "ruff check" "ruff format --check" mypy lint-imports; do \
		echo "$(BIN)/$$check"; $(BIN)/$$check || status=1; \
	done; \
	$(MAKE) --no-print-directory docs || status=1; \
	exit $$status

docs: $(VENV)/.made-dev ## Build the documentation into docs/_build/html.
	$(BIN)/sphinx-build -q -n -W --keep-going -b html docs docs/_build/html

bench: $(VENV)/.made-dev ## Measure what the guard costs, beside other tools (in .venv-peers).
	$(BIN)/python tests/benchmarks/run.py $(ARGS)

advice-report: $(VENV)/.made-dev ## Follow the advice on every loop of the tests, and print what share of them it removes.
	@$(BIN)/python -m tests.advice.report

soak: $(VENV)/.made-dev ## Serve 200 requests at once, 50,000 queries in all, and check each report and memory.
	NPLUSONE_SOAK=1 $(BIN)/python -m pytest -q tests/concurrency/test_soak.py $(ARGS)

matrix: $(VENV)/.made-dev ## Run the tests on every supported Python and Django found here.
	$(BIN)/nox $(ARGS)

services: ## Install MariaDB, Redis and Chromium from Debian's packages [SERVICES="mariadb redis chromium"].
	@.ci/services $(SERVICES)

clean: ## Remove what the other targets made.
	rm -rf $(VENV) .venv-* .nox .coverage* .*_cache .hypothesis docs/_build build dist example_project/*.sqlite3 demo-report.html

# The stamp tells what the environment holds: what the demo needs, or all that developers need.
$(VENV)/.made-%: pyproject.toml .ci/venv
	@.ci/venv "$(PYTHON)" $(VENV) $*
	@touch $@
