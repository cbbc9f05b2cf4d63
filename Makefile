# A new machine needs git, make and python3 >= 3.11 with venv and pip. The targets install
# everything else into .venv, .venv-sam and .venv-bench. Each environment has a stamp file that is
# newer than the pinned requirements while the environment is up to date, so that a second run
# starts at once.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
# Python 3.13, the version that Lambda runs. If it is installed, it compiles the layer. The
# candidate is run once, because a version manager may install a stand-in that fails.
RUNTIME_PYTHON ?= $(firstword $(foreach python,python3.13 $(wildcard $(HOME)/.pyenv/versions/3.13.*/bin/python3.13),$(if \
	$(shell $(python) -c 'print(1)' 2>/dev/null),$(python))))
STAGE ?= dev
ARGS ?=

LOCAL := .venv/.local
DEV := .venv/.dev
SAM := .venv-sam/.sam
BENCH := .venv-bench/.bench
BIN := .venv/bin
SOURCES := layers/engine/src functions devstack cli tests verification bench
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links \
	--no-emit-trusted-host --strip-extras --allow-unsafe --no-header

export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(LOCAL) ## import accounts and run their workflows to the end on an accelerated clock
	$(BIN)/python -m devstack.demo $(ARGS)

.PHONY: dev
dev: $(LOCAL) ## run the local stack until Ctrl-C; it reloads changed engine and handler code
	$(BIN)/flamebot dev $(ARGS)

.PHONY: check
check: lint types contracts unit ## the inner loop: lint, types, import contracts, unit tests; under a minute

.PHONY: test
test: lint types contracts template suite e2e ## every check that CI runs

.PHONY: lint
lint: $(DEV) ## check rules and format with ruff
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: $(DEV) ## fix what ruff can fix
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: types
types: $(DEV) ## check types with mypy --strict
	$(BIN)/mypy $(SOURCES) --exclude '^bench/peers/' # these have environments of their own

.PHONY: contracts
contracts: $(DEV) ## check which package may import which
	$(BIN)/lint-imports

.PHONY: template
template: $(SAM) ## lint template.yaml
	.venv-sam/bin/sam validate --lint

.PHONY: unit
unit: $(DEV) ## run the unit tests; ARGS="-k backoff" for some of them
	$(BIN)/pytest -n 2 tests/unit $(ARGS)

.PHONY: integration
integration: $(DEV) ## run the tests against a real Postgres; ARGS="-k begin_tasks" for some of them
	$(BIN)/pytest -n 2 tests/integration $(ARGS)

.PHONY: suite
suite: $(DEV) ## run every test except the end-to-end ones, those of verification/ included
	$(BIN)/pytest -n 2 --dist worksteal --ignore tests/e2e $(ARGS)

.PHONY: e2e
e2e: $(DEV) ## run the end-to-end tests: over HTTP against running local stacks
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e $(ARGS)

.PHONY: simulate
simulate: $(DEV) ## run the simulation under injected faults; SEEDS=n FIRST=k, or SEED=k to replay one seed
	PYTHONPATH=.:layers/engine/src SEEDS="$(SEEDS)" FIRST="$(FIRST)" SEED="$(SEED)" KEEP_GOING="$(KEEP_GOING)" \
		$(BIN)/python -m verification.simulation

.PHONY: mutants
mutants: $(DEV) ## delete each guard in turn and expect a test to fail; ONLY='begin_*' for some, ARGS=--list
	$(BIN)/python -m verification.mutants $(foreach pattern,$(ONLY),'$(pattern)') $(ARGS)

.PHONY: model
model: $(DEV) ## check the protocol's model with spin, if installed; ARGS=--quick, --bases, "--only WORD"
	$(BIN)/python -m verification.model.check $(ARGS)

.PHONY: chaos
chaos: $(DEV) ## kill and freeze real processes under load, then verify the results; WORKFLOWS=n SEED=k
	$(BIN)/python -m verification.chaos.main --workflows $(or $(WORKFLOWS),2000) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: outage
outage: $(DEV) ## take the actions service down for hours and measure the recovery; WORKFLOWS=n
	PYTHONPATH=.:layers/engine/src $(BIN)/python -m verification.outage \
		--workflows $(or $(WORKFLOWS),1000) $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## send generated bad input to every operation; CASES=n per property, SEED=k to replay
	FUZZ_CASES=$(or $(CASES),1000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) \
		$(BIN)/pytest -n 2 --dist loadfile verification/fuzz $(ARGS)

