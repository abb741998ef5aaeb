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

bench: build
	bench/$(BENCH)/run

format: deps
	scripts/format

tidy: deps
	scripts/tidy --all
