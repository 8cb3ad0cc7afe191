# Every task of the project. `make help` lists them; CI calls these and nothing else.
.DEFAULT_GOAL := help
.PHONY: help setup demo test test-full test-unit test-engine test-live check fmt golden docs lock torture

# The first Python on PATH that is supported; `make PYTHON=…` names another.
PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' \
	2>/dev/null && echo $$python && break; done)
TOOLCHAIN = PYTHONPATH=platform $(or $(PYTHON),$(error \
	no Python 3.11, 3.12 or 3.13 on PATH: install one, then repeat)) -m serving.toolchain
BIN := .venv/bin
# tests/lanes.py says which tests run side by side.
PYTEST := $(BIN)/python -m pytest -n auto --maxprocesses 8 --dist loadfile --no-loadscope-reorder

help: ## show this
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/\1\t\2/' | expand -t 14

setup: ## set up all that any target needs (each target sets up what it needs itself)
	@$(TOOLCHAIN) setup all

demo: ## set up all it needs, then the whole platform on this machine: good and bad versions under load
	@$(TOOLCHAIN) setup demo
	@$(BIN)/serving demo

test: ## set up all it needs, then every tier: unit, engine, live
	@$(TOOLCHAIN) setup engine live
	@$(PYTEST) -m "not full"

test-full: ## every tier, and what takes longer still
	@$(TOOLCHAIN) setup engine live
	@$(PYTEST) -m ""

test-unit: ## no engine, no network
	@$(TOOLCHAIN) setup unit
	@$(PYTEST)

test-engine: ## the real Pulumi engine
	@$(TOOLCHAIN) setup engine
	@$(PYTEST) -m "engine and not full"

test-live: ## real Triton, Envoy, Prometheus
	@$(TOOLCHAIN) setup live
	@$(PYTEST) -m "live and not full"

check: ## format, lint, types, import rules, docs, workflows
	@$(TOOLCHAIN) setup check
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest tests/unit/test_docs.py
	$$($(TOOLCHAIN) path actionlint)
	$(BIN)/zizmor --offline --no-progress .github

fmt: ## format and fix
	@$(TOOLCHAIN) setup unit
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

golden: ## rewrite the golden names after an intended rename
	@$(TOOLCHAIN) setup unit
	$(BIN)/python -m tests.unit.golden

docs: ## regenerate docs/reference
	@$(TOOLCHAIN) setup unit
	$(BIN)/python tools/reference.py

lock: ## resolve every lock file anew from pyproject.toml
	@$(TOOLCHAIN) lock

torture: ## kill, double and pause the promotion wherever it can be; hours, goes on where it was stopped
	@$(TOOLCHAIN) setup engine
	@$(BIN)/python -m benchmarks.torture
