# Two commands: `make study` and `make test`. `make` alone explains itself.
STUDY ?= embedded
PYTHON ?= python3
BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help study test lint unit notebooks readme clean

help: ## show this text
	@echo "A reproducible study of a deepfake-detection paper. Needs git, make and Python 3.11."
	@echo
	@grep -E '^[a-z.]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z.]+):.*## (.*)/  make \1|\2/' | column -t -s '|'
	@echo
	@echo "Studies: embedded (default, rendered faces, offline), uadfv (the paper's data: set DFD_UADFV and DFD_CELEBA),"
	@echo "yours (a template for your own videos: set DFD_VIDEOS). Choose one with STUDY=NAME."

.venv/installed: requirements.txt pyproject.toml
	@echo "Installing the locked packages into .venv (some minutes, once) ..."
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

study: .venv/installed ## run notebooks 00 to 05 and print the claim table (STUDY=embedded)
	@$(BIN)/dfd run $(STUDY)

test: .venv/installed ## lint, unit tests, notebooks run and compared (some 15 minutes)
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet .
	@$(BIN)/python -m pytest

lint: .venv/installed ## check style only
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

unit: .venv/installed ## the quick tests only, without running notebooks
	@$(BIN)/python -m pytest -m "not notebooks"

notebooks: .venv/installed ## run the embedded study and put its outputs into notebooks/
	@$(BIN)/dfd run embedded --in-place

readme: .venv/installed ## fill README's tables from results/*.json
	@$(BIN)/dfd readme

clean: ## delete what was computed (cache, checkpoints, executed notebooks)
	@rm -rf build
