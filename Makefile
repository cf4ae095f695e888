# make demo      set up, and watch tasks being played
# make test      set up, and pass the tests
# make check     lint, types, import contracts, tests, doc examples; CI runs .ci/run
# make test-hub1 the tests of the Hub with huggingface_hub 1, in a virtual environment of its own
# make test-verifiers  the tests of verifiers, in a virtual environment of its own
# make test-real the environments of others (docs/environments.md), in a virtual environment of its own
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip -qq --disable-pip-version-check
# Files in their order, not those with the most tests first: the few long tests would be alone at the end.
TESTS := $(BIN)/python -m pytest --dist loadfile --no-loadscope-reorder
# Half as many again as there are processors, since a third of a test's time is waiting. CI takes no more than there are.
WORKERS = $(shell $(BIN)/python -c 'import os; print((os.cpu_count() or 1) * 3 // 2)')
# Every test that talks to the Hub of the tests, but for those that need OpenEnv or TRL too.
HUB_TESTS = tests/support_tests $(filter-out tests/tasksets/test_auto_env.py tests/tasksets/test_export.py tests/tasksets/test_trl.py, \
	$(shell grep -rlE 'loopback_hub|words_hub|def .*\<hub\>' tests/loaders tests/tasksets --include='test_*.py'))

# Else each of the processes that tests start compiles what it imports anew.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test test-slow test-hub1 test-real test-verifiers check lint types format bench-server bench-hub bench-loader bench-sessions soak fuzz clean

demo: $(VENV)/.demo
	$(BIN)/python -m tasksets_examples.demo

test: $(VENV)/.dev
	$(TESTS) -n $(WORKERS) -m "not slow"

test-slow: $(VENV)/.dev
	$(TESTS) -n auto -m slow

test-hub1: $(VENV)-hub1/.made
	$(VENV)-hub1/bin/python -m pytest -n auto --dist loadfile --no-loadscope-reorder -m "not slow" $(HUB_TESTS)

test-verifiers: $(VENV)-verifiers/.made
	$(VENV)-verifiers/bin/python -m pytest -n0 tests/trainers

test-real: $(VENV)-real/.made
	$(VENV)-real/bin/python -m pytest tests/real_environments

check: lint types
	$(TESTS) -n auto -m "not slow" --cov --cov-report=term:skip-covered

lint: $(VENV)/.dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

# Type and import checkers do not see folders that an editable install maps, so they look at an installed copy.
types: $(VENV)/.dev
	rm -rf build/lint build/lib examples/build
	$(PIP) install --no-deps --target build/lint . ./examples
	cd build/lint && ../../$(BIN)/mypy --config-file ../../pyproject.toml -p openenv_tasksets -p tasksets_examples
	cd build/lint && ../../$(BIN)/lint-imports --config ../../pyproject.toml

format: $(VENV)/.dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

bench-server: $(VENV)/.dev
	$(BIN)/python benchmarks/server --json benchmarks/results/server.json

bench-hub: $(VENV)/.dev
	$(BIN)/python benchmarks/hub.py

$(VENV)-hub1/.made: pyproject.toml
	@$(PYTHON) -m venv $(VENV)-hub1
	@$(VENV)-hub1/bin/python -m pip -qq --disable-pip-version-check install -e '.[hub-tests]' -e './examples[reasoning]' 'huggingface_hub==1.33.*'
	@touch $@

$(VENV)-verifiers/.made: pyproject.toml
	@$(PYTHON) -m venv $(VENV)-verifiers
	@$(VENV)-verifiers/bin/python -m pip -qq --disable-pip-version-check install -e '.[verifiers-tests]'
	@touch $@

# Some need OpenEnv under its old name, which would overwrite it, or ask for a newer Python than their code does.
$(VENV)-real/.made: pyproject.toml examples/pyproject.toml $(wildcard tests/real_environments/*.txt)
	@$(PYTHON) -m venv $(VENV)-real
	@$(VENV)-real/bin/python -m pip -qq --disable-pip-version-check install -e '.[hub-tests,openenv]' \
		-e './examples[gymnasium,openspiel,reasoning,textarena]' -r tests/real_environments/requirements.txt
	@$(VENV)-real/bin/python -m pip -qq --disable-pip-version-check install --no-deps --ignore-requires-python \
		-r tests/real_environments/without-dependencies.txt
	@touch $@

bench-loader: $(VENV)/.dev
	$(BIN)/python benchmarks/loader
	$(BIN)/python benchmarks/loader --plot --rounds 1

soak: $(VENV)/.dev
	$(BIN)/python tests/soak/soak.py --minutes 30

# Ends with the number of cases of each test, a hundred thousand all together.
fuzz: $(VENV)/.dev
	$(TESTS) -n auto -m slow --hypothesis-profile=fuzz --hypothesis-show-statistics tests/server/test_fuzz_*.py

bench-sessions: $(VENV)/.dev
	$(BIN)/python benchmarks/sessions.py

$(VENV)/.made:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed, not " + sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install --upgrade pip
	@touch $@

$(VENV)/.demo: $(VENV)/.made pyproject.toml examples/pyproject.toml
	@echo "Installing into $(VENV): a minute or two, the first time."
	@$(PIP) install -e '.[demo]' -e examples
	@touch $@

$(VENV)/.dev: $(VENV)/.made pyproject.toml examples/pyproject.toml
	@echo "Installing into $(VENV), with what the tests need: a minute or two, the first time."
	@$(PIP) install -e '.[dev]' -e examples
	@touch $@ $(VENV)/.demo

clean:
	rm -rf $(VENV) $(VENV)-hub1 $(VENV)-real $(VENV)-verifiers build .demo .mypy_cache .pytest_cache .ruff_cache .hypothesis
