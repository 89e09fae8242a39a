# `make help` lists what there is. The work is done by cargo and by the scripts in scripts/.

# A port and a place for the data of `make dev`; two of them can run side by side.
PORT ?= 8787
STATE_DIR ?= .wrangler/state
STORE ?= r2
export PORT STATE_DIR STORE

.PHONY: help setup build dev test test-long test-frameworks bench conformance clean fmt fuzz

help: ## list these targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## bring the tools that are missing
	@node scripts/setup.mjs

build: ## the worker into build/worker, the command line to target/release/selvedge
	@node scripts/build.mjs

dev: ## a running CDN with a site in it (PORT, STATE_DIR, STORE=kv)
	@node scripts/dev.mjs

test: ## every test but the long ones
	@node scripts/test.mjs

test-long: ## the tests that take long: a site of 20,000 files, the Rust documentation
	@node scripts/test.mjs --long

test-frameworks: ## builds with Vite, Next, Hugo and others, published and crawled (ONLY=vite,next)
	@node scripts/test.mjs --frameworks --only=$(ONLY)

bench: ## what a request costs, here and elsewhere: tables, bench/results.json, a plot
	@node bench/run.mjs --save

conformance: ## the public HTTP cache tests (SUITE=folder, ARGS="--only=ID --verbose --bare")
	@node scripts/conformance.mjs $(ARGS)

# Cases of each property in `make fuzz`.
CASES ?= 1000000

fuzz: ## a million generated inputs for every parser (CASES)
	@PROPTEST_CASES=$(CASES) cargo test --release --test manifest_properties --test wire_properties --test rules_properties

fmt: ## format the code
	@cargo fmt

clean: ## remove what was built; tools and data stay
	@rm -rf target build/worker build/worker.new build/test
