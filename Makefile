# The everyday commands of a checkout; `make help` lists them. PYTHON chooses the interpreter, VENV the environment,
# JOBS the number of processes that run tests (FAULT_JOBS those that break things, SITE_JOBS those that wait for batch
# systems, SCHEDULER_JOBS those that wait for simulated ones), ARGS is passed on to the demo, the tests or the benchmarks,
# LOOK goes before a command that runs tests.

PYTHON ?= python3
VENV ?= .venv
JOBS ?= 2
FAULT_JOBS ?= 6
SITE_JOBS ?= 16
SCHEDULER_JOBS ?= 24
MINUTES ?= 10
ARGS ?=
LOOK ?=

PY = $(VENV)/bin/python
RUN = $(VENV)/.installed-run
DEV = $(VENV)/.installed-dev
EVERYDAY = not (site or scheduler or browser or faults or slow)
# The settings are named: an option's value that is a path, of a log say, would have pytest look for them elsewhere.
PYTEST = -m pytest -c pyproject.toml -n $(JOBS) --dist loadgroup

.PHONY: help demo test check full faults site soak bench format format-check lint types imports docs test-integration coverage \
    changelog clean
.NOTPARALLEL:

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | while IFS='	' read -r name text; do \
	    printf '  make %-18s %s\n' "$$name" "$$text"; done

# An environment whose interpreter no longer runs is made again, whatever its stamps say.
ifneq ($(wildcard $(RUN) $(DEV)),)
ifneq ($(shell $(PY) -c 'print(1)' 2>/dev/null),1)
.PHONY: $(RUN) $(DEV)
endif
endif

$(RUN): setup.py .ci/venv
	@PYTHON='$(PYTHON)' sh .ci/venv '$(VENV)' -e .
	@touch '$@'

$(DEV): setup.py requirements-dev.txt .ci/venv
	@PYTHON='$(PYTHON)' sh .ci/venv '$(VENV)' -r requirements-dev.txt
	@touch '$(RUN)' '$@'

demo: $(RUN) ## the main job: a census of the standard library's sources
	$(PY) examples/source_census.py $(ARGS)

test: $(DEV) ## the tests of every day
	$(PY) $(PYTEST) -m '$(EVERYDAY)' $(ARGS)

test-integration: $(DEV) ## only the tests that start real processes
	$(PY) -m pytest -m integration $(ARGS)

full: $(DEV) ## every test there is, at full size; what this machine lacks is skipped
	PARSL_LIKE_FULL=1 $(PY) $(PYTEST) $(ARGS)

faults: $(DEV) ## breaks real processes, links and files, and measures what happens; most of it is waiting
	$(LOOK) $(PY) -m pytest -c pyproject.toml -n $(FAULT_JOBS) -m 'faults or fault' -p tests.fault_report tests/faults tests/integration $(ARGS)

site: $(DEV) ## batch systems and MPI: real ones, each brought up on this machine if that can be, and simulated ones that fail
	$(LOOK) $(PY) -m pytest -c pyproject.toml -n $(SITE_JOBS) --dist loadfile -m 'site and not slow' tests/site $(ARGS)
	$(LOOK) $(PY) -m pytest -c pyproject.toml -n $(SCHEDULER_JOBS) -m 'scheduler and not slow' tests/providers $(ARGS)

soak: $(DEV) ## MINUTES of tasks with checkable results while faults are drawn at random
	$(PY) -m tests.soak --minutes $(MINUTES) $(ARGS)

check: format-check lint types imports docs coverage ## what CI asks: everything below, the tests of every day under coverage

format: $(DEV) ## sorts imports and lays out the sources
	$(PY) -m ruff check --quiet --fix-only --select I .
	$(PY) -m ruff format .

format-check: $(DEV) ## fails where `make format` would change something
	$(PY) -m ruff format --check .

lint: $(DEV) ## ruff and codespell
	$(PY) -m ruff check .
	$(PY) -m codespell_lib

types: $(DEV) ## mypy, strict
	$(PY) -m mypy

imports: $(DEV) ## the layers of ARCHITECTURE.md
	$(PY) -c 'import sys; from importlinter.cli import lint_imports; sys.exit(lint_imports())'

coverage: $(DEV) ## the tests again, child processes measured: all of the core, 90 % of everything
	$(PY) -m coverage erase
	$(LOOK) $(PY) -m coverage run $(PYTEST) -m '$(EVERYDAY)' $(ARGS)
	$(PY) -m coverage combine --quiet
	@rm -f .coverage.*  # what a process that was killed left half-written
	$(PY) -m coverage report --include='parsl_like/core/*' --fail-under=100
	$(PY) -m coverage report --fail-under=90

docs: $(DEV) ## the documentation, warnings being errors, and its examples
	$(PY) -m sphinx -q -n -W --keep-going -b html docs docs/_build/html
	$(PY) -m sphinx -q -n -W --keep-going -b doctest docs docs/_build/doctest
	@echo 'The pages begin with docs/_build/html/index.html'

bench: $(RUN) ## the benchmarks, into benchmarks/RESULTS.md
	$(PY) benchmarks $(ARGS)

changelog: $(DEV) ## gathers changelog.d/ into CHANGELOG.md
	$(PY) -m towncrier build --yes

clean: ## removes what the other targets made, but for the environment
	rm -rf build dist *.egg-info docs/_build htmlcov .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache \
	    .import_linter_cache .hypothesis
	find parsl_like tests docs examples -name __pycache__ -type d -prune -exec rm -rf {} +
