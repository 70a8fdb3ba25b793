# kopr: one command per gate. `make help` lists them.
NODE := node_modules/.bin/node
BIN := node_modules/.bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup demo test verify unit process api chart cluster-test cluster-selftest demo-twice lint typecheck check generate e2e machines bench up down kubeconfig node-address results-url api-url copr-config status images deploy clean fix

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-17s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

setup: ## Install what building and testing needs (Debian and npm packages)
	@deploy/setup.sh

demo: setup ## Bring up a Kubernetes, install kopr, build two packages for two architectures, dnf install one
	@$(NODE) demo/main.ts

test: setup ## Run everything: types, lint, drift, unit, chart, Go and end-to-end tests
	@$(NODE) test/run.ts all

verify: setup ## Types, lint, drift of generated files, unit tests (under two minutes)
	@$(NODE) test/run.ts verify

unit: setup ## Unit tests alone (real git, rpm, createrepo_c, nginx)
	@$(BIN)/vitest run --project unit

process: setup ## Tests that run, feed and kill whole processes alone
	@$(BIN)/vitest run --project process

api: setup ## Tests against a real API server alone
	@$(BIN)/vitest run --project api

chart: setup ## Tests of the Helm chart alone (Helm comes with the embedded cluster)
	@$(BIN)/vitest run --project chart

cluster-test: setup ## Tests of the cluster tool alone (Go)
	@cluster/cluster.sh test

cluster-selftest: setup ## Kill the embedded cluster in every way and see it come back, beside the one in use
	@cluster/cluster.sh selftest

demo-twice: setup ## make down && make demo, twice in a row, beside the cluster in use
	@cluster/cluster.sh isolated test/selftest/demo-twice.sh

typecheck: setup ## TypeScript types alone
	@$(BIN)/tsc -p . --noEmit

lint: setup ## Linters alone
	@$(NODE) test/run.ts lint

check: setup ## Compare generated files with their sources
	@$(NODE) crds/generate.ts --check
	@$(NODE) charts/generate.ts --check
	@$(NODE) api/openapi/generate.ts --check
	@$(NODE) api/mapping/generate.ts --check

generate: setup ## Write CRDs, chart parts, API reference and OpenAPI anew from crds/, controllers/ and api/
	@$(NODE) crds/generate.ts
	@$(NODE) charts/generate.ts
	@$(NODE) api/openapi/generate.ts
	@$(NODE) api/mapping/generate.ts

fix: setup ## Format the code
	@$(BIN)/biome check --write .

e2e: setup ## Install kopr into the cluster and run the end-to-end tests, virtual machines included
	@$(NODE) test/run.ts e2e

machines: setup ## The part of them that builds in virtual machines
	@$(NODE) test/run.ts machines

bench: setup ## Measure the scheduler, whole builds, long queues and the REST API against what they must reach (25 min)
	@$(NODE) bench/main.ts

up: setup ## Start the embedded Kubernetes (or check the cluster of KUBECONFIG, or create a kind cluster)
	@cluster/cluster.sh up

down: ## Stop it and remove all that it left on the machine
	@cluster/cluster.sh down

kubeconfig: ## Print the path of the kubeconfig (use: make -s kubeconfig)
	@cluster/cluster.sh kubeconfig

node-address: ## Print the address at which pods reach this machine (use: make -s node-address)
	@cluster/cluster.sh node-address

results-url: ## Print the base URL of published results (use: make -s results-url)
	@$(NODE) deploy/results-url.ts

api-url: ## Print the address of the REST API on this machine (use: make -s api-url)
	@$(NODE) deploy/api-url.ts

# The shell has a USER of its own: only one that is given to make counts.
copr-config: ## Print a ready ~/.config/copr for a user (use: make -s copr-config USER=demo; ADMIN=1 for an administrator)
	@$(NODE) deploy/copr-config.ts $(if $(filter command,$(firstword $(origin USER))),'$(USER)') $(if $(ADMIN),--admin)

status: ## Say what runs
	@cluster/cluster.sh status

images: setup ## Build the container images
	@$(NODE) deploy/images.ts

deploy: setup ## Install or update kopr in the cluster from this checkout
	@$(NODE) deploy/main.ts

clean: ## Remove bundles (caches outside the tree stay)
	@rm -rf dist
