# make demo: the word count on all cores; make demo-kill: the same with a worker killed.  make test: the whole suite.  Needs Python 3.11 or newer, nothing else.
VENV := .venv
BIN := $(VENV)/bin

# $(PYTHON), else the first that runs (a version manager's shim may exist and fail) and is new enough
FIND := for p in $(PYTHON) python3.14 python3.13 python3.12 python3.11 python3; do \
  if $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; then echo $$p; break; fi; done

.PHONY: demo demo-kill test check docs coverage bench nightly clean

demo: $(BIN)/.run
	$(BIN)/csp run examples/wordcount_pool.py

demo-kill: $(BIN)/.run
	$(BIN)/csp run examples/wordcount_pool.py --arg kill=true

test: $(BIN)/.test
	$(BIN)/python -m pytest

check: $(BIN)/.check
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/python -m pytest -q tests/typing
	$(BIN)/python tests/typing/verify.py

docs: $(BIN)/.docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

coverage: $(BIN)/.test
	$(BIN)/python -m pytest -q --cov=csp --cov-branch --cov-report=term-missing --cov-fail-under=95

bench: $(BIN)/.bench
	$(BIN)/python -m benchmarks

nightly: check coverage
	NIGHTLY=1 $(BIN)/python -m pytest -q tests/netchannels tests/machines/test_network.py
	.ci/matrix

$(BIN)/python:
	@py=`$(FIND)`; \
	if [ -z "$$py" ]; then echo "Python 3.11 or newer is needed: install it, or say make PYTHON=/path/to/python3"; exit 1; fi; \
	if ! $$py -c 'import ensurepip' >/dev/null 2>&1; then \
	  echo "$$py has no ensurepip: install it (Debian, Ubuntu: apt install python3-venv)"; exit 1; fi; \
	echo "using $$py"; $$py -m venv $(VENV)

$(BIN)/.run: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

$(BIN)/.%: $(BIN)/python pyproject.toml
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[$(if $(filter check,$*),test$(comma)typing$(comma)dev,$*)]'
	@touch $@

comma := ,

clean:
	rm -rf $(VENV) build dist site .pytest_cache .mypy_cache .ruff_cache .coverage
