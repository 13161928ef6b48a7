# Needs GNU make and Python 3.11 or newer; everything else is installed into .venv.
# Paths are relative on purpose: make cannot name targets below a folder with spaces.

.DEFAULT_GOAL := help
.PHONY: help run setup test check docs bench lock format clean

HAAT := .venv/bin/haat
PYTEST := .venv/bin/python -P -m pytest

help:
	@awk 'BEGIN { printf "Haat, the backend of a distribution business.\n" } \
	  /^##@ / { printf "\n%s\n", substr($$0, 5) } \
	  /^[a-z]+:.*## / { sub(/:.*## /, "\t"); split($$0, part, "\t"); printf "  make %-8s %s\n", part[1], part[2] }' Makefile

##@ Use it
run: setup ## Start everything on this machine and, on an empty database, the demo; Ctrl-C stops it
	@$(HAAT) up

setup: ## Install what is needed into .venv (the other targets do it by themselves)
	@set -e; \
	stamp=.venv/installed; \
	wanted="$$(cksum < requirements-dev.lock) $$(pwd -P)"; \
	if [ -x .venv/bin/haat ] && [ "$$(cat $$stamp 2>/dev/null)" = "$$wanted" ] && .venv/bin/python -c '' 2>/dev/null; then exit 0; fi; \
	python=; \
	for each in "$${PYTHON:-python3}" python3.11 python3.12 python3.13 python3.14 python3; do \
	  if "$$each" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then python=$$each; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	  echo "Haat needs Python 3.11 or newer; found: $$(python3 --version 2>&1 || echo none). Install it, or name it: make PYTHON=/path/to/python3.11 run" >&2; exit 1; \
	fi; \
	if [ -e .venv ] && ! { .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 11))' && [ "$$(cut -d' ' -f3- $$stamp 2>/dev/null || pwd -P)" = "$$(pwd -P)" ]; } >/dev/null 2>&1; then \
	  echo "This .venv was made elsewhere or no longer works; making it anew"; rm -rf .venv; \
	fi; \
	if [ ! -x .venv/bin/python ]; then \
	  "$$python" -m venv .venv || { rm -rf .venv; echo "$$python cannot make virtual environments; on Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }; \
	fi; \
	rm -f $$stamp; \
	echo "Installing the locked packages into .venv (once, about a minute)"; \
	.venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --only-binary :all: -r requirements-dev.lock; \
	site=$$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))'); \
	pwd -P > "$$site/haat.pth"; \
	printf '%s\n' '#!/bin/sh' 'here=$$(CDPATH= cd -- "$$(dirname -- "$$(readlink -f -- "$$0")")" && pwd -P)' 'exec "$$here/python" -P -m cli "$$@"' > .venv/bin/haat; \
	chmod 755 .venv/bin/haat; \
	printf '%s' "$$wanted" > $$stamp

##@ Work on it
test: setup ## Run the test suite against servers of its own, never those of `make run`
	@$(PYTEST)

check: setup ## What CI runs: format, lint, types, import contracts, migrations in step, tests
	@set -e; \
	echo "== format";    .venv/bin/ruff format --check --quiet . || { .venv/bin/ruff format --diff --quiet .; exit 1; }; \
	echo "== lint";      .venv/bin/ruff check --quiet .; \
	echo "== types";     .venv/bin/mypy; \
	echo "== contracts"; .venv/bin/lint-imports --no-cache > .venv/contracts.log || { cat .venv/contracts.log; exit 1; }; \
	echo "== tests";     $(PYTEST)

format: setup ## Format the code and mend what the linter can mend
	@.venv/bin/ruff format . && .venv/bin/ruff check --fix .

docs: setup ## Write docs/capabilities.md anew from the code
	@.venv/bin/python -P docs/capabilities.py

bench: setup ## Measure against floors taken in the same run; writes bench/results/<date>.json
	@.venv/bin/python -P -m bench

lock: setup ## Renew both requirement locks; `make lock UPGRADE=--upgrade` takes newer versions
	@set -e; for each in "requirements.lock" "requirements-dev.lock --group dev"; do \
	  .venv/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links \
	    --no-annotate --no-header $(UPGRADE) pyproject.toml -o $$each > /dev/null; \
	done; ! grep -nE '://' requirements.lock requirements-dev.lock

clean: ## Delete .venv and .haat with the data of the embedded servers in it
	@if [ -x .venv/bin/python ] && [ -e .haat ]; then HAAT_HOME=.haat .venv/bin/python -P -m cli clean; fi
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
