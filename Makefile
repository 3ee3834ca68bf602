# Everything here installs what it needs: `make demo` and `make test` work on a fresh machine.
.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c

PYTHON ?= $(shell command -v python3.11 || command -v python3)
PACKAGES := $(sort $(wildcard libs/*/pyproject.toml services/*/pyproject.toml))
FOLDERS := $(patsubst %/pyproject.toml,%,$(PACKAGES))
SOURCES := $(addsuffix /src,$(FOLDERS)) tools
BIN := .venv/bin
READY := .venv/.ready

# Without bytecode every start of a process compiles all libraries again.
unexport PYTHONDONTWRITEBYTECODE
# Threads of scikit-learn that wait shall sleep: spinning ones take the cores from whatever they wait for.
export OMP_WAIT_POLICY ?= passive
# Tests and checks must not depend on what the shell happens to be set to.
unexport SKYULF_HOME SKYULF_FORM SKYULF_KAFKA_BOOTSTRAP

.PHONY: help demo up test faults hunt load images compose kubernetes bench lint types format contracts docs requirements sbom tools

help:  ## Say what there is
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

demo: $(READY)  ## Run the whole street in one process: data, model, deployment, prediction
	$(BIN)/skyulf demo

up: $(READY)  ## Start Skyulf in one process
	$(BIN)/skyulf up

# Small fits, many processes: threads of one fit would only wait for those of another.
test faults hunt: export OMP_NUM_THREADS ?= 1

# The library's tests share nothing and take two cores; those of services watch clocks, processes and servers, and go
# one by one.
test: $(READY) tools  ## Run all tests except the long ones
ifeq ($(strip $(PYTEST)),)
	$(BIN)/python -m pytest -m "not slow" -n 2 --dist worksteal libs/skyulf-core
	$(BIN)/python -m pytest -m "not slow" --ignore libs/skyulf-core
else
	$(BIN)/python -m pytest -m "not slow" $(PYTEST)
endif

faults: $(READY) tools  ## Break everything that is promised to hold, for long: a line per promise (two hours)
	$(BIN)/python -m pytest -m promise $(PYTEST)

hunt: $(READY) tools  ## Run all other long tests, and property tests with fresh random examples
	$(BIN)/python -m pytest -m "(slow or hypothesis) and not promise" --hypothesis-profile=hunt $(PYTEST)

# Its servers are processes of this machine, whose memory can be looked at.
load: export SKYULF_TEST_DOCKER ?= 0
load: export OMP_NUM_THREADS ?= 1
load: $(READY) tools  ## Ask for everything at once for half an hour: memory, events, times (MINUTES=5 for a look)
	$(BIN)/python tests/performance/load/run.py $(if $(MINUTES),--minutes $(MINUTES)) $(LOAD)

# Labels name the commit (and that it was changed since), when this was, and where the sources are, without credentials.
images: export IMAGE_REVISION ?= $(shell git describe --always --dirty --abbrev=40 --exclude='*' 2>/dev/null)
images: export IMAGE_CREATED ?= $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
images: export IMAGE_SOURCE ?= $(shell git config --get remote.origin.url | sed -nE 's|^(https?://)([^@/]*@)?|\1|p')
images:  ## Build all images, with labels that say what they were built from
	docker compose --profile operate build

# Boundaries are those of processes that the tests start themselves; tests/compose has its own.
compose: $(READY) images  ## Build the images, and test them on a Docker engine: the whole story, outages, scaling
	FORM=compose $(BIN)/python -m pytest tests/compose tests/e2e --ignore tests/e2e/test_boundaries.py $(PYTEST)

kubernetes: $(READY) tools  ## Run the manifests' pods as processes: the whole story, and predictions while each is replaced
	FORM=kubernetes $(BIN)/python -m pytest tests/e2e tests/k8s --ignore tests/e2e/test_boundaries.py $(PYTEST)

bench: $(READY) tools  ## Measure (BENCH="--tuning", "--automl" or "--library" for a part, "--quick" for a look)
	$(BIN)/python tests/performance/run.py $(BENCH)

lint: $(READY)  ## Check style, types, import rules and contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(MAKE) --no-print-directory types
	$(BIN)/lint-imports
	$(BIN)/python tools/contracts.py --check
	$(BIN)/python tools/node_docs.py --check
	$(BIN)/python tools/requirements.py --check
	$(BIN)/python tools/dashboards.py --check

types: $(READY)  ## Check types
	$(BIN)/mypy $(SOURCES)

format: $(READY)  ## Rewrite the code in the agreed style
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .

contracts: $(READY)  ## Write contracts/ and dashboards anew from the code
	$(BIN)/python tools/contracts.py
	$(BIN)/python tools/dashboards.py

docs: $(READY)  ## Write docs/nodes/ anew from the code
	$(BIN)/python tools/node_docs.py

requirements: $(READY)  ## Resolve the versions of all packages anew (UPGRADE=--upgrade for newer ones)
	$(BIN)/python tools/requirements.py $(UPGRADE)

sbom: $(READY)  ## Write a bill of materials (CycloneDX) for each image to dist/sbom
	$(BIN)/python tools/sbom.py dist/sbom

# The servers that tests start, installed before the first test's clock runs.
tools: $(READY)
	@$(BIN)/python -m skyulf_service.testing.servers

$(READY): requirements/all.txt requirements/uv.txt $(PACKAGES)
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/uv.txt
	$(BIN)/uv pip sync --system-certs --quiet --require-hashes --compile-bytecode requirements/all.txt
	$(BIN)/uv pip install --system-certs --quiet --no-deps --no-build-isolation $(addprefix -e ./,$(FOLDERS))
	touch $@
