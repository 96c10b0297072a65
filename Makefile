# Two commands on a fresh machine with Python and git: `make demo` and `make test`.

PYTHON ?= python3
BIN := .venv/bin
# The lock names every file's hash, the build's own needs too: nothing is resolved or fetched beside it.
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
EDITABLE := $(INSTALL) --no-deps --no-build-isolation --editable .
CODE := src tests $(wildcard benchmarks)

.PHONY: demo test bench lint format lock clean

demo: .venv/run
	$(BIN)/edms-backup demo

test: lint
	$(BIN)/pytest --numprocesses auto --maxprocesses 4 --dist worksteal --cov --cov-report term $(PYTEST_ARGS)

# BENCH_ARGS='--rows 200000 --runs 5'; servers by EDMS_TEST_POSTGRESQL_URL and EDMS_TEST_MARIADB_URL.
bench: .venv/dev
	$(BIN)/python -m benchmarks.run $(BENCH_ARGS)

lint: .venv/dev
	$(BIN)/ruff check $(CODE)
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/mypy

format: .venv/dev
	$(BIN)/ruff check --fix $(CODE)
	$(BIN)/ruff format $(CODE)

# After a change of the dependencies in pyproject.toml.
lock: .venv/dev
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/python -m pip install --quiet pip-tools
	$(COMPILE) --output-file requirements/run.txt pyproject.toml
	$(COMPILE) --all-extras --constraint requirements/run.txt --output-file requirements/dev.txt pyproject.toml

COMPILE = .venv/lock/bin/pip-compile --quiet --upgrade --strip-extras --generate-hashes --allow-unsafe \
	--build-deps-for editable --no-header --no-annotate \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host

clean:
	rm -rf .venv

.venv/bin/python:
	$(PYTHON) -m venv .venv

.venv/run: requirements/run.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --require-hashes -r requirements/run.txt
	$(EDITABLE)
	touch $@

.venv/dev: requirements/dev.txt pyproject.toml | .venv/bin/python
	$(INSTALL) --require-hashes -r requirements/dev.txt
	$(EDITABLE)
	touch $@ .venv/run
