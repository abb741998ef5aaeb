# The front door. Every target installs what it needs first (scripts/deps: at once when nothing is missing).
BENCH ?= postgresql
ENGINE ?= sqlite
JOBS ?= $(shell nproc)

.PHONY: deps build demo test bench format tidy
build: deps
	cmake --preset release
	cmake --build --preset release -j$(JOBS)

deps:
	scripts/deps

demo: build
	scripts/demo-$(ENGINE)

test: deps
	scripts/test

# make bench BENCH=postgresql|sqlite|files|mysql [ARGUMENTS="--rounds 1 …"]: bench/NAME/run --help tells the arguments.
bench: build
	@test -x bench/$(BENCH)/run || { echo "BENCH is one of: $(patsubst bench/%/run,%,$(wildcard bench/*/run))" >&2; exit 2; }
	bench/$(BENCH)/run $(ARGUMENTS)

format: deps
	scripts/format

tidy: deps
	scripts/tidy --all
