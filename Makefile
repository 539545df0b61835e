# `make run` on a fresh machine is all: it installs into .venv, compiles, builds the page, and starts the exchange.
# Options of `exchange up` go into UP, for example: make run UP="--http 9000 --profile bare"

PYTHON ?= $(firstword $(foreach name,python3 python3.14 python3.13 python3.12 python3.11,$(shell \
	$(name) -c 'import sys; sys.version_info >= (3, 11) and print("$(name)")' 2>/dev/null)) python3)
UP ?=
MINUTES ?= 10
LISTS ?= 2000000
ROUNDS ?= 5
KILLS ?= 50
SEEDS ?= 2000
REQUESTS ?= 500
WORKERS ?= 3
KEEP ?=

# Containers often set it, and then every process compiles all that it imports: most of the seconds that a start takes.
export PYTHONDONTWRITEBYTECODE =

.PHONY: help setup setup-dev run check checked test tested page deployments lint lint-beside linted collected docs microbench soak chaos fuzz containers wheel pythons audit lock clean

help:
	@echo "make setup   prepare .venv, the compiled kernels and the trading page (done again only when something changed)"
	@echo "make run     setup, then start everything until Ctrl-C; options: UP=\"--http 9000\""
	@echo "make check   lint, types, and the tests that start no exchange: the inner loop, three minutes on two cores"
	@echo "make test    setup with the development packages, lint, and all tests but those two below, WORKERS=$(WORKERS) at a time"
	@echo "make page    the trading page in a browser against a running exchange: sizes, themes, keyboard, accessibility"
	@echo "make deployments   backups restored, pods run as processes, Prometheus and its alerts (servers of Debian)"
	@echo "make lint    ruff, mypy, the direction of imports, links of the documents"
	@echo "make docs    write docs/configuration.md again, from the code and exchange.toml"
	@echo "make microbench   time kernel, codec, ring, readers, frames, replica and rows against the stored ratios"
	@echo "make soak    run the exchange under load for MINUTES=$(MINUTES), then verify every balance;"
	@echo "            then LISTS=$(LISTS) random command lists through the book and its slow twin, twice SEEDS=$(SEEDS) simulations,"
	@echo "            and REQUESTS=$(REQUESTS) made from the OpenAPI document to each route"
	@echo "make chaos   kill every process again and again under load, ROUNDS=$(ROUNDS), then account for everything;"
	@echo "            then, with replicated durability, hosts: the primary of the log and who is with it, KILLS=$(KILLS)"
	@echo "make fuzz    random bytes to all readers for MINUTES=$(MINUTES), going on where it stopped (build/fuzz)"
	@echo "make containers   build docker/ and run it in real containers (root, Debian); KEEP=--keep keeps the images"
	@echo "make wheel   build/wheel/exchange-….whl, with the page: pip install it anywhere, and \`exchange up\` runs everything"
	@echo "make pythons install that wheel with each Python that is found, compile, start, and trade"
	@echo "make audit   check the installed packages against the lock and against known vulnerabilities"
	@echo "make lock    resolve the locked requirements again"
	@echo "make clean   delete what setup made (not the data)"

setup:
	@$(PYTHON) .ci/setup.py

setup-dev:
	@$(PYTHON) .ci/setup.py --dev
	@.venv/bin/exchange replay --install || echo "  without the captured order flow: its test will be skipped"

run: setup
	@exec .venv/bin/exchange up $(UP)

lint: setup-dev
	@$(MAKE) --no-print-directory linted

linted:
	.venv/bin/ruff check
	.venv/bin/ruff format --check
	.venv/bin/mypy
	.venv/bin/lint-imports
	.venv/bin/python .ci/documents.py

docs: setup-dev
	.venv/bin/python .ci/configuration.py

# The types take one core for a minute. Tests wait often enough that both fit: lint gets what they leave.
test: setup-dev
	@$(MAKE) --no-print-directory -j 2 lint-beside tested

check: setup-dev
	@$(MAKE) --no-print-directory -j 2 lint-beside checked

lint-beside:
	@nice -n 19 $(MAKE) --no-print-directory linted

# What a test waits for costs no processor, so there is one worker more than two cores. See tests/scheduling.py.
tested: collected
	.venv/bin/pytest -n $(WORKERS) --no-loadscope-reorder --durations=20 -m "not page and not deployments"

# Beside those of its tests that are in make test, too. SCREENSHOTS=1 keeps what it looks like in tests/browser/screenshots.
page: setup-dev collected
	.venv/bin/pytest -n $(WORKERS) --no-loadscope-reorder --durations=10 -m page tests/browser

# Every file a piece of its own: each starts what it needs.
deployments: setup-dev collected
	.venv/bin/pytest -n $(WORKERS) --no-loadscope-reorder --durations=5 -m deployments tests/docker

checked: collected
	EXCHANGE_MODEL_LISTS=100 .venv/bin/pytest -q -n $(WORKERS) --no-loadscope-reorder --durations=20 -m "not processes"

# The tests are compiled once; else, the first time, each worker would compile them all.
collected:
	@find tests -name '*-pytest-*.pyc' | grep -q . || .venv/bin/pytest -qq --collect-only >/dev/null 2>&1 || true

microbench: setup-dev
	.venv/bin/python -m tests.benchmarks

soak: setup-dev
	.venv/bin/python -m tests.end_to_end.soak --minutes $(MINUTES)
	DEPTH_SINGLE_BLOCKS=5000 .venv/bin/pytest -q tests/end_to_end/live/test_depth.py
	TURNS=50 .venv/bin/pytest -q tests/end_to_end/shards/test_deaths.py
	.venv/bin/python -m tests.model.soak --lists $(LISTS)
	.venv/bin/python -m tests.simulation --runs $(SEEDS) --seed $$(date +%s)
	.venv/bin/python -m tests.simulation --runs $(SEEDS) --seed $$(date +%s) --harder
	.venv/bin/python -m tests.ingress.fuzz --examples $(REQUESTS)

fuzz: setup-dev
	nice -n 10 .venv/bin/python -m tests.fuzz --minutes $(MINUTES)
	nice -n 10 .venv/bin/python -m tests.fuzz --coverage

chaos: setup-dev
	.venv/bin/python -m tests.end_to_end.chaos --rounds $(ROUNDS)
	.venv/bin/python -m tests.end_to_end.chaos_hosts --kills $(KILLS)

containers: setup-dev
	.venv/bin/python -m tests.docker.containers $(KEEP)

wheel: setup
	@test -f frontend/dist/index.html || { echo "the page is not built (see above), and the wheel is to have it"; exit 1; }
	@rm -rf build/wheel
	@.venv/bin/python -m pip --disable-pip-version-check wheel --quiet --no-deps --wheel-dir build/wheel .
	@cp requirements.txt build/wheel/
	@ls build/wheel/*

pythons: wheel
	.venv/bin/python -m tests.repository.pythons build/wheel/*.whl

audit: setup-dev
	.venv/bin/python .ci/audit.py

lock:
	.venv/bin/uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --no-emit-index-url \
		--no-emit-find-links --no-annotate --quiet --upgrade --custom-compile-command "make lock" \
		-o requirements-dev.txt
	.venv/bin/uv pip compile pyproject.toml --universal --python-version 3.11 --no-emit-index-url --no-emit-find-links \
		--no-annotate --quiet --upgrade --custom-compile-command "make lock" -c requirements-dev.txt -o requirements.txt

clean:
	rm -rf .venv build frontend/dist frontend/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
