# The commands of the project. Each says what to install when something is missing.
#
#   make run      build, start the hub on http://127.0.0.1:8080 with ./data
#   make demo     the same on a fresh folder with a few weeks of simulated history
#   make test     all tests
#   make check    format, clippy, rustdoc, scripts' types, licenses of the dependencies
#   make bench    the figures
#   make faults   the long fault runs (make test has short ones)

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

LISTEN ?= 127.0.0.1:8080
DATA ?= data
DEMO_DATA ?= data/demo
CARGO ?= cargo

.PHONY: help run demo test check bench faults tools types

help:
	@sed -n 's/^#   //p' Makefile

# Every target needs these; what is missing is named all at once, with the way to get it.
tools:
	@missing=0; \
	need() { command -v "$$1" >/dev/null 2>&1 || { echo "missing: $$1 ($$2)"; missing=1; }; }; \
	need $(CARGO) "Rust 1.95 or newer: https://rustup.rs"; \
	need node "Node.js 20 or newer; Debian, Ubuntu: apt-get install nodejs"; \
	need npm "comes with Node.js; Debian, Ubuntu: apt-get install npm"; \
	need cc "a C compiler for the bundled SQLite; Debian, Ubuntu: apt-get install build-essential"; \
	if [ $$missing = 1 ]; then echo "Install what is missing and run make again."; exit 1; fi; \
	major=$$(node -p 'process.versions.node.split(".")[0]'); \
	if [ "$$major" -lt 20 ]; then echo "node is $$(node --version); Node.js 20 or newer is needed"; exit 1; fi

run: tools
	$(CARGO) build --release
	@echo "Skvoz: http://$(LISTEN)  (data in $(DATA), stop with Ctrl+C)"
	$(CARGO) run --release --quiet -- serve --data $(DATA) --listen $(LISTEN)

demo: tools
	$(CARGO) build --release
	$(CARGO) run --release --quiet -- demo --data $(DEMO_DATA) --listen $(LISTEN)

test: tools
	$(CARGO) test
	$(MAKE) --no-print-directory types
	@if [ -d tests/browser ]; then bash tests/browser/run; fi

# The build packs the scripts; here their types are checked too.
types: tools
	@cmp -s assets/package-lock.json assets/node_modules/.installed-lock.json \
	  || (cd assets && npm ci --no-audit --no-fund && cp package-lock.json node_modules/.installed-lock.json)
	cd assets && npm run --silent check

check: tools
	$(CARGO) fmt --check
	$(CARGO) clippy --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --document-private-items
	$(MAKE) --no-print-directory types
	@if command -v cargo-deny >/dev/null 2>&1; then \
	  cargo-deny --all-features check bans licenses sources; \
	else \
	  echo "skipped: licenses of the dependencies (cargo install cargo-deny --locked)"; \
	fi

bench: tools
	$(CARGO) bench

faults: tools
	SKVOZ_FAULT_CYCLES=$${SKVOZ_FAULT_CYCLES:-50} SKVOZ_FAULT_COPIES=$${SKVOZ_FAULT_COPIES:-100000} \
	SKVOZ_FAULT_CORPUS=$${SKVOZ_FAULT_CORPUS:-0} \
	  $(CARGO) test --release --test faults -- --nocapture --test-threads 1