.PHONY: bench
bench: $(BENCH) ## run the benchmarks into bench/results/; ONLY=figure for one, LONG=1 for the long ones
	RUNTIME_PYTHON="$(RUNTIME_PYTHON)" .venv-bench/bin/python -m bench \
		$(if $(ONLY),--only $(ONLY)) $(if $(LONG),--long) $(ARGS)

.PHONY: bench-peers
bench-peers: $(BENCH) ## compare steps per second with other engines in one run; two of them need npm
	.venv-bench/bin/python -m bench --peers $(ARGS)

.PHONY: bench-import
bench-import: $(DEV) ## import a CSV file of a million rows: time and peak memory; ARGS='--rows 100000 --kill'
	PYTHONPATH=.:layers/engine/src $(BIN)/python -m bench.imports_by_file $(ARGS)

.PHONY: build
build: $(SAM) ## run sam build without Docker, into .aws-sam/
	PYTHON="$(CURDIR)/.venv-sam/bin/python" RUNTIME_PYTHON="$(RUNTIME_PYTHON)" .venv-sam/bin/sam build

.PHONY: deploy
deploy: build ## build and deploy to AWS; STAGE=dev or prod
	.venv-sam/bin/sam deploy --config-env $(STAGE)

.PHONY: requirements
requirements: $(DEV) ## pin the packages named in the .in files; ARGS=--upgrade for newer versions
	$(COMPILE) $(ARGS) -o requirements/pip.txt requirements/pip.in
	$(COMPILE) $(ARGS) -o layers/engine/requirements.txt layers/engine/requirements.in
	$(COMPILE) $(ARGS) -o requirements/local.txt requirements/local.in
	$(COMPILE) $(ARGS) -o requirements/dev.txt requirements/dev.in
	$(COMPILE) $(ARGS) -o requirements/sam.txt requirements/sam.in
	$(COMPILE) $(ARGS) -o requirements/bench.txt requirements/bench.in
	$(COMPILE) $(ARGS) -o requirements/rie.txt requirements/rie.in
	for peer in absurd dbos pgqueuer procrastinate; do \
		$(COMPILE) $(ARGS) -o requirements/peers/$$peer.txt requirements/peers/$$peer.in || exit 1; done

.PHONY: schema
schema: $(DEV) ## write sql/schema.sql, the schema on one page
	$(BIN)/python -m devstack.schema

.PHONY: openapi
openapi: $(LOCAL) ## write docs/openapi.json from the routes
	$(BIN)/python -m flamebot.http.openapi docs/openapi.json

.PHONY: clean
clean: ## remove environments, caches, builds and the local stack's data
	rm -rf .venv .venv-sam .venv-bench .bench .flamebot .aws-sam build
	rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

# $(1) is the environment's folder. Its pip is pinned too.
define environment
	@"$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11) and "python3 >= 3.11 is needed: make PYTHON=/path/to/python3.11")'
	test -x $(1)/bin/python || "$(PYTHON)" -m venv $(1)
	$(1)/bin/python -m pip install -qq --require-hashes --requirement requirements/pip.txt
endef

$(LOCAL): requirements/pip.txt requirements/local.txt pyproject.toml layers/engine/pyproject.toml
	$(call environment,.venv)
	$(BIN)/python -m pip install -qq --require-hashes --requirement requirements/local.txt
	$(BIN)/python -m pip install -qq --no-build-isolation --no-deps --editable layers/engine --editable .
	@touch $@

$(DEV): $(LOCAL) requirements/dev.txt
	$(BIN)/python -m pip install -qq --require-hashes --requirement requirements/dev.txt
	@touch $@

$(SAM): requirements/pip.txt requirements/sam.txt
	$(call environment,.venv-sam)
	.venv-sam/bin/python -m pip install -qq --require-hashes --requirement requirements/sam.txt
	@touch $@

$(BENCH): requirements/pip.txt requirements/bench.txt pyproject.toml layers/engine/pyproject.toml
	$(call environment,.venv-bench)
	.venv-bench/bin/python -m pip install -qq --require-hashes --requirement requirements/bench.txt
	.venv-bench/bin/python -m pip install -qq --no-build-isolation --no-deps --editable layers/engine --editable .
	@touch $@
