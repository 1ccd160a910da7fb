# Thuong: `make help` lists the targets. Arguments of a command go in ARGS: make demo ARGS="--for 60s"

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
ARGS ?=

binaries := .build/release
swift_code := $(wildcard Package.swift Sources Tests Benchmarks)
scripts := $(wildcard packaging/*.sh) .ci/run

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: dependencies
dependencies:
	@packaging/install-dependencies.sh

.PHONY: build
build: dependencies ## Install what is missing, then build the release binary
	swift build -c release --product thuong

# exec: the demo itself gets the signals, so that Ctrl-C ends it and what it started, and nothing else.
.PHONY: demo
demo: build ## A whole small city in front of you; ARGS="--for 60s" ends by itself
	@exec $(binaries)/thuong demo $(ARGS)

# A run without a single test is a failure: a filter that matches nothing, or a test target that was not found.
.PHONY: test
test: ## Install what is missing, build, run every test; ARGS="--filter NAME" runs some
	@packaging/install-dependencies.sh --tests
	swift build -c release --build-tests
	swift test -c release --disable-xctest --skip-build $(ARGS) 2>&1 | tee .build/test.log
	@grep -Eq 'Test run with [1-9][0-9]* tests?.* passed' .build/test.log || { echo "make test: no test ran" >&2; exit 1; }

.PHONY: lint
lint: dependencies ## Check the format of the Swift code and the syntax of the scripts
	swift format lint --strict -r $(swift_code)
	@for script in $(scripts); do bash -n "$$script" || exit 1; done

.PHONY: bench
bench: build ## Build and run the benchmarks
	swift build -c release --product thuong-bench
	@exec $(binaries)/thuong-bench $(ARGS)

# The binary uses the Swift runtime libraries of the toolchain that built it.
.PHONY: install
install: build ## Install to $(DESTDIR)$(PREFIX): the binary, Devices, Rules, Simulator
	install -D -m 755 $(binaries)/thuong $(DESTDIR)$(PREFIX)/bin/thuong
	mkdir -p $(DESTDIR)$(PREFIX)/share/thuong
	cp -R $(wildcard Devices Rules Simulator) $(DESTDIR)$(PREFIX)/share/thuong/

.PHONY: clean
clean: ## Remove everything that was built
	rm -rf .build
