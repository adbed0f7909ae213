# Two commands matter: `make demo` and `make test`. Both set everything up by themselves.
SHELL := /bin/bash
PYTHON := .venv/bin/python
UV := .venv/bin/uv
READY := .venv/.ready
SHARED ?= $(or $(PARLURE_SHARED),../shared)

.DEFAULT_GOAL := help
.PHONY: help setup demo test lint format lock bench bench-gpu clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) ## Install uv and every dependency into .venv

$(READY): requirements.lock pyproject.toml
	@test -x $(PYTHON) || python3 -m venv .venv
	@test -x $(UV) || .venv/bin/pip install --quiet --disable-pip-version-check uv
	@echo "Installing dependencies into .venv (a few GB the first time)…"
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes --requirements requirements.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

demo: setup ## A synthetic class: recordings -> release -> model -> report, in demo/
	@mkdir -p demo/key
	@test -e demo/key/demo.key || $(PYTHON) -m collection.keys path=demo/key/demo.key
	$(PYTHON) -m collection.simulate out=demo/class
	$(PYTHON) -m collection.build source=folder intake=demo/class/intake out=demo/release key=demo/key/demo.key name=demo
	$(PYTHON) -m training.train experiment=demo data=demo/release out=demo/run
	$(PYTHON) -m eval.score model=demo/run/model data=demo/release out=demo/scores
	$(PYTHON) -m eval.report runs=[demo/scores] out=demo/report.html
	@echo "Done. Open demo/report.html; the dataset is demo/release, the model demo/run/model."

test: setup ## The whole test suite
	@$(PYTHON) -m pytest -n 2 --dist loadfile

lint: setup ## ruff, mypy and the one-way imports
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy
	@.venv/bin/lint-imports

format: setup ## Let ruff mend what it can
	@$(PYTHON) -m ruff check --fix .
	@$(PYTHON) -m ruff format .

lock: setup ## Compile requirements.lock from pyproject.toml
	@$(UV) pip compile --quiet --upgrade --python $(PYTHON) --extra dev --no-emit-index-url --generate-hashes \
		--output-file requirements.lock pyproject.toml

bench: setup ## Speed and memory on the CPU, as ratios against a baseline of the same run
	@$(PYTHON) -m eval.bench corpus=$(SHARED)/corpora/speechocean762

bench-gpu: setup ## Training speed and peak memory on a GPU, printed at the end of the run
	@mkdir -p bench/key
	@test -e bench/key/bench.key || $(PYTHON) -m collection.keys path=bench/key/bench.key
	$(PYTHON) -m collection.build source=speechocean762 corpus=$(SHARED)/corpora/speechocean762 out=bench/release \
		key=bench/key/bench.key name=speechocean762
	$(PYTHON) -m training.train experiment=speechocean762_gpu data=bench/release out=bench/gpu \
		model.name=$(SHARED)/models/whisper-base-encoder

clean: ## Remove what the demo and the benchmarks made
	rm -rf demo bench outputs multirun
