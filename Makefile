# What is done with this project. `make` alone lists it.

GO       ?= go
PYTHON   ?= python3
PORT     ?= 7777
FUZZTIME ?= 4m

# The checkers, each of one version, so that a new release breaks nothing by itself.
# Those written in Python are pinned in scripts/requirements.txt.
STATICCHECK = $(GO) run honnef.co/go/tools/cmd/staticcheck@v0.8.2
TOOLS       = .cache/checkers/bin
RUFF        = $(TOOLS)/ruff --config python/pyproject.toml
MYPY        = $(TOOLS)/mypy --config-file python/pyproject.toml
PYTEST      = -m pytest -q -c python/pyproject.toml --rootdir python
GOFILES     = $(shell find . -path './.*' -prune -o -name '*.go' -print)
SCRIPTS     = $(filter-out %.txt %__pycache__,$(wildcard scripts/*))
PYTHONS     = python examples $(SCRIPTS)

# What `make test` does, in its order; each is a target of its own.
STAGES = pythons build lint-go lint-c lint-python test-go test-border test-python test-server \
	conformance-fast conformance-h2 conformance-ws conformance-psycopg2 conformance-sqlalchemy \
	conformance-django fuzz

.DEFAULT_GOAL := help
.PHONY: help demo test fast build install wheel bench fuzz clean setup checkers pythons \
	lint lint-go lint-c lint-python test-go test-fast test-border test-python test-server \
	conformance-fast conformance-h2 conformance-ws conformance-ws-full \
	conformance-psycopg2 conformance-sqlalchemy conformance-django

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "%-22s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: ## Build puff and serve the Flask, FastAPI and chat examples; Ctrl-C ends them (PORT=7777)
	@$(PYTHON) scripts/setup demo
	@$(MAKE) --no-print-directory build
	@exec $(PYTHON) scripts/demo --port $(PORT)

test: ## Test everything; half an hour or so (FUZZTIME=4m)
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

fuzz: ## Run every fuzzer, each for its share of FUZZTIME=4m
	$(PYTHON) scripts/fuzz --together $(FUZZTIME)

clean: ## Remove what was built; .venv, .venvs and .cache stay
	rm -rf bin dist

setup: ## Install what the tests need: Debian packages, checkers
	@$(PYTHON) scripts/setup test

checkers:
	@$(PYTHON) scripts/setup lint

pythons: ## Find or fetch every CPython to test with, in .venvs
	scripts/pythons

lint: lint-go lint-c lint-python ## Check formats, types and likely mistakes

# Each of these goes on after a failure: one run shows all there is to mend.
CHECK = status=0; check() { echo "$$*"; "$$@" || status=1; }

lint-go: ## gofmt, go vet, staticcheck
	@$(CHECK); check test -z "$$(gofmt -l $(GOFILES))"; \
	check $(GO) vet ./...; \
	check $(STATICCHECK) ./...; \
	exit $$status

lint-c: checkers ## The border's C: warnings are errors, one format
	@$(CHECK); \
	check gcc -std=gnu11 -Wall -Wextra -Werror -O2 -fsyntax-only internal/py/*.c; \
	check $(TOOLS)/clang-format --dry-run -Werror internal/py/*.c internal/py/*.h; \
	exit $$status

# The examples are each a program of its own, and the modules of two have the same name.
lint-python: checkers ## ruff, mypy --strict
	@$(CHECK); \
	check $(RUFF) check $(PYTHONS); \
	check $(RUFF) format --check $(PYTHONS); \
	cd python; check ../$(TOOLS)/mypy; cd ..; \
	check $(MYPY) $(SCRIPTS); \
	for example in examples/*/; do check env MYPYPATH=$$example $(MYPY) $$example*.py; done; \
	cd bench; \
	check ../$(TOOLS)/ruff check; \
	check ../$(TOOLS)/ruff format --check; \
	check ../$(TOOLS)/mypy; \
	exit $$status

# Nothing is taken from Go's cache of results: it does not see Python, nor what a test
# reads before it runs, such as which Python it is to be.
test-go: ## Go tests with the race detector
	$(GO) test -race -count=1 -timeout 5m ./...

test-fast:
	$(GO) test -short -count=1 ./...

# CPython frees little at its end. Greenlet copies stacks as they lie, and throws: C++ has to be
# there when the sanitizer starts. Tests measure memory, so little of what was freed is kept.
ASAN    = PYTHONMALLOC=malloc ASAN_OPTIONS=$(subst $() ,:,$(strip detect_leaks=0 replace_intrin=0 \
	quarantine_size_mb=4 thread_local_quarantine_size_kb=64))
PRELOAD = $(shell gcc -print-file-name=libasan.so):$(shell gcc -print-file-name=libstdc++.so.6)

test-border: ## The border under every Python, then with its pointers and memory checked
	scripts/matrix $(GO) test -count=1 ./internal/py
	GOEXPERIMENT=cgocheck2 $(GO) test -count=1 ./internal/py
	$(ASAN) $(GO) test -asan -count=1 -exec 'env LD_PRELOAD=$(PRELOAD)' ./internal/py

# What depends on which Python it is runs under every one. The rest is long and tests what is
# written in Go: the oldest Python and the newest have to do (ON=all: every one). Both mostly wait
# for processes, so two of the Pythons run them at a time.
ON   ?= ends
EACH  = python/tests/python $(patsubst %,python/tests/server/test_%.py,asgi asgi_send frameworks \
	lifespan process websocket wsgi wsgi_answers wsgi_files wsgi_input)

# The tests of lanes are programs under Puff; the others start it.
test-python: build ## Tests of what depends on Python: python and puff under every one
	@$(CHECK); \
	check scripts/matrix bin/puff --python '{}' python $(PYTEST) python/tests/lanes; \
	check scripts/matrix --jobs 2 '{}' $(PYTEST) $(EACH); \
	exit $$status

test-server: build ## Tests of the server and the services, under the oldest and the newest Python (ON=all)
	scripts/matrix --on $(ON) --jobs 2 '{}' $(PYTEST) --ignore python/tests/lanes \
		$(EACH:%=--ignore %) python/tests

conformance-h2: build ## h2spec, in clear text and TLS
	scripts/h2spec

conformance-fast: build ## The quick part of CPython's own tests, under python3 and puff python
	scripts/conformance --fast

# What of this is slow runs apart: what a server promises of WebSockets is in the other tests too.
conformance-ws: build ## The Autobahn test suite of WebSockets, if there is a Python 2.7: its quick part
	scripts/autobahn --fast --if-there

conformance-ws-full: build ## All of the Autobahn test suite, ten minutes
	scripts/autobahn

conformance-psycopg2: build ## psycopg2's own tests, with it and with Puff's driver
	scripts/driver-tests psycopg2

conformance-sqlalchemy: build ## SQLAlchemy's tests of a dialect, with psycopg2 and with Puff's driver
	scripts/driver-tests sqlalchemy

conformance-django: build ## Django's tests of the database, with psycopg2 and with Puff's driver
	scripts/driver-tests django
