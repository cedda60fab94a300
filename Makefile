# make run   sets up the environment and opens the app      make test   the same, and runs the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.PHONY: run test check install bench bench-ui soak gpu-check reproduction pictures clean

run: install
	$(BIN)/implicit-tui

# In a process more than there are cores, four at most; one test at a time: `python -m pytest FILE`.
test: install
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache
	$(MAKE) test

# Twenty minutes on two cores; writes docs/performance.md and docs/performance.json.
bench: install
	OMP_NUM_THREADS=1 $(BIN)/python -m bench

# Four minutes; writes docs/interface.md and docs/interface.json.
bench-ui: install
	$(BIN)/python -m bench.ui

# A quarter of an hour on two cores; writes docs/reliability.md.
soak: install
	OMP_NUM_THREADS=1 $(BIN)/python -m soak

# On a machine with a GPU, with the Python that is there: its tests, a step of everything, and whole runs by where their
# time goes. `python3 -m bench.gpu --only tests steps` does a part.
gpu-check:
	$(PYTHON) -m bench.gpu

# Eight minutes on two cores; writes docs/reproduction.md.
reproduction: install
	$(BIN)/python -m reproduction

# Half a minute on two cores; draws docs/screens, and trains the runs shown there where their presets have changed.
pictures: install
	$(BIN)/python -m pictures

install: $(STAMP)

# torch comes first, by the constraint alone: an open range would bring gigabytes of CUDA libraries.
$(STAMP): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade "pip>=25.1"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt --editable . --group dev
	touch $(STAMP)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis
