# The two commands of the README, and their smaller parts. Each target does all its own set-up.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/ready
export SOURCE_DATE_EPOCH := 1767225600
export MPLBACKEND := Agg
# two processes of tests with two threads each would wait for one another
test coverage recheck: export OPENBLAS_NUM_THREADS := 1
# what one process has compiled, the other and all that they start need only read
test coverage recheck: export PYTHONDONTWRITEBYTECODE :=

.PHONY: report test coverage recheck docs demo bench formal statements mutants format clean
.DEFAULT_GOAL := report

report: $(READY)
	@$(BIN)/condeq report --out report

# the tests of a file stay together: what they share, such as the book's pages, is made once; the longest files are first
test: $(READY)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/pytest -n 2 --dist loadfile --no-loadscope-reorder -m "not coq" --durations=15

# the lines of tabular that its own tests run
coverage: $(READY)
	@$(BIN)/pytest -n 2 tabular tests/tabular --cov=tabular --cov-report=term --cov-fail-under=95

# Coq, where it is installed, goes through every proof again, and through the certificates that `condeq certify` writes
recheck: $(READY)
	@$(BIN)/pytest -n 2 -m coq tests/proofs_checks/test_formal.py tests/condeq/test_certificate.py --durations=5

docs: $(READY)
	@$(BIN)/python -m docs

demo: $(READY)
	@$(BIN)/condeq demo

bench: $(READY)
	@$(BIN)/pytest tests/benchmarks --override-ini addopts= --benchmark-only --benchmark-disable-gc -q -s

# needs Coq, which pip cannot install: coq libcoq-coquelicot libcoq-interval libcoq-mathcomp-ssreflect on Debian
formal: $(READY)
	@$(BIN)/python -m proofs_checks.formal

# the files that a new or reworded statement changes: THEOREMS.md, and its words pinned to its evidence
statements: $(READY)
	@$(BIN)/python -m proofs_checks --write THEOREMS.md
	@PYTHONPATH=. $(BIN)/python tests/words.py --write

# random mutants of the kernel and of the statements, and how many of them the checks notice (about ten minutes)
mutants: $(READY)
	@PYTHONPATH=. $(BIN)/python tests/mutants.py kernel --count 60 --least 95
	@PYTHONPATH=. $(BIN)/python tests/mutants.py statements --count 60 --least 80

format: $(READY)
	@$(BIN)/ruff check --fix . ; $(BIN)/ruff format .

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed; name one with make PYTHON=..."; exit 1; }
	@echo "setting up $(VENV) (a minute or two, once) ..."
	@$(PYTHON) -m venv --clear $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[all,cluster,demo,docs,test,testing]'
	@touch $@

clean:
	rm -rf $(VENV) report build .pytest_cache .ruff_cache .hypothesis .benchmarks
