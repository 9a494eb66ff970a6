# `make demo` shows the product at work, `make test` checks it. Both install what they need into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint proto client settings clean

demo: $(INSTALLED)
	$(BIN)/foreword demo

# Two processes; the tests of one file stay in one of them, in order. Files start in the order of tests/conftest.py.
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Regenerates the checked-in stubs; tests/unit/test_proto.py fails when they are stale.
proto: $(INSTALLED)
	$(BIN)/python proto/generate.py

# Regenerates the blocking client; tests/unit/client/test_unasync.py fails when it is stale.
client: $(INSTALLED)
	$(BIN)/python core/foreword/client/unasync.py

# Regenerates deploy/settings.md; tests/unit/test_settings_reference.py fails when it is stale.
settings: $(INSTALLED)
	$(BIN)/python deploy/settings.py

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Foreword needs Python 3.11 or newer; name one with: make PYTHON=python3.11 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[server,slack,dev]'
	@touch $@

clean:
	rm -rf $(VENV)
