# `make demo` and `make test` need Debian (or a relative of it) with Python 3.11, and do all set-up themselves.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
APT := libusb-1.0-0 libgomp1
READY := $(VENV)/.ready

.PHONY: demo test test-fast check docs format bench clean

demo: $(READY)  ## simulate two logs, label them, publish demo@v1, evaluate, draw
	$(BIN)/occlabel demo --out demo

# One thread each: of two, each would wait for one that the other process keeps from its core.
test test-fast: export OMP_NUM_THREADS := 1
# Whole grids come and go: memory that was freed is kept, for the kernel would clear each of its pages again.
test test-fast: export MALLOC_MMAP_THRESHOLD_ := 33554432
test test-fast: export MALLOC_TRIM_THRESHOLD_ := 1073741824
# Processes come and go too: byte code is kept where the environment says otherwise.
test test-fast: export PYTHONDONTWRITEBYTECODE :=

test: $(READY)  ## the test suite, on up to four cores
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

test-fast: $(READY)  ## without the tests that take more than ten seconds
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal -m "not slow"

check: $(READY)  ## lint, types, floors, the site without a warning
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --config-file tests/mypy.ini tests scripts
	$(BIN)/lint-imports
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --quiet --strict

docs: $(READY)  ## the site, into site/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: demo  ## what orchestration costs, on the logs of the demo
	$(BIN)/python scripts/bench_orchestration.py demo/logs

$(READY): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "occlabel needs Python 3.11 ($(PYTHON) was not found; set PYTHON=...)"; exit 1; }
	@./scripts/system_libraries.sh $(APT)
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { ./scripts/system_libraries.sh --install $(notdir $(PYTHON))-venv && $(PYTHON) -m venv --clear $(VENV); }
	$(BIN)/python -m pip install --quiet --upgrade "pip>=25"
	PYTHONWARNINGS="ignore:Editable installation" $(BIN)/python -m pip install --quiet --constraint constraints.txt --editable ".[dev]"
	@touch $@

clean:
	rm -rf $(VENV) demo site build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache
