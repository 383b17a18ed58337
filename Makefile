# Every verb sets up what it needs first; `make setup` alone does only that.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

help: ## this list
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
setup: $(READY) ## make .venv from the lock
$(READY): requirements.lock tools/installer.lock tools/bootstrap.py pyproject.toml plugins/quickbooks/pyproject.toml plugins/webhooks/pyproject.toml plugins/xero/pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "BeltStack needs Python 3.11 or newer: install it, or run make PYTHON=/path/to/python3"; exit 1; }
	@$(PYTHON) tools/bootstrap.py
demo: $(READY) ## the main job: a phone call becomes one invoice in QuickBooks
	@$(BIN)/beltstack demo
test: $(READY) ## the whole suite, in parallel
	@$(BIN)/python tools/test.py
differential: $(READY) ## the planner against its slow reference, thousands of documents
	@BELTSTACK_DOCUMENTS=$${BELTSTACK_DOCUMENTS:-3000} $(BIN)/python -m pytest -q tests/planner/test_differential.py
chaos: $(READY) ## everything killed at random for SECONDS=120, as SEED=… says: nothing lost, nothing doubled
	@BELTSTACK_CHAOS_SEED=$(SEED) BELTSTACK_CHAOS_SECONDS=$(or $(SECONDS),120) \
	  $(BIN)/python -m pytest -q -s tests/delivery/test_engine_chaos.py tests/stories/test_chaos.py
check: $(READY) ## format, lint, types, floors, schema
	@$(BIN)/python tools/check.py
bench: $(READY) ## measure; prints ratios against named floors
	@$(BIN)/python -m bench
bench-growth: $(READY) ## latency from 200,000 to 10 million work orders; an hour, 45 GB of disk
	@$(BIN)/python -m bench.growth
schema: $(READY) ## write beltstack/schema/schema.graphql
	@$(BIN)/python tools/schema.py
format: $(READY) ## let ruff rewrite
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .
lock: $(READY) ## resolve the dependencies anew
	@$(BIN)/python tools/lock.py
.PHONY: help setup demo test differential chaos check bench bench-growth schema format lock
