# 'make help' lists what can be done here. Everything runs in .venv, which the first target to need it makes.

VENV := .venv
READY := $(VENV)/installed
PORT ?= 8080
SEEDS ?= 200

# What installs a package: root itself, or whoever may become it without a password.
SUDO = $(if $(filter-out 0,$(shell id -u)),sudo --non-interactive)

# The newest Python 3.11 to 3.13 that runs and can make environments; 'make setup PYTHON=…' names another.
FITS = import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))
PYTHON ?= $(firstword $(foreach each,python3.13 python3.12 python3.11 python3 python,\
	$(shell $(each) -c '$(FITS)' >/dev/null 2>&1 && echo $(each))))

include quiet.env
export $(shell sed -n 's/=.*//p' quiet.env)
export PYTHONPATH := $(CURDIR)/plugins:$(CURDIR)
export UV_HTTP_TIMEOUT ?= 180
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo up down airflow psql warehouse test quick-tests test-all test-lowest coverage test-browser chromium lint docs format \
	lock bench chaos clean

help: ## what can be done here
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1	\2/p' $(firstword $(MAKEFILE_LIST)) | expand -t 22

setup: $(READY) ## install everything into .venv

demo: $(READY) ## run eight nights on a real year of a grocer's sales, and print what came of them
	python -m demo.nights

up: $(READY) ## serve Airflow on the demo's data (PORT=8080)
	@python -m demo.up --port $(PORT) start

down: $(READY) ## stop what 'make up' started
	@python -m demo.up --port $(PORT) stop

airflow: $(READY) ## run an Airflow command there: make airflow DO="dags list"
	@python -m demo.up --port $(PORT) airflow $(DO)

psql: $(READY) ## look into the demo's warehouse
	@python -m demo.postgres psql --home build/demo/postgres

warehouse: $(READY) ## print the URL of the demo's warehouse, which it starts
	@python -m demo.postgres start --home build/demo/postgres

# A file's tests share what is dear to make, so a file goes to one process as a whole, in the order of tests/conftest.py.
PYTEST := pytest --numprocesses auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
QUICK := not night and not chaos and not browser and not parse

# What is checked without running it is checked beside the tests: they wait for one another now and then.
test: $(READY) ## check everything and run the tests, but for what takes long (minutes on two cores)
	@$(MAKE) --no-print-directory --jobs 2 --keep-going lint quick-tests

quick-tests: $(READY)
	$(PYTEST) -m "$(QUICK)"

test-all: lint chromium ## as 'make test', with more nights, more faults, more examples, and the browser
	$(PYTEST) --hypothesis-profile thorough

coverage: $(READY) ## run the tests of 'make test' and say which lines and branches none of them reaches
	coverage erase
	$(PYTEST) -m "$(QUICK)" --cov --cov-report= --cov-fail-under 0
	coverage html --quiet
	coverage report

test-browser: chromium ## look at the page as a person would, in Chromium, and keep pictures of it in docs
	PICTURES=docs pytest tests/browser

chromium: $(READY)
	@command -v chromium >/dev/null || { $(SUDO) apt-get update && $(SUDO) apt-get install --yes chromium; } || \
		{ echo "no Chromium found; install it, on Debian as root: apt-get install chromium"; exit 1; }

lint: $(READY) ## check style and types
	ruff check
	ruff format --check
	mypy
	sqlfmt --check --quiet dbt_project
	sqlfluff lint --processes 0 --nocolor --disable-progress-bar dbt_project/models dbt_project/tests
	yamllint --strict .
	check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml
	check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	check-jsonschema --builtin-schema vendor.github-issue-forms .github/ISSUE_TEMPLATE/[bf]*.yml
	check-jsonschema --builtin-schema vendor.github-issue-config .github/ISSUE_TEMPLATE/config.yml

