# Dreamlamp. `make help` lists the targets.
SHELL := /bin/bash
PY := .venv/bin/python
SEED ?= 1
MODE ?= observe
BITS ?= 64
KIT ?= heart
RECORDING ?=
DATA ?=
TRAIN ?= 1
CONSENT_0 := --no-consent
CONSENT_1 := --consent

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9_-]+:.*## / { printf "%-12s%s\n", $$1, $$2 }' Makefile

setup: .venv/ready ## everything the other targets need, into .venv/ and .cache/
.venv/ready: pyproject.toml tools/micropython.txt tools/references.txt tools/stubs.txt tools/setup.sh
	@bash tools/setup.sh

night: setup ## a whole night, end to end: SEED=1 LOOP=1 RECORDING=file MODE=observe|act CONSENT=0|1 BITS=64|32 KIT=heart|eeg RAW=night JSON=1
	@$(PY) -m dreamlamp.cli night --seed $(SEED) --mode $(MODE) --bits $(BITS) --kit $(KIT) \
	  $(if $(RECORDING),--recording "$(RECORDING)") $(if $(LOOP),--loop) $(if $(RAW),--raw $(RAW)) $(CONSENT_$(CONSENT)) $(if $(JSON),--json)

check: setup ## lint, types and house rules, in seconds
	@.venv/bin/ruff check .
	@.venv/bin/ruff format --check .
	@$(PY) tools/typecheck.py
	@$(PY) hardware/generate.py --check
	@$(PY) -m pytest tests/test_house.py

hardware: setup ## KiCad, ngspice and OpenSCAD judge the hardware; installs them on Debian 12 as root
	@bash hardware/tools.sh
	@$(PY) hardware/judge.py

test: setup check ## every test
	@$(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder # most of a whole night is waiting

bench: .venv/bench ## a table of the README: BENCH=name DATA=dir TRAIN=0|1
	@DATA="$(DATA)" TRAIN="$(TRAIN)" $(PY) -m tests.bench $(BENCH)

train: .venv/bench ## the committed stage models again, byte for byte, from DATA=dir
	@$(PY) -m dreamlamp.train $(or $(DATA),../shared/data)
	@$(PY) -m dreamlamp.traineeg $(or $(DATA),../shared/data)

.venv/bench: .venv/ready
	@echo "setup: the benches' peers and the trainer" >&2
	@$(PY) -m pip install -q --disable-pip-version-check -e '.[bench]'
	@touch .venv/bench

screenshots: setup ## the pictures of the README again, with Chromium
	@$(PY) tools/screenshots.py

dist: setup ## sdist and wheel in dist/: firmware and virtual lamp are in it
	@rm -rf dist && $(PY) -m build --outdir dist .

hil: setup ## the tests that a real lamp can take, on the lamp at PORT=/dev/ttyUSB0
	@test -n "$(PORT)" || { echo "make hil PORT=/dev/ttyUSB0: name the lamp's port" >&2; exit 2; }
	@DREAMLAMP_PORT="$(PORT)" $(PY) -m pytest --durations=3 tests/system/hil.py

clean: ## remove what was built; nights in build/ go too
	rm -rf build dist .pytest_cache .ruff_cache .mypy_cache

.PHONY: help setup night check hardware test screenshots bench train dist hil clean
