# Everything a person or CI does here has a target. `make demo` and `make run` need git, make and Rust; the rest is installed.
.DEFAULT_GOAL := build
.PHONY: setup setup-run web build run demo test chaos bench bench-quality bench-detect fmt lint help

CARGO := cargo --locked
RELEASE := target/release

help:            ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

setup:           ## install the system packages that building, running and testing need
	@scripts/setup run test

setup-run:       # what building and running need, without the test peers
	@scripts/setup run

web:             ## build the console into web/dist; fetches Node.js where the machine's is too old
	@scripts/web

build: setup-run ## build the programs (optimised), the console in them where npm is to be had
	@scripts/web --if-able
	cargo build --locked --release --workspace --bins

run: build       ## start the server with its embedded defaults
	$(RELEASE)/callwright serve

demo: build      ## dial 40 simulated contacts over real SIP and RTP and show what came of it
	$(RELEASE)/callwright demo

test: setup      ## everything CI runs; the last line counts
	@scripts/test

chaos: setup    ## the long proofs, for an hour: 500 kills, 100 freezes, 100 database interruptions; pacing for minutes; 30,000 simulated worlds
	cargo build --locked --release -p callwright-loadtest
	CHAOS=1 cargo test --locked --release --workspace --test pacing -- --nocapture --test-threads 1
	CHAOS=1 cargo test --locked --release --workspace --test crash -- --nocapture
	CHAOS=1 cargo test --locked --release --workspace --test sim -- --nocapture faults

bench: setup ## measure; figures as JSON in target/bench
	cargo bench --locked --workspace --no-fail-fast --bench '*'

bench-detect: setup ## how well it is told who answered; figures in target/bench/detect.json
	cargo bench --locked -p callwright-media --bench callee

bench-quality: setup-run ## judge how calls sound over bad networks (PESQ, STOI); needs python3 and PyPI
	@scripts/bench-quality

fmt:             ## format the code
	cargo fmt --all

lint: setup-run  ## format check, clippy and docs with warnings denied
	@scripts/test lint