docs: $(READY) ## write docs/dags.md, the catalogue of the DAGs, from their docstrings
	@mkdir -p build/docs
	@env -u LIFECYCLE_CONFIG -u LIFECYCLE_DBT_MANIFEST AIRFLOW_HOME=$(CURDIR)/build/docs AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR \
		python -m lifecycle_airflow.catalogue >build/docs/dags.md
	@mv build/docs/dags.md docs/dags.md

format: $(READY) ## lay out Python and SQL
	ruff check --fix
	ruff format
	sqlfmt dbt_project

test-lowest: $(READY) ## run the quick tests on the lowest versions that pyproject.toml allows, in build/lowest
	@mkdir -p build/lowest
	@$(PIP_SETTINGS) uv pip compile pyproject.toml --all-extras --group demo --group dev --resolution lowest-direct \
		--no-emit-index-url --quiet -o build/lowest/requirements.txt
	@test -d build/lowest/venv || python -m venv build/lowest/venv
	@$(PIP_SETTINGS) uv pip sync --quiet --python build/lowest/venv/bin/python build/lowest/requirements.txt
	PATH=$(CURDIR)/build/lowest/venv/bin:$$PATH $(PYTEST) -m "$(QUICK)"

lock: $(READY) ## pin what pyproject.toml asks for, with hashes, in requirements.lock
	@$(PIP_SETTINGS) uv pip compile pyproject.toml --all-extras --group demo --group dev --universal --generate-hashes --no-emit-index-url \
		--quiet -o requirements.lock

bench: $(READY) ## run a benchmark: make bench NAME=…
	@test -f "bench/$(NAME).py" || { echo "make bench NAME=… with one of: $(basename $(notdir $(wildcard bench/[a-z]*.py)))"; exit 1; }
	python -m bench.$(NAME)

chaos: $(READY) ## break the night in every way, SEEDS=200 times, and look what the provider holds in the end
	python -m demo.chaos --seeds $(SEEDS)

clean: ## delete .venv and everything that was built
	@test ! -d build/airflow || python -m demo.up stop
	@for home in build/*/postgres build/*/*/postgres; do test ! -d $$home || python -m demo.postgres remove --home $$home; done
	rm -rf $(VENV) build

# uv doesn't read pip's configuration: the package index and the certificate that pip uses are handed on.
# ('pip config get' looks into one of pip's files only, 'list' into all of them.)
pip_file = $(shell $(or $(wildcard $(VENV)/bin/pip),$(PYTHON) -m pip) config list 2>/dev/null | sort -r | sed -nE "s/^(install|global)\.$(1)='(.*)'$$/\2/p")
pip_setting = $(or $(PIP_$(1)),$(firstword $(call pip_file,$(2))))
PIP_SETTINGS = $(if $(UV_DEFAULT_INDEX),,$(addprefix UV_DEFAULT_INDEX=,$(call pip_setting,INDEX_URL,index-url))) \
	$(if $(SSL_CERT_FILE),,$(addprefix SSL_CERT_FILE=,$(call pip_setting,CERT,cert)))

$(READY): requirements.lock
	@$(or $(PYTHON),false) -c '$(FITS)' || { echo "$(or $(PYTHON),nothing found) is not a Python 3.11, 3.12 or 3.13 with 'ensurepip' and 'venv'."; \
		echo "Debian, Ubuntu: apt-get install python3 python3-venv; macOS: brew install python@3.13;"; \
		echo "or name one that you have: make setup PYTHON=…"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@echo "installing what requirements.lock names …"
	@{ $(VENV)/bin/pip install --quiet $$(grep -o '^uv==[0-9.]*' requirements.lock) && \
		$(PIP_SETTINGS) $(VENV)/bin/uv pip sync --python $(VENV)/bin/python --compile-bytecode requirements.lock; } || \
		{ echo "uv can't; pip takes longer …"; $(VENV)/bin/pip install --no-deps --require-hashes -r requirements.lock; }
	@touch $@
