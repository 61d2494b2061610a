# One command for each thing that one does here. Needs bash, GNU make, Python >= 3.11 and g++ >= 12; everything else (cmake, ninja,
# NVIDIA's headers, the compilers of the tests) comes from PyPI into .venv. Nothing outside this folder is written to.
#
#   make demo PYTHON=python3.12 CXX=g++-13     names the interpreter or the compiler, where the usual names are too old

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.ONESHELL:
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PYTHON ?=
ifeq ($(origin CXX),default)
CXX :=
endif
VENV := .venv
BIN := $(CURDIR)/$(VENV)/bin
STAMPS := $(VENV)/stamps
BUILD := build/native
# Environments that may already exist elsewhere: SUITES=/path/to/venv. What one lacks is installed there; it is never cleared.
SUITES := .venv-suites
FRAMEWORKS := .venv-frameworks

# A recipe that compiles says so with this; `make` itself must work where only a newer compiler has a versioned name.
use_compiler = source scripts/find-compiler && export PATH="$(BIN):$$PATH"
pip = "$(BIN)/python" -m pip --disable-pip-version-check --no-input --quiet

sources := $(shell find src native -type f -not -name '*.pyc' -not -path '*/__pycache__/*' 2>/dev/null) README.md LICENSE
cpp_files := $(shell find native tests bench \( -name '*.h' -o -name '*.cpp' -o -name '*.cu' \) -not -path '*/calls/generated/*' 2>/dev/null)

.NOTPARALLEL:
.PHONY: help demo test test-clients test-frameworks bench simulations native sanitize install lint format clean

help:  ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 24

demo: $(STAMPS)/install $(STAMPS)/demo  ## a pool of two nodes on this machine; trains a network on it over TCP
	@"$(BIN)/python" examples/demo.py

test: native $(STAMPS)/install $(STAMPS)/test  ## every test: native, Python, CUDA programs and real clients over each way to a GPU
	@"$(BIN)/ctest" --test-dir $(BUILD) --output-on-failure --timeout 120 -j 2
	GPOOL_BUILD="$(CURDIR)/$(BUILD)" "$(BIN)/python" -m pytest -n 2 --dist loadfile $(PYTEST_FLAGS)

bench: native $(STAMPS)/install  ## what each CUDA call costs: directly, over shared memory and over TCP, in one table
	@$(use_compiler)
	cmake -S native -B $(BUILD) -DGPOOL_BUILD_BENCH=ON >/dev/null
	cmake --build $(BUILD)
	"$(BIN)/python" bench/data_plane/price.py --native $(BUILD) --json build/bench/price.json $(BENCH_FLAGS)

simulations: $(STAMPS)/install  ## the scheduler on recorded workloads, and the pages of it; hours. OPENB=folder PHILLY=file.csv
	@"$(BIN)/python" scripts/simulations/run.py $(if $(OPENB),--openb "$(OPENB)") $(if $(PHILLY),--philly "$(PHILLY)") $(SIMULATION_FLAGS)

test-clients: native $(SUITES)/stamp  ## the test suites of real clients over each way to a GPU; an hour and 1 GB. SUITES_FLAGS='--way shm'
	GPOOL_NATIVE="$(CURDIR)/$(BUILD)" "$(SUITES)/bin/python" tests/suites/run.py $(SUITES_FLAGS)

test-frameworks: native $(FRAMEWORKS)/stamp  ## PyTorch in a dry run over each way to a GPU; installs about 3 GB in .venv-frameworks, not part of test
	@GPOOL_NATIVE="$(CURDIR)/$(BUILD)" timeout 3600 "$(FRAMEWORKS)/bin/python" -m pytest tests/frameworks --timeout 900 $(PYTEST_FLAGS)

native: $(STAMPS)/tools  ## the native tree with its tests, in build/native
	@$(use_compiler)
	if [ ! -f $(BUILD)/build.ninja ] || ! grep -qs 'GPOOL_BUILD_TESTS:BOOL=ON' $(BUILD)/CMakeCache.txt; then
	  cmake -S native -B $(BUILD) -G Ninja -DCMAKE_BUILD_TYPE=Release -DGPOOL_BUILD_TESTS=ON \
	    -DPython3_EXECUTABLE="$(BIN)/python" $(CMAKE_FLAGS)
	fi
	cmake --build $(BUILD)

