# Every target makes what it needs: a fresh clone and `make demo` or `make test` are enough.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip --disable-pip-version-check --quiet install --constraint constraints.txt
# One thread a process: the work is spread over processes, and threads would fight them.
ONE_THREAD := OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 MKL_NUM_THREADS=1
JOBS ?= 2
# Public recordings for tests and benchmarks, where they are.
export FAULTSYN_DATA ?= $(abspath ../shared/data)

.PHONY: demo test lint bench clean

demo: $(VENV)/.core
	@echo "== 1/4  simulate a rig: machines with inner, outer and ball faults, no download"
	$(BIN)/faultsyn simulate data/rig.h5
	@echo "== 2/4  FaultDiffusion: learn the inner-race fault from five windows, make more"
	$(BIN)/faultsyn pretrain rig-bearing --generator faultdiffusion --out models/demo-pretrained
	$(BIN)/faultsyn adapt models/demo-pretrained rig-bearing --k 5 --label inner --out models/demo
	$(BIN)/faultsyn synthesize models/demo --n 20 --out runs/demo-inner.h5
	@echo "== 3/4  compare: few real shots against the same shots with synthetic windows"
	$(BIN)/faultsyn run experiments/demo.yaml --out runs/demo --jobs $(JOBS)
	@echo "== 4/4  the report"
	$(BIN)/faultsyn report runs/demo

test: lint
	$(ONE_THREAD) $(BIN)/pytest -n $(JOBS)

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports
	$(BIN)/mypy

bench: $(VENV)/.dev
	failed=; for script in benchmarks/*.py; do echo "== $$script"; \
	$(ONE_THREAD) $(BIN)/python $$script || failed="$$failed $$script"; done; \
	if [ -n "$$failed" ]; then echo "missed or broken:$$failed"; exit 1; fi

clean:
	rm -rf $(VENV) runs .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.core: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "== installing faultsyn into $(VENV)"
	$(PIP) --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/bin/python pyproject.toml constraints.txt
	@echo "== installing faultsyn and its tools into $(VENV)"
	$(PIP) --editable '.[dev,rocket,formats,privacy,scale,edge]'
	@# Without its dependencies, which pin numpy < 2; on Python 3.11 and later it compiles only so.
	$(PIP) --no-deps --config-settings=--build-option=build_ext learn2learn
	@touch $@ $(VENV)/.core
