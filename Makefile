# Two commands: `make study` and `make test`. `make` alone explains itself.
STUDY ?= embedded
PYTHON ?= $(shell command -v python3.11 || echo python3)
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.DEFAULT_GOAL := help
.PHONY: help install lock study figures test lint unit publish conda exercises readme site benchmarks contact-sheet clean

help: ## show this text
	@echo "A reproducible study of a deepfake-detection paper. Needs git, make and Python 3.11."
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "Studies: embedded (default, rendered faces, offline), uadfv (the paper's data: set DFD_UADFV and DFD_CELEBA),"
	@echo "ffpp and celebdf (DFD_FFPP, DFD_CELEBDF), yours (a template for your own videos: set DFD_VIDEOS)."
	@echo "Choose one with STUDY=NAME; see studies/README.md."

$(VENV)/installed: requirements.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' 2>/dev/null || \
	  { echo "$(PYTHON) is not Python 3.11; install it, or name it: make PYTHON=<path>."; exit 2; }
	@$(PYTHON) -c 'import ensurepip' 2>/dev/null || \
	  { echo "$(PYTHON) has no venv module; on Debian: sudo apt install python3-venv"; exit 2; }
	@echo "Installing the locked packages into $(VENV) (some minutes, once) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) -r requirements.txt
	@$(PIP) --no-deps -e .
	@touch $@

install: $(VENV)/installed ## install the locked packages alone
	@echo "Installed. Next: make study, or source $(VENV)/bin/activate and dfd --help."

# pip-compile keeps the versions that are there; of torch it finds here the build for the processor alone.
LOCK := --quiet --extra dev --strip-extras --allow-unsafe --no-annotate --no-header --no-emit-find-links --no-emit-index-url
lock: ## write requirements.txt anew from pyproject.toml, keeping the versions that still fit
	@$(PYTHON) -m venv build/lock && build/lock/bin/python -m pip install --quiet 'pip<26' pip-tools
	@build/lock/bin/pip-compile $(LOCK) --output-file requirements.txt pyproject.toml
	@sed -i -e 's/+cpu$$//' -e '/^#/d' -e '/^$$/d' requirements.txt && LC_ALL=C sort -o requirements.txt requirements.txt
	@sed -i "1i # The exact versions of everything, written by \`make lock\`: don't edit, change pyproject.toml instead." requirements.txt
	@$(MAKE) --no-print-directory conda

# Each NAME==VERSION of environment.yml as in the lock; dlib and its stand-in as dlib-bin, which for conda has no .postN.
conda: ## write the lock's versions into environment.yml (`make lock` does so too)
	@sed -n 's/^\([a-z0-9-]*\)==\(.*\)/s|- \1==[^ ]*|- \1==\2|/p' requirements.txt > versions.sed
	@sed -n 's/^dlib-bin==\([0-9.]*[0-9]\).*/s|- dlib=[^ ]*|- dlib=\1|/p' requirements.txt >> versions.sed
	@sed -n 's/^dlib-bin==\(.*\)/s|^version = .*|version = "\1"|/p' requirements.txt >> versions.sed
	@sed -i -f versions.sed environment.yml .binder/environment.yml tools/conda/pyproject.toml && rm versions.sed

# A process for each core; tests of one file share what they prepare, in the order of tests/conftest.py.
WORKERS := -n auto --dist loadfile --no-loadscope-reorder tests
study: $(VENV)/installed ## run the notebooks and print the claim table (STUDY=embedded)
	@$(BIN)/dfd run $(STUDY)

figures: $(VENV)/installed ## draw the figures without a run, in about a minute
	@$(BIN)/dfd figures $(STUDY)

test: $(VENV)/installed ## lint, unit tests, notebooks run and compared (ten to twenty minutes)
	@$(BIN)/ruff check --quiet . && $(BIN)/ruff format --check --quiet . && $(BIN)/lint-imports --no-logo >/dev/null
	@$(BIN)/python -m pytest $(WORKERS)

lint: $(VENV)/installed ## check style, and that packages import only what lies below them
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/lint-imports

unit: $(VENV)/installed ## the quick tests only, without running notebooks
	@$(BIN)/python -m pytest $(WORKERS) -m "not notebooks"

# With the instructions that a run has by default (dfdlib/core/repro.py), whatever the environment says, and from nothing.
publish: export ATEN_CPU_CAPABILITY := avx2
publish: export ONEDNN_MAX_CPU_ISA := AVX2
publish: export CUDA_VISIBLE_DEVICES :=
publish: export DFD_CACHE := $(CURDIR)/build/publish/cache
publish: export DFD_RUNS := $(CURDIR)/build/publish/runs
publish: study ## maintainers: run a study and put its numbers, figures and notebooks into the repository
	@$(BIN)/dfd publish $(STUDY)
	@[ $(STUDY) != embedded ] || $(BIN)/python benchmarks/study.py

exercises: $(VENV)/installed ## make notebooks/exercises/ from notebooks/solutions/
	@$(BIN)/python tools/exercises.py

readme: $(VENV)/installed ## fill README's tables from results/*.json, its Binder badge from CITATION.cff
	@$(BIN)/dfd readme && $(BIN)/python tools/launch.py

site: $(VENV)/installed ## build build/site: notebooks, figures and tables as pages that need no network; ADDRESS=https://... adds a sitemap
	@$(BIN)/dfd site$(if $(ADDRESS), build/site $(ADDRESS))

benchmarks: $(VENV)/installed ## measure speed as ratios; writes benchmarks/*.md (processors.py takes an hour)
	@for file in benchmarks/*.py; do $(BIN)/python $$file; done

contact-sheet: $(VENV)/installed ## measure the embedded data and draw their contact sheets
	@$(BIN)/python tools/render/check.py

clean: ## delete what was computed (cache, checkpoints, executed notebooks)
	@rm -rf build
