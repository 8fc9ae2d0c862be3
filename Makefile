# The portal's commands; `make help` lists them. Choose with PORT=…, VAR=…, DEMO=no.
VENV := .venv
PY := $(VENV)/bin/python
# A stamp for each list of packages: written once all of it is installed, so that an
# interrupted installation is taken up again and a finished one is not repeated.
RUNS := $(VENV)/installed-requirements.txt $(VENV)/installed-requirements-run.txt
TESTS := $(RUNS) $(VENV)/installed-requirements-dev.txt

.NOTPARALLEL:
.DELETE_ON_ERROR:
.PHONY: help run test quick lint format bench fuzz faults requirements clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*  ## /  make \1 - /p' Makefile

# exec, here and below: with a shell in between, a signal to make would not arrive.
run: $(RUNS)  ## the whole portal on this machine, from its own database on
	@exec $(PY) -m portal.stack run

test: $(TESTS)  ## every check and every test, against real engines
	@exec $(PY) tests/run.py all

quick: $(TESTS)  ## the fast part of it, for between two edits
	@exec $(PY) tests/run.py quick

lint: $(TESTS)  ## the checks that run no tests
	@exec $(PY) tests/run.py lint

format: $(TESTS)  ## put sources and templates into their form
	@$(PY) -m ruff check --fix --quiet . ; $(PY) -m ruff format .
	@find templates -name '*.html' -exec $(VENV)/bin/djade --target-version 5.2 {} +

bench: $(TESTS)  ## measure, print, and write tests/bench/results/
	@exec $(PY) tests/run.py bench

fuzz: $(TESTS)  ## throw damaged input at the readers, FUZZ_SECONDS each
	@exec $(PY) tests/run.py fuzz

faults: $(TESTS)  ## break everything for hours: kills, cuts, crowds; FAULTS_KILLS=…
	@exec $(PY) tests/run.py faults

requirements: $(TESTS)  ## compile the .in files; UPGRADE=--upgrade moves all versions
	@for name in requirements requirements-run requirements-dev; do \
	  $(VENV)/bin/uv pip compile --universal --python-version 3.11 --generate-hashes \
	    --no-emit-index-url --no-header --no-annotate --quiet $(UPGRADE) \
	    $$name.in --output-file $$name.txt || exit 1; done

clean:  ## remove what tools have left; never VAR
	@rm -rf build .coverage .coverage.* htmlcov .mypy_cache .ruff_cache .pytest_cache \
	  .hypothesis .import_linter_cache .grimp_cache tests/bench/results
	@find . -name __pycache__ -not -path './$(VENV)/*' -prune -exec rm -rf {} +

# Each list is complete. Without --no-deps, pip 23 can select a newer release than the
# pinned one for a requirement with an extra, and then refuses it as not pinned.
$(VENV)/installed-%.txt: %.txt $(VENV)/made
	@echo "installing the packages of $< (once; a minute or two)"
	@$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes -r $<
	@touch $@

# An environment that works is kept, whoever made it; any other is made from scratch.
# Debian and Ubuntu keep what that needs in a package of its own.
WORKS := -c 'import sys, ssl, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
$(VENV)/made:
	@if $(PY) $(WORKS); then touch $@; exit 0; fi; \
	for python in $(PYTHON) python3 python3.14 python3.13 python3.12 python3.11 none; do \
	  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && break; \
	done; \
	[ $$python != none ] || { echo "Python 3.11 or later is needed; none was found" \
	  "(make PYTHON=/path/to/python3 …)" >&2; exit 1; }; \
	if ! $$python -c 'import ensurepip, venv' 2>/dev/null; then \
	  package=$$($$python -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])'); \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "installing $$package"; apt-get update -qq; \
	    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq $$package >/dev/null; \
	  else echo "$$python cannot make virtual environments: install $$package" >&2; \
	    exit 1; fi; fi; \
	echo "making the virtual environment $(VENV) with $$($$python --version)"; \
	$$python -m venv --clear $(VENV) && touch $@
