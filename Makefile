# Everything runs in .venv, which is made on first use: a machine needs Python 3.11 or newer, git and make.
#
#   make demo      a server and a client process, and what happens between them
#   make test      the tests
#   make check     format, lint, types, import contracts, and whether what is generated is up to date
#   make stubs     generates that from the .thrift files
#   make coverage  the tests again, with the thresholds
#   make bench     callosum beside its peers; BENCH="--quick", or its other options
#   make fuzz      hostile bytes for the decoders; FUZZ="--seconds 600 --target thrift" for its options
#   make soak      the long runs under faults
#   make clean     everything that was made here

PYTHON ?= python3
PYTEST_ARGS ?=
# a process for each core, up to four; each test module in one of them
PARALLEL ?= -n auto --maxprocesses=4 --dist loadfile
BENCH ?=
STUBS ?=
FUZZ ?=
VENV := .venv
BIN := $(VENV)/bin

.DELETE_ON_ERROR:
.PHONY: demo test check stubs format coverage covered bench fuzz soak wheel clean

demo: $(VENV)/.run
	$(BIN)/python examples/thrift_echo/demo.py

test: $(VENV)/.test
	$(BIN)/python -m pytest -m "not soak" $(PARALLEL) $(PYTEST_ARGS)

check: $(VENV)/.check
	$(BIN)/ruff format --check
	$(BIN)/ruff check
	$(BIN)/mypy
	for one in json_orders generated; do (cd examples/$$one && $(abspath $(BIN))/mypy --strict --config-file= .) || exit; done
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/pyright --pythonpath $(BIN)/python --project examples/generated
	$(BIN)/python -m pytest -q tests/typing
	$(BIN)/lint-imports --no-logo
	$(MAKE) --no-print-directory stubs STUBS=--check

# The modules of the framework's own services, and of the example: made of their .thrift files, and committed.
stubs: $(VENV)/.run
	$(BIN)/callosum-gen stubs idl/callosum --out . $(STUBS)
	$(BIN)/callosum-gen stubs examples/generated/echo.thrift --out examples/generated/echo_idl $(STUBS)

format: $(VENV)/.check
	$(BIN)/ruff check --fix
	$(BIN)/ruff format

# 100 % of the protocol's branches, at least 95 % of all the rest.
coverage: $(VENV)/.test
	$(MAKE) --no-print-directory covered

# The same with what $(BIN) has installed: .ci/run has the wheel there. Two halves at once, as there are two cores.
HALF := tests/builtin tests/codegen tests/upper
covered:
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -m "not soak" -q $(PYTEST_ARGS) $(HALF) & half=$$!; \
		$(BIN)/coverage run -m pytest -m "not soak" -q $(PYTEST_ARGS) $(addprefix --ignore=,$(HALF)); other=$$?; \
		wait $$half && exit $$other
	$(BIN)/coverage combine -q
	$(BIN)/coverage report --include='*/callosum/protocol/*' --fail-under=100
	$(BIN)/coverage report --omit='*/callosum/protocol/*' --fail-under=95

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks $(BENCH)
	$(BIN)/python -m benchmarks --blocking
	$(BIN)/python -m benchmarks.codecs --json benchmarks/results/codecs.json

fuzz: $(VENV)/.test
	$(BIN)/python -m fuzz $(FUZZ)

soak: $(VENV)/.test
	$(BIN)/python -m pytest -m soak -s --timeout=0 tests/soak $(PYTEST_ARGS)

wheel: $(VENV)/.run
	$(BIN)/python -m pip wheel -q --no-deps --wheel-dir dist .

clean:
	rm -rf $(VENV) build dist htmlcov .coverage .coverage.* .hypothesis .mypy_cache .pytest_cache .ruff_cache \
		.import_linter_cache benchmarks/results
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# One stamp for each set of dependencies: it is newer than pyproject.toml where that set is installed.
$(VENV)/.run: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(0 if sys.version_info >= (3, 11) else \
		"callosum needs Python 3.11 or newer; this is %s. Say which one: make PYTHON=/path/to/python3.11" % sys.version.split()[0])'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install -q --upgrade "pip>=25.1"
	$(BIN)/python -m pip install -q -e .
	touch $@

$(VENV)/.%: $(VENV)/.run
	$(BIN)/python -m pip install -q --group $*
	touch $@
