# Everything that is done with this repository. `make` lists it.
# A fresh machine needs make and Python 3.10 or newer; each target makes the virtual environment it works in.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

VENV := .venv
BIN := $(VENV)/bin
DEMO_REQUIREMENTS := $(wildcard examples/courseware/requirements.txt)
SOURCES := $(shell find leakhunt tests examples -name '*.py' -o -name '*.toml' -o -name '*.html' -o -name '*.[ch]')
NATIVE := setup.py $(wildcard leakhunt/agent/native/*)
SLOW_TESTS := $(shell grep -rlE 'mark\.slow\b' tests --include='test_*.py' 2>/dev/null)

# What `make demo` runs; exit code 1 means that leaks were found.
PROFILE := profile courseware.wsgi:application --chdir examples/courseware \
	--workload examples/courseware/uploads.toml --seed 7

.PHONY: help demo test test-all sanitize check lint format docs bench leakbench leakbench-peers attach-matrix newer-pythons pythons \
	aarch64 mod-wsgi ci-deps clean

help: ## Show this list
	@sed -nE 's/^([a-z0-9-]+):.*## (.*)/  make \1\t\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 24

demo: $(VENV)/.demo ## Hunt down the leaks of a Django upload site (about two minutes)
	@code=0; $(BIN)/leakhunt $(PROFILE) --budget-time 45 || code=$$?; \
	case $$code in \
	  1) echo; echo "Exit code 1: leaks were found, as they should be; the site of the demo is leaky on purpose." ;; \
	  0) echo "The demo found no leak in a site that leaks on purpose." >&2; exit 1 ;; \
	  *) exit $$code ;; \
	esac

test: $(VENV)/.dev ## Run the tests (all but the slow ones)
	$(BIN)/pytest -n 2 --dist worksteal -m "not slow"

test-all: test $(SLOW_TESTS:tests/%.py=.cache/slow/%.passed) ## Run the slow matrix too; goes on where it was interrupted
	@echo "All tests have passed on these sources."

# One stamp per file, so that an interrupted run resumes; any change to a source starts over.
.cache/slow/%.passed: tests/%.py $(SOURCES) | $(VENV)/.dev
	$(BIN)/pytest -n 0 -m slow $<
	@mkdir -p $(@D) && touch $@

sanitize: $(VENV)/.dev ## Run the native sampler with AddressSanitizer and UndefinedBehaviorSanitizer on every Python (five minutes)
	$(BIN)/pytest -n 0 tests/unit/agent/test_sampler_sanitized.py

check: $(VENV)/.dev ## Check formatting, lint, types, import directions and documentation
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

lint: $(VENV)/.dev ## Lint, and mend what can be mended
	$(BIN)/ruff check --fix .

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff format .

docs: $(VENV)/.dev ## Build the documentation into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict
	@echo "Open site/index.html"

bench: $(VENV)/.dev ## Run the benchmarks behind docs/benchmarks.md
	@for script in tests/benchmarks/*.py; do echo "== $$script"; $(BIN)/python "$$script"; done

leakbench: $(VENV)/.dev ## Judge leaks of which the truth is known (hours; LEAKBENCH="--case msgpack-unpacker --seeds 1" runs a part)
	PYTHONPATH=tests $(BIN)/python -u -m leakbench run $(LEAKBENCH)

leakbench-peers: $(VENV)/.dev ## Run other tools on the same leaks, after leakbench (LEAKBENCH="--case msgpack-unpacker" runs a part)
	PYTHONPATH=tests $(BIN)/python -u -m leakbench.peers run $(LEAKBENCH)

attach-matrix: $(VENV)/.dev ## Attach to every server on every Python and write docs/attach.md (hours; MATRIX="--only 3.13" runs a part)
	PYTHONPATH=tests $(BIN)/python -u -m attach_matrix run $(MATRIX)
	PYTHONPATH=tests $(BIN)/python -m attach_matrix publish

newer-pythons: ## Fetch CPython 3.14 and 3.15 from Debian for the tests that know them (100 MB in .cache)
	@.ci/newer-pythons .cache/pythons

pythons: newer-pythons ## Build a free-threaded and a musl CPython besides, for the slow tests (Debian; 20 minutes)
	@.ci/system-packages musl-tools
	@.ci/pythons

aarch64: $(VENV)/.dev ## Run tests of attaching in an emulated aarch64 machine (QEMU; half an hour)
	@.ci/system-packages qemu-system-arm cpio
	@.ci/aarch64 .cache/aarch64 $(TESTS)

mod-wsgi: ## Install Apache with mod_wsgi for the slow tests (Debian)
	@.ci/system-packages apache2 libapache2-mod-wsgi-py3

ci-deps: ## Install the system packages that tests need (apt; only what is missing)
	@.ci/system-packages

clean: ## Remove what these targets have made
	rm -rf $(VENV) .cache build dist site leakhunt/agent/_sampler*.so .mypy_cache .pytest_cache .ruff_cache .import_linter_cache *.egg-info
	find leakhunt tests examples -name __pycache__ -type d -prune -exec rm -rf {} +

# The environment is made once; the stamps say what has been installed into it. The demo needs no development tools.
$(BIN)/python:
	@.ci/make-venv $(VENV)

$(VENV)/.demo: pyproject.toml $(NATIVE) $(DEMO_REQUIREMENTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable . $(DEMO_REQUIREMENTS:%=--requirement %)
	@touch $@

$(VENV)/.dev: pyproject.toml $(NATIVE) $(DEMO_REQUIREMENTS) | $(BIN)/python
	$(BIN)/python -m pip install --quiet --editable '.[dev,docs]' $(DEMO_REQUIREMENTS:%=--requirement %)
	@touch $@ $(VENV)/.demo
