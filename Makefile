# A fresh machine needs git, make and python3 >= 3.11 with venv and pip. Everything else is set up here, in .venv and .venv-sam.
# A stamp file says that an environment is as the pinned requirements want it, so that a second run starts at once.

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
# Of the version that runs on Lambda: it compiles the layer, if it is there. A version manager's stand-in may be there and not work.
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
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --strip-extras --allow-unsafe --no-header

export SAM_CLI_TELEMETRY := 0
export AWS_DEFAULT_REGION ?= eu-west-1
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help
help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  \033[1m%-14s\033[0m %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: $(LOCAL) ## import accounts and watch their workflows run to the end, at an accelerated clock
	$(BIN)/python -m devstack.demo $(ARGS)

.PHONY: dev
dev: $(LOCAL) ## the local stack, until Ctrl-C
	$(BIN)/flamebot dev $(ARGS)

.PHONY: test
test: lint types arrows template unit e2e ## every check that CI runs

.PHONY: lint
lint: $(DEV) ## ruff, rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

.PHONY: format
format: $(DEV) ## let ruff mend what it can
	$(BIN)/ruff check --fix --exit-zero .
	$(BIN)/ruff format .

.PHONY: types
types: $(DEV) ## mypy --strict
	$(BIN)/mypy $(SOURCES) --exclude '^bench/peers/' # these have environments of their own

.PHONY: arrows
arrows: $(DEV) ## the direction of imports
	$(BIN)/lint-imports

.PHONY: template
template: $(SAM) ## lint template.yaml
	.venv-sam/bin/sam validate --lint

.PHONY: unit
unit: $(DEV) ## every test but the end-to-end ones
	$(BIN)/pytest -n 2 --ignore tests/e2e $(ARGS)

.PHONY: integration
integration: $(DEV) ## the tests against a real Postgres
	$(BIN)/pytest -n 2 tests/integration $(ARGS)

.PHONY: e2e
e2e: $(DEV) ## over HTTP against running local stacks
	$(BIN)/pytest -n 2 --dist loadfile tests/e2e $(ARGS)

.PHONY: bench
bench: $(BENCH) ## the benchmarks, into bench/results/; ONLY=figure for one, LONG=1 for the long ones
	RUNTIME_PYTHON="$(RUNTIME_PYTHON)" .venv-bench/bin/python -m bench $(if $(ONLY),--only $(ONLY)) $(if $(LONG),--long) $(ARGS)

.PHONY: bench-peers
bench-peers: $(BENCH) ## the peers beside our own steps per second, in one run; needs npm for two of them
	.venv-bench/bin/python -m bench --peers $(ARGS)

.PHONY: simulate
simulate: $(DEV) ## deterministic simulation under faults; SEEDS=n FIRST=k, or SEED=k to see one again
	PYTHONPATH=.:layers/engine/src SEEDS="$(SEEDS)" FIRST="$(FIRST)" SEED="$(SEED)" KEEP_GOING="$(KEEP_GOING)" $(BIN)/python -m verification.simulation

.PHONY: model
model: $(DEV) ## check the protocol's model with spin, if it is installed; ARGS=--quick, --bases, "--only WORD"
	$(BIN)/python -m verification.model.check $(ARGS)

.PHONY: chaos
chaos: $(DEV) ## kill, freeze and cut off real processes under work, then count; WORKFLOWS=12000 for the long run, SEED= for a plan again
	$(BIN)/python -m verification.chaos.main --workflows $(or $(WORKFLOWS),2000) $(if $(SEED),--seed $(SEED)) $(ARGS)

.PHONY: mutants
mutants: $(DEV) ## delete each guard of the protocol in turn: a test must fail; ONLY='begin_*' for some, ARGS=--list
	$(BIN)/python -m verification.mutants $(foreach pattern,$(ONLY),'$(pattern)') $(ARGS)

.PHONY: bench-import
bench-import: $(DEV) ## a CSV file of a million rows through the local stack: time and peak memory; ARGS='--rows 100000 --kill'
	PYTHONPATH=.:layers/engine/src $(BIN)/python -m bench.imports_by_file $(ARGS)

.PHONY: fuzz
fuzz: $(DEV) ## bad input by chance, at length; CASES=n per property and API operation, SEED=n to see the same again
	FUZZ_CASES=$(or $(CASES),1000) FUZZ_SEED=$(or $(SEED),$(shell date +%s)) $(BIN)/pytest -n 2 --dist loadfile verification/fuzz $(ARGS)

.PHONY: build
build: $(SAM) ## sam build without Docker, into .aws-sam/
	PYTHON="$(CURDIR)/.venv-sam/bin/python" RUNTIME_PYTHON="$(RUNTIME_PYTHON)" .venv-sam/bin/sam build

.PHONY: deploy
deploy: build ## sam deploy; STAGE=dev or prod
	.venv-sam/bin/sam deploy --config-env $(STAGE)

.PHONY: requirements
requirements: $(DEV) ## pin what requirements/*.in ask for; ARGS=--upgrade for newer versions
	$(COMPILE) $(ARGS) -o requirements/pip.txt requirements/pip.in
	$(COMPILE) $(ARGS) -o layers/engine/requirements.txt layers/engine/requirements.in
	$(COMPILE) $(ARGS) -o requirements/local.txt requirements/local.in
	$(COMPILE) $(ARGS) -o requirements/dev.txt requirements/dev.in
	$(COMPILE) $(ARGS) -o requirements/sam.txt requirements/sam.in
	$(COMPILE) $(ARGS) -o requirements/bench.txt requirements/bench.in
	$(COMPILE) $(ARGS) -o requirements/rie.txt requirements/rie.in
	for peer in absurd dbos pgqueuer procrastinate; do $(COMPILE) $(ARGS) -o requirements/peers/$$peer.txt requirements/peers/$$peer.in || exit 1; done

.PHONY: openapi
openapi: $(LOCAL) ## write docs/openapi.json from the routes
	$(BIN)/python -m flamebot.http.openapi docs/openapi.json

.PHONY: clean
clean: ## remove what was made here: environments, caches, builds, the local stack's data
	rm -rf .venv .venv-sam .venv-bench .bench .flamebot .aws-sam build .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find . -name '*.egg-info' -type d -prune -exec rm -rf {} +

# $(1): the environment's folder. Its pip is pinned like everything else.
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
