# Every target does its own set-up; `make setup` is quick when nothing changed.
.DEFAULT_GOAL := help
.PHONY: help setup run test check bench parity-hftbacktest sim chaos soak clean

BIN := .venv/bin
ARGS ?=

help:
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-18s  %s\n", $$1, $$2 }' Makefile

setup: ## Install what is needed into .venv and build the engine
	@scripts/setup.sh

run: setup ## Trade both examples live on an exchange of our own (ARGS="--for 60s --json")
	@$(BIN)/kedge up $(ARGS)

test: setup ## Run every test: Rust, page, Python
	cargo test --locked --quiet --workspace --exclude kedge-py
	npm run --prefix web --silent check
	$(BIN)/pytest -q $(ARGS)

check: setup ## Formatting, lints, types, layers and budgets
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/stubtest kedge._core --concise --allowlist crates/py/stubtest-allowlist.txt
	$(BIN)/lint-imports
	npm run --prefix web --silent check
	$(BIN)/pytest -q tests/test_tidy.py

bench: setup ## Measure Kedge and its rivals on the same data (W=w1,raw,w2,w3,w4,many,stream,tick ROUNDS=5 JSON=1)
	@$(BIN)/python -m benches.run $(if $(W),--work "$(W)") $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(JSON),--json) $(ARGS)

parity-hftbacktest: setup ## Compare a market maker's orders and fills with hftbacktest's, one by one (ARGS=--json)
	@$(BIN)/python -m benches.parity.compare $(ARGS)

sim: ## Run 100,000 seeded worlds (SEEDS=…)
	KEDGE_SIM_SEEDS=$(or $(SEEDS),100000) cargo test --locked --release --quiet --package kedge-sim

chaos: setup ## Kill the trader again and again, and audit its books (KILLS=200 SEED=1)
	@$(BIN)/python -m tests.chaos --kills $(or $(KILLS),200) --seed $(or $(SEED),1) $(ARGS)

soak: setup ## Run the platform under load and measure what must stay flat (MINUTES=30 SPEED=10)
	@$(BIN)/python -m tests.soak --minutes $(or $(MINUTES),30) --speed $(or $(SPEED),10)

clean: ## Remove everything that was built or installed here, but no runs
	rm -rf .venv .tools target web/node_modules web/types python/kedge/_web python/kedge/backtest/report/_assets python/kedge/_core*.so
	rm -rf .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis
	find python tests benches -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
