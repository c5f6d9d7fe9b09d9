PYTHON ?= python3
VENV := .venv
# Where PyTorch comes from, as arguments of pip: see "The CPU build of PyTorch" in the README.
TORCH_FROM ?=
.DEFAULT_GOAL := help
.PHONY: help serve test slow demo bench evaluate train lock clean

help: ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## (.*)/  make \1\t\2/'

serve: $(VENV)/serve.stamp ## install, migrate the database, start the service
	@exec $(VENV)/bin/moodline serve

test: $(VENV)/test.stamp ## install, run all tests
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/pytest

slow: $(VENV)/test.stamp ## a simulated year of 20,000 customers, and what the signals were worth (an hour)
	@$(VENV)/bin/pytest -m slow -s tests/slow

demo: $(VENV)/serve.stamp ## fill the database with invented customers
	@$(VENV)/bin/moodline demo

bench: $(VENV)/test.stamp ## measure the service on this machine
	@$(VENV)/bin/python -m tests.bench

evaluate: $(VENV)/train.stamp ## figures of the exported model on the validation sets
	@$(VENV)/bin/python -m models.evaluate

train: $(VENV)/train.stamp ## from the wheels and the data to the exported model
	@PATH="$(CURDIR)/$(VENV)/bin:$$PATH" bash models/run.sh

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "moodline needs Python 3.11 or newer: make PYTHON=python3.12 …" >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV)

$(VENV)/serve.stamp: requirements.lock pyproject.toml | $(VENV)/bin/python
	@echo "installing (a few minutes, once) …"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check $(TORCH_FROM) "$$(grep '^torch==' requirements.lock)"
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements.lock
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

$(VENV)/test.stamp $(VENV)/train.stamp: requirements-test.lock $(VENV)/serve.stamp
	@$(VENV)/bin/pip install --quiet --disable-pip-version-check -r requirements-test.lock
	@touch $(VENV)/test.stamp $(VENV)/train.stamp

lock: ## write the lock files anew from pyproject.toml's bounds
	@rm -rf $(VENV) && $(PYTHON) -m venv $(VENV)
	@$(VENV)/bin/pip install --quiet $(TORCH_FROM) torch==2.13.0 && $(VENV)/bin/pip install --quiet -e .
	@$(VENV)/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	@$(VENV)/bin/pip install --quiet -e '.[test,train]'
	@$(VENV)/bin/pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements-test.lock

clean: ## remove the installation, not the data
	@rm -rf $(VENV)
