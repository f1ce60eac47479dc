# The two commands of a newcomer are `make demo` and `make test`; each does its own set-up.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin

.PHONY: help setup demo test long check unit lint format lock wheel clean

help: ## show this
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## /\t/' | expand -t 12

setup: ## Debian packages, .venv, .venv/bin/pumphouse
	@tools/setup

demo: setup ## the main job: two real clouds, a node leaves one and serves in the other
	@$(BIN)/python tools/demo.py

test: setup ## checks, unit, databases, crashes, the real clouds
	@tools/test

long: setup ## series on the real clouds that `make test` has no time for
	@tools/long

# pytest keeps the tests as it has compiled them, also where Python is told to keep nothing: that is 2 s of each process
check: setup ## lint, types, import rules, unit tests
	@$(BIN)/ruff check . && $(BIN)/ruff format --check --quiet . && $(BIN)/mypy && $(BIN)/lint-imports >/dev/null \
	  && PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -q -n 2 -m "not lab and not database and not crash" tests

lint: setup ## ruff, mypy, import-linter alone
	@$(BIN)/ruff check . && $(BIN)/mypy && $(BIN)/lint-imports

format: setup ## let ruff write the layout
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

lock: setup ## resolve requirements.lock anew
	@tools/lock --upgrade

wheel: setup ## build dist/*.whl
	@$(BIN)/uv build --wheel --quiet

clean: ## stop this checkout's test lab and remove .venv and caches
	-@[ ! -x $(BIN)/pumphouse ] || $(BIN)/pumphouse lab down --wipe --state-dir .lab-test 2>/dev/null
	rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis dist .lab-test
