# `make demo` runs a demonstration and `make test` runs all checks. Both install their requirements into .venv first.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: demo test lint proto client settings dashboards pictures studio-pictures lock clean

demo: $(INSTALLED)
	$(BIN)/foreword demo

# Run tests in two processes. All tests of a file run in one process, in order; tests/conftest.py orders the files.
# A process that a hanging test has ended is not replaced: its test would run and hang again. A machine on which the run
# takes more than an hour is told the slowest tests instead of the rest.
test: lint
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder --max-worker-restart 0 \
		--session-timeout 3600 --durations 20 --durations-min 5

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Generate the checked-in stubs; tests/unit/test_proto.py fails if they are out of date.
proto: $(INSTALLED)
	$(BIN)/python proto/generate.py

# Generate the blocking client; tests/unit/client/test_unasync.py fails if it is out of date.
client: $(INSTALLED)
	$(BIN)/python core/foreword/client/unasync.py

# Generate deploy/settings.md; tests/unit/test_settings_reference.py fails if it is out of date.
settings: $(INSTALLED)
	$(BIN)/python deploy/settings.py

# Generate deploy/grafana and deploy/prometheus/alerts.yaml; tests/integration/test_dashboards.py fails if they are out of date.
dashboards: $(INSTALLED)
	$(BIN)/python deploy/monitoring/generate.py

# Draw the pictures of the dashboards from a service under load; needs Prometheus and takes about ten minutes.
pictures: $(INSTALLED)
	$(BIN)/python deploy/monitoring/pictures.py

# Draw the pages of the studio in a real browser, in front of a service that tunes; needs Chromium and its driver.
studio-pictures: $(INSTALLED)
	$(BIN)/python deploy/studio/pictures.py

# Generate constraints.lock, the hashes of what a service and a bot need; tests/unit/test_lock.py compares the versions.
lock: $(INSTALLED)
	$(BIN)/python -m pip install --quiet uv==0.13.9
	$(BIN)/uv pip compile pyproject.toml --extra server --extra http --extra slack --extra tracing --extra oidc --extra pandas --constraint constraints.txt \
	  --universal --python-version 3.11 --generate-hashes --no-annotate --custom-compile-command 'make lock' \
	  --upgrade --quiet --output-file constraints.lock

$(INSTALLED): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo 'Foreword needs Python 3.11 or newer; select one with: make PYTHON=python3.11 ...'; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[server,http,slack,tracing,oidc,mlflow,tensorboard,dev]'
	@touch $@

clean:
	rm -rf $(VENV)
