# What is done with this project. `make` alone lists it.

GO       ?= go
PYTHON   ?= python3
PORT     ?= 7777
FUZZTIME ?= 60s

# The checkers, each of one version, so that a new release breaks nothing by itself.
# Those written in Python are pinned in scripts/requirements.txt.
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS       = .cache/checkers/bin
RUFF        = $(TOOLS)/ruff --config python/pyproject.toml
MYPY        = $(TOOLS)/mypy --config-file python/pyproject.toml
PYTEST      = -m pytest -q -c python/pyproject.toml --rootdir python
SCRIPTS     = $(filter-out %.txt,$(wildcard scripts/*))
PYTHONS     = python examples $(SCRIPTS)

# What `make test` does, in its order; each is a target of its own.
STAGES = pythons build lint-go lint-c lint-python test-go test-border test-python conformance-fast fuzz

.DEFAULT_GOAL := help
.PHONY: help demo test fast build install wheel bench fuzz clean setup checkers pythons \
	lint lint-go lint-c lint-python test-go test-fast test-border test-python \
	conformance-fast

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build puff and serve the Flask and FastAPI examples; Ctrl-C ends both (PORT=7777)
	@$(PYTHON) scripts/setup demo
	@$(MAKE) --no-print-directory build
	@exec $(PYTHON) scripts/demo --port $(PORT)

test: ## Test everything; half an hour at most (FUZZTIME=60s)
	@$(PYTHON) scripts/setup test
	@exec $(PYTHON) scripts/stages $(STAGES)

fast: build ## The tests of daily use, under a minute
	@$(PYTHON) scripts/stages test-fast lint-go lint-c lint-python

build: ## Build bin/puff
	$(GO) build -o bin/puff ./cmd/puff

install: ## Install puff with Go
	$(GO) install ./cmd/puff

wheel: ## Build dist/puff_py-*.whl: the command and the package, for pip
	$(PYTHON) scripts/wheel

bench: build ## Measure puff beside its peers
	bench/run

fuzz: ## Run each fuzzer for a while (FUZZTIME=60s)
	$(PYTHON) scripts/fuzz --time $(FUZZTIME)

clean: ## Remove what was built; .venv, .venvs and .cache stay
	rm -rf bin dist

setup: ## Install what the tests need: Debian packages, checkers
	@$(PYTHON) scripts/setup test

checkers:
	@$(PYTHON) scripts/setup lint

pythons: ## Find or fetch every CPython to test with, in .venvs
	scripts/pythons

lint: lint-go lint-c lint-python ## Check formats, types and likely mistakes

lint-go: ## gofmt, go vet, staticcheck
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go' 2>/dev/null || find . -name '*.go' -not -path './.*')); \
	if [ -n "$$unformatted" ]; then echo "gofmt -w" $$unformatted; exit 1; fi
	$(GO) vet ./...
	$(STATICCHECK) ./...

lint-c: checkers ## The border's C: warnings are errors, one format
	gcc -std=gnu11 -Wall -Wextra -Werror -O2 -fsyntax-only internal/py/*.c
	$(TOOLS)/clang-format --dry-run -Werror internal/py/*.c internal/py/*.h

# The examples are each a program of its own, and the modules of two have the same name.
lint-python: checkers ## ruff, mypy --strict
	$(RUFF) check $(PYTHONS)
	$(RUFF) format --check $(PYTHONS)
	cd python && ../$(TOOLS)/mypy
	$(MYPY) $(SCRIPTS)
	for example in examples/*/*.py; do $(MYPY) $$example || exit; done
	cd bench && ../$(TOOLS)/ruff check && ../$(TOOLS)/ruff format --check && ../$(TOOLS)/mypy

# Nothing is taken from Go's cache of results: it does not see Python, nor what a test
# reads before it runs, such as which Python it is to be.
test-go: ## Go tests with the race detector
	$(GO) test -race -count=1 ./...

test-fast:
	$(GO) test -short -count=1 ./...

test-border: ## The border under every Python, then with its pointers and memory checked
	scripts/matrix $(GO) test -count=1 ./internal/py
	GOEXPERIMENT=cgocheck2 $(GO) test -count=1 ./internal/py
	ASAN_OPTIONS=detect_leaks=0 PYTHONMALLOC=malloc $(GO) test -asan -count=1 ./internal/py

# The tests of lanes are programs under Puff; the others start it.
test-python: build ## python/tests under every Python
	scripts/matrix bin/puff --python '{}' python $(PYTEST) python/tests/lanes
	scripts/matrix '{}' $(PYTEST) --ignore python/tests/lanes python/tests

conformance-fast: build ## The quick part of CPython's own tests, under python3 and puff python
	scripts/conformance --fast
