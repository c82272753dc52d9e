# make repro   everything, from audio to the selected student     make repro PRESET=folders JOBS=4   the same for presets/folders.yaml, 4 stages at once
# make quick   all of that on little audio, in minutes: shows the machinery
# make test    tests in a few minutes                              make test-all               all of them
# make ui      MLflow's page with every student (PORT=, PRESET=)   make clean                  deletes scratch, logs, old cache
# make lock    requirements*.lock follow pyproject.toml            make upgrade                takes newer packages, too
# make repro GPU=1     the same with the CUDA packages that TensorFlow needs on a GPU (docs/gpu.md)
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
UV_VERSION := 0.13.8
export PATH := $(CURDIR)/$(BIN):$(PATH)
# MLflow sends usage data to its makers unless it is told not to.
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: repro quick test test-slow test-all lint ui lock upgrade clean

INSTALLED := $(VENV)/ready $(if $(GPU),$(VENV)/ready-gpu)

repro: $(INSTALLED)
	frill repro $(if $(PRESET),--preset $(PRESET)) $(if $(JOBS),--jobs $(JOBS))

quick: $(INSTALLED)
	frill repro --preset quick $(if $(JOBS),--jobs $(JOBS))

PYTEST := python -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test: $(VENV)/ready
	$(PYTEST) -m "not slow"

test-slow: $(VENV)/ready
	$(PYTEST) -m slow

test-all: $(VENV)/ready
	$(PYTEST) --durations 30

lint: $(VENV)/ready
	ruff check src stages tests benchmarks
	ruff format --check --quiet src stages tests benchmarks

ui: $(VENV)/ready
	frill ui $(if $(PRESET),--preset $(PRESET)) $(if $(PORT),--port $(PORT))

clean: $(VENV)/ready
	frill clean

# Pins stay as they are unless pyproject.toml asks for others: every stage depends on those it imports.
COMPILE := uv pip compile pyproject.toml --extra pipeline --extra synth --extra sweep --extra test \
	--generate-hashes --universal --python-version 3.11 --no-header --quiet --output-file requirements.lock

# What TensorFlow needs on a GPU beside requirements.lock, whose pins stand.
LOCKED = sed -n 's/^\([a-z0-9-]*\)[=[].*/--no-emit-package \1/p' requirements.lock | sort -u
COMPILE_GPU = echo "tensorflow[and-cuda]" | uv pip compile - --constraint requirements.lock $$($(LOCKED)) \
	--generate-hashes --universal --python-version 3.11 --no-header --quiet --output-file requirements-gpu.lock

lock: $(BIN)/uv
	$(COMPILE)
	$(COMPILE_GPU)

upgrade: $(BIN)/uv
	$(COMPILE) --upgrade
	$(COMPILE_GPU) --upgrade

# uv writes no bytecode, and nor does Python where PYTHONDONTWRITEBYTECODE is set, as in many containers:
# there TensorFlow would take 14 s to import in every stage, not 5.
SLOW_IMPORTS := from frill import tensorflow_setup as setup; setup.import_tensorflow(); \
	import tensorflow_hub, tensorflow_model_optimization, mlflow, sklearn, dvc.cli, rich.progress

$(VENV)/ready: requirements.lock pyproject.toml $(BIN)/uv
	@echo "Packages go into $(VENV)/: 3.6 GB, once."
	uv pip install --python $(BIN)/python --require-hashes -r requirements.lock
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -W ignore -c "$(SLOW_IMPORTS)"
	$(BIN)/python -c "from pathlib import Path; from frill.report.plots_page import write_template; write_template(Path('$(VENV)/plots.html'))"
	touch $@

$(VENV)/ready-gpu: $(VENV)/ready requirements-gpu.lock
	@echo "CUDA packages go into $(VENV)/: some GB more, once."
	uv pip install --python $(BIN)/python --require-hashes -r requirements-gpu.lock
	touch $@

$(BIN)/uv:
	@if $(PYTHON) -c "" 2>/dev/null; then $(PYTHON) -m venv $(VENV); \
	elif command -v uv >/dev/null; then uv venv --quiet --clear --seed --python 3.11 $(VENV); \
	else echo "$(PYTHON) is not there: install Python 3.11, or uv (docs.astral.sh/uv), which fetches it, or name a Python: \
	make PYTHON=/path/to/python3.11" >&2; exit 1; fi
	$(BIN)/python -m pip install --quiet uv==$(UV_VERSION)
