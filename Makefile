# `make help` lists the targets. Cargo and the scripts in scripts/ do the work.

# Settings of `make dev`. Servers with different ports and folders can run side by side.
PORT ?= 8787
STATE_DIR ?= .wrangler/state
STORE ?= r2
export PORT STATE_DIR STORE

.PHONY: help setup build dev test test-long test-frameworks test-loaders bench bench-media conformance clean fmt fuzz

help: ## list the targets
	@awk -F':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install missing tools
	@node scripts/setup.mjs

build: ## build the workers (build/worker, build/media) and the command line (target/release/selvedge)
	@node scripts/build.mjs

dev: ## run a CDN with a site on this machine (PORT, STATE_DIR, STORE=kv)
	@node scripts/dev.mjs

test: ## run every test but the long ones
	@node scripts/test.mjs

test-long: ## run the long tests: a site of 20,000 files, the Rust documentation
	@node scripts/test.mjs --long

test-frameworks: ## build, publish and crawl projects of Vite, Next, Hugo etc. (ONLY=vite,next)
	@node scripts/test.mjs --frameworks --only=$(ONLY)

test-loaders: setup ## have next/image, unpic, Astro and Nuxt make URLs of images, and request them
	@npm ci --prefix tests/media-loaders --ignore-scripts --no-audit --no-fund --loglevel=error
	@node scripts/test.mjs --loaders

bench: ## measure the cost of a request; writes bench/results.json and a plot
	@node bench/run.mjs --save

bench-media: setup ## compare the media worker with sharp; writes bench/media/results.json
	@npm ci --prefix bench/media --no-audit --no-fund --loglevel=error
	@node_modules/node/bin/node bench/media/run.mjs --save

conformance: ## run the public HTTP cache tests (SUITE=folder, ARGS="--only=ID --verbose --bare")
	@node scripts/conformance.mjs $(ARGS)

# Cases per property, and mutated images, in `make fuzz`.
CASES ?= 1000000
MUTATIONS ?= 1000000

fuzz: ## test every parser with a million generated inputs (CASES, MUTATIONS)
	@PROPTEST_CASES=$(CASES) cargo test --release --test manifest_properties --test wire_properties --test rules_properties
	@MUTATIONS=$(MUTATIONS) cargo test -p selvedge-media --test costs mutated -- --nocapture

fmt: ## format the code
	@cargo fmt

clean: ## remove build output; keeps tools and data
	@rm -rf target build/worker build/worker.new build/media build/media.new build/test
