# Thuong: `make help` lists the targets. Arguments of a command go in ARGS: make demo ARGS="--for 60s"

SHELL := /bin/bash
.SHELLFLAGS := -o pipefail -c
.DEFAULT_GOAL := help

PREFIX ?= /usr/local
ARGS ?=
TIME ?= 60
TARGETS ?= $(notdir $(wildcard Tests/Fuzzing/Corpus/*))

binaries := .build/release
swift_code := $(wildcard Package.swift Sources Tests Benchmarks)
scripts := $(wildcard packaging/*.sh Tests/*.sh Tests/Fuzzing/*.sh Tests/SimulationTests/*.sh) .ci/run
planted_bugs := $(wildcard Tests/SimulationTests/PlantedBugs/*.patch)

.PHONY: help
help: ## List these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

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

# What starts real processes, or gives a gateway seconds to answer, runs one after the other, and not beside what computes for minutes:
# each would starve the other.
# A run without a single test is a failure: a filter that matches nothing, or a test target that was not found.
.PHONY: test
test: ## Install what is missing, build, run every test; ARGS="--filter NAME" runs some
	@packaging/install-dependencies.sh --tests
	swift build -c release --build-tests
	@rm -f .build/test.log
ifeq ($(ARGS),)
	swift test -c release --disable-xctest --skip-build --no-parallel --filter 'EndToEndTests|ConsoleTests' 2>&1 | tee -a .build/test.log
	swift test -c release --disable-xctest --skip-build --skip 'EndToEndTests|ConsoleTests|SimulationTests' 2>&1 | tee -a .build/test.log
	swift test -c release --disable-xctest --skip-build --filter SimulationTests 2>&1 | tee -a .build/test.log
else
	swift test -c release --disable-xctest --skip-build $(ARGS) 2>&1 | tee -a .build/test.log
endif
	@grep -Eq 'Test run with [1-9][0-9]* tests?.* passed' .build/test.log || { echo "make test: no test ran" >&2; exit 1; }

# The long forms of the tests that bear a fault's number, then the simulation's seeds. The variables reach them through the environment.
.PHONY: soak
soak: export SEEDS ?= 100000
soak: ## The long forms of the fault tests and 100,000 seeds, hours; KILLS=1000 KILL_SEED=N SEEDS=N FIRST_SEED=N
	@packaging/install-dependencies.sh --tests
	swift build -c release --build-tests
	THUONG_SOAK=1 swift test -c release --disable-xctest --skip-build --no-parallel --filter '/`?F[0-9]+ ' $(ARGS) 2>&1 | tee .build/soak.log
	swift test -c release --disable-xctest --skip-build --filter SeedTests 2>&1 | tee -a .build/soak.log
	@grep -Eq 'Test run with [1-9][0-9]* tests?.* passed' .build/soak.log || { echo "make soak: no test ran" >&2; exit 1; }

.PHONY: fault-table
fault-table: ## The faults, their tests and the last results, into README.md
	@Tests/fault-table.sh --write

.PHONY: lint
lint: dependencies ## Check the format of the Swift code, the syntax of the scripts, and that no planted bug is in the sources
	swift format lint --strict -r $(swift_code)
	@for script in $(scripts); do bash -n "$$script" || exit 1; done
	@for bug in $(planted_bugs); do git apply --check "$$bug" || { echo "$$bug: it no longer fits, or the bug is in Sources" >&2; exit 1; }; done

# A build folder of its own: our targets are built with AddressSanitizer and libFuzzer's coverage there.
.PHONY: fuzz
fuzz: dependencies ## Fuzz what takes bytes from outside, TIME seconds each; TARGETS="payload rules" takes some
	THUONG_FUZZ=1 swift build -c release --scratch-path .build-fuzz --product thuong-fuzz
	@Tests/Fuzzing/fuzz.sh .build-fuzz $(TIME) $(TARGETS)

# What the shipped rules tell of the shipped city's first two hours: see what changed with git diff before it is committed.
.PHONY: golden
golden: build ## Renew Tests/Fixtures/golden, the events of the two towns' first two hours
	@trace=$$(mktemp --suffix=.ndjson) && trap 'rm -f $$trace' EXIT && \
	$(binaries)/thuong simulate Simulator/two-towns.yaml --seed 5 --for 2h --out $$trace && \
	THUONG_INSTANCE=golden $(binaries)/thuong replay $$trace --devices Devices --rules Rules --events Tests/Fixtures/golden/two-towns.ndjson

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
	rm -rf .build .build-fuzz
