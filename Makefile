# Six words, the same on a laptop and in CI: demo, test, test-slow, bench, lint, clean.
PYTHON ?= python3
PIP := .venv/bin/python -m pip --disable-pip-version-check install --quiet --constraint constraints.txt

.PHONY: demo test test-slow bench lint clean

# The whole comparison on the embedded model; ends with the path of the report.
demo: .venv/installed
	.venv/bin/corollary demo --out out/demo

# All that CI runs.
test: lint
	.venv/bin/pytest -n 2 -m "not slow"

# What takes longer as well: many minutes, a public model, a real server and a Ray cluster.
test-slow: .venv/installed-slow
	COROLLARY_SMOLLM2="$$(.venv/bin/python tools/public_model.py)" .venv/bin/pytest -n 2

# Speed of what matters: scoring behind a shared prefix, tuning, generating.
bench: .venv/installed-dev
	.venv/bin/python tools/bench.py

lint: .venv/installed-dev
	.venv/bin/ruff format --check
	.venv/bin/ruff check
	.venv/bin/mypy
	.venv/bin/lint-imports

# Leaves studies (out/) and the environment (.venv) alone: both are dear.
clean:
	rm -rf build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find src tests tools -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/installed: pyproject.toml constraints.txt
	@echo "Making .venv with the pinned dependencies: some minutes and about 2 GB, once."
	test -x .venv/bin/python || $(PYTHON) -m venv .venv
	$(PIP) --editable .
	touch $@

.venv/installed-dev: .venv/installed
	$(PIP) --editable ".[dev]"
	touch $@

.venv/installed-slow: .venv/installed-dev
	$(PIP) --editable ".[dev,slow]"
	touch $@
