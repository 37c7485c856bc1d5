# Everything is set up in .venv by the targets themselves, from Python 3.11 and make alone.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin

.PHONY: demo export-demo figures test setup lint clean

setup: $(VENV)/.ready

$(VENV)/.ready: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check 'torch==2.13.0'
	$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	touch $@

# The demo model that ships with sfx draws the three examples.
demo: setup
	for number in 1 2 3; do \
		$(BIN)/sfx run examples/sketch_$$number.png --appearance examples/appearance_$$number.png \
			--bundle sfx/demo --out demo --couple || exit 1; \
	done

# A small model with random weights, exported and run: the whole path in under a minute.
export-demo: setup
	$(BIN)/python -m sfx.export.seeded demo
	$(BIN)/sfx export demo/checkpoint.pt --out demo/engines --force
	$(BIN)/sfx run demo/sketch.png --appearance demo/reference.png --bundle demo/engines --out demo --couple

# The README's speed tables: what is measured on this machine, which should have nothing else to do. Reports of
# `sfx bench` go to docs/. BUNDLE=DIR measures the published size too, exported there from CHECKPOINT=FILE where it is
# not yet, and calibrated to INT8 beside it. BF16 needs a CPU that has it; BENCH='--iterations 20 --peers' and
# LOW=fp32 do without.
BENCH ?= --iterations 20 --peers --also-precision bf16
LOW ?= bf16
figures: setup
	$(BIN)/sfx bench --bundle sfx/demo $(BENCH) --folder 100 --json docs/figures.json
ifdef BUNDLE
	test -f $(BUNDLE)/manifest.json || $(BIN)/sfx export $(CHECKPOINT) --out $(BUNDLE)
	$(BIN)/sfx bench --bundle $(BUNDLE) $(BENCH) --json docs/figures_full.json
	$(BIN)/sfx calibrate $(BUNDLE) --out $(BUNDLE)-int8 --high $(LOW) --target-psnr 35 --pairs 2 --groups 8 --force
	$(BIN)/sfx bench --bundle $(BUNDLE)-int8 --precision $(LOW) --iterations 7 --peers --json docs/figures_int8.json
endif
	$(BIN)/python -m sfx.benchmarks.readme

lint: setup
	$(BIN)/ruff format --check sfx tests
	$(BIN)/ruff check sfx tests
	$(BIN)/mypy

# Two processes, because most of the time is torch tracing graphs on one core; more would each export the bundles that
# tests share. TensorRT-RTX compiles in a process of its own: in one with OpenVINO and torch it crashed once.
test: lint
	$(BIN)/python -m pytest --numprocesses auto --maxprocesses 2 --dist loadfile --ignore tests/engines/test_compiling.py
	$(BIN)/python -m pytest tests/engines/test_compiling.py

clean:
	rm -rf $(VENV) demo dist .mypy_cache .pytest_cache .ruff_cache
