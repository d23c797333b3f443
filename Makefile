# The set-up is in tests/setup/ and docker/images/build.py; here is only what to call.
VENV := .venv
BIN := $(VENV)/bin
export PYTHON ?= python3

help:
	@echo "make demo    two small shops, one with an upgrade's faults, and Understudy before them; ends by itself"
	@echo "make test    everything: linters, types, unit and integration tests; installs what they need"
	@echo "make check   ruff, mypy, import-linter"
	@echo "make unit    the quick tests, which need nothing but Python"
	@echo "make bench   side by side with nginx's and Envoy's mirrors, with pt-table-checksum, and what migrate takes"
	@echo "make images  the Docker images that the integration tests run in"
	@echo "make clean   remove the virtual environment and caches"

$(VENV)/.installed: pyproject.toml
	@sh tests/setup/venv.sh $(VENV)

demo: $(VENV)/.installed
	@$(BIN)/understudy demo

# Two processes, a file each: a test of servers leaves one core idle most of the time.
test: check images
	$(BIN)/pytest -q -n 2 --dist loadfile

check: $(VENV)/.installed
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

unit: $(VENV)/.installed
	$(BIN)/pytest -q tests/unit -m "not slow"

bench: $(VENV)/.installed
	$(BIN)/python tests/bench/run.py

images:
	@sh tests/setup/docker.sh

clean:
	rm -rf $(VENV) *.egg-info build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

.PHONY: help demo test check unit bench images clean