sanitize: native  ## native tests and fuzz targets under the address, undefined-behaviour and thread sanitizers. FUZZ_SECONDS=600
	@$(use_compiler)
	bash scripts/sanitize $(BUILD) $(SANITIZE)

install: $(STAMPS)/install  ## gpool itself, in .venv/bin/gpool

lint: $(STAMPS)/install $(STAMPS)/lint  ## formatting, types, direction of imports, generated files
	@export PATH="$(BIN):$$PATH"
	ruff check .
	ruff format --check .
	mypy
	lint-imports
	clang-format --dry-run -Werror $(cpp_files)
	python native/calls/generate.py --check
	python scripts/compatibility.py --check

format: $(STAMPS)/lint  ## rewrites what lint's formatters would complain about
	@export PATH="$(BIN):$$PATH"
	ruff check --fix-only .
	ruff format .
	clang-format -i $(cpp_files)

clean:  ## removes what make has made
	@rm -rf .venv .venv-suites .venv-frameworks build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache

# ---- what the commands stand on; each stamp is newer than all that it was made from -------------------------------------------

$(STAMPS)/venv: scripts/find-python
	@python="$$(PYTHON='$(PYTHON)' bash scripts/find-python)"
	echo "Making .venv with $$python ($$("$$python" --version))"
	"$$python" -m venv --clear $(VENV)
	$(pip) install --upgrade 'pip>=25.1'  # the first that knows --group
	mkdir -p $(STAMPS)
	touch $@

$(STAMPS)/tools: $(STAMPS)/venv pyproject.toml
	@echo "Installing what gpool is built with (cmake, ninja, NVIDIA's headers)"
	mapfile -t requires < <("$(BIN)/python" -c \
	  'import tomllib; print(*tomllib.load(open("pyproject.toml", "rb"))["build-system"]["requires"], sep="\n")')
	$(pip) install "$${requires[@]}" 'cmake>=3.25' ninja
	touch $@

# Without build isolation, and in the folder of `make native`: what is compiled is compiled once, and only what changed again.
$(STAMPS)/install: $(STAMPS)/tools $(sources)
	@echo "Building and installing gpool"
	$(use_compiler)
	$(pip) install --no-build-isolation --config-settings=build-dir=$(BUILD) .
	touch $@

$(STAMPS)/demo: $(STAMPS)/venv pyproject.toml
	@echo "Installing what the demo runs (tinygrad, NVRTC, scikit-learn)"
	$(pip) install --group demo
	touch $@

$(STAMPS)/test: $(STAMPS)/venv pyproject.toml
	@echo "Installing what the tests run (pytest, nvcc, NVRTC, tinygrad, scikit-learn): about 640 MB"
	$(pip) install --group test --group clients
	touch $@

# An environment of their own: PyTorch and CuPy are no business of the other tests.
$(SUITES)/stamp: $(STAMPS)/venv pyproject.toml
	@echo "Installing what the clients' suites run (numba-cuda, CuPy, tinygrad, PyTorch for the CPU): about 1 GB"
	[ -x "$(SUITES)/bin/python" ] || "$(BIN)/python" -m venv "$(SUITES)"
	"$(SUITES)/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --upgrade 'pip>=25.1'
	"$(SUITES)/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --group suites $(SUITES_PIP_FLAGS)
	touch $@

$(FRAMEWORKS)/stamp: scripts/find-python pyproject.toml
	@python="$$(PYTHON='$(PYTHON)' bash scripts/find-python)"
	echo "Installing PyTorch and NVIDIA's libraries in $(FRAMEWORKS): about 3 GB to fetch, 6 GB on disk"
	[ -x "$(FRAMEWORKS)/bin/python" ] || "$$python" -m venv "$(FRAMEWORKS)"
	"$(FRAMEWORKS)/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --upgrade 'pip>=25.1'
	"$(FRAMEWORKS)/bin/python" -m pip --disable-pip-version-check --no-input --quiet install --group frameworks
	touch $@

$(STAMPS)/lint: $(STAMPS)/venv pyproject.toml
	@echo "Installing ruff, mypy, import-linter and clang-format"
	$(pip) install --group lint --group generate
	touch $@
