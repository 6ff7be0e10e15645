# Everything that a developer or a CI machine runs. `make` alone lists it.

CARGO ?= cargo
PROGRAM := $(or $(CARGO_TARGET_DIR),target)/debug/orloj-operator
RELEASE := $(or $(CARGO_TARGET_DIR),target)/release
IMAGE ?= orloj-operator:dev
# `make test SUITES="lib store"` and `make lint CHECKS=shell` run only those.
SUITES ?=
# Of `make bench`, see there.
ONLY ?=
KEEP ?=
CHECKS ?=

.DEFAULT_GOAL := help

.PHONY: help
help: ## list these targets
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

.PHONY: demo
demo: ## show the job: examples/ into a SQLite file, step by step, with nothing to install
	$(CARGO) build --locked
	tests/demo/demo.sh $(PROGRAM)

.PHONY: demo-console
demo-console: ## the console and the REST API on loopback: examples/ and one broken manifest (PORT=8080)
	$(CARGO) build --locked
	tests/demo/console.sh $(PROGRAM)

.PHONY: demo-cluster
demo-cluster: ## the same with a real API server and Postgres (built once, about 15 minutes)
	tests/controlplane/build.sh >/dev/null
	tests/controlplane/build.sh kube-controller-manager >/dev/null
	tests/controlplane/postgres.sh >/dev/null
	tests/chart/helm.sh >/dev/null
	$(CARGO) build --locked --bin orloj-operator --example demo-cluster
	$(dir $(PROGRAM))examples/demo-cluster

.PHONY: test
test: ## run all tests, and tell how long each suite took (SUITES="lib store": only those)
	tests/ci/suites.sh $(SUITES)

.PHONY: bench
bench: ## measure speed and memory, release build (ONLY=rows,memory: only these; KEEP=1: keep the table)
	tests/controlplane/build.sh >/dev/null
	tests/controlplane/postgres.sh >/dev/null
	tests/chart/helm.sh >/dev/null
	$(CARGO) build --locked --release --bin orloj-operator --example bench
	$(RELEASE)/examples/bench $(if $(KEEP),--keep) $(ONLY)

.PHONY: lint
lint: ## check format, code, docs, book, licences, scripts, YAML, Dockerfile, workflows and chart (CHECKS=shell: only that)
	tests/ci/lint.sh $(CHECKS)

.PHONY: generate
generate: ## write again what is generated: crds/, schemas/, the schema of a kind file, the chart's files and table of values
	$(CARGO) run --locked --quiet -- kinds crds --out crds
	$(CARGO) run --locked --quiet -- kinds schema > kinds/kind.schema.json.new
	mv kinds/kind.schema.json.new kinds/kind.schema.json
	$(CARGO) run --locked --quiet -- kinds schema --cases > kinds/test.schema.json.new
	mv kinds/test.schema.json.new kinds/test.schema.json
	$(CARGO) run --locked --quiet -- kinds schemas --out schemas
	tests/chart/generate.sh $(PROGRAM)
	tests/chart/values_table.py
	tests/chart/artifacthub.py

.PHONY: image
image: ## build the container image (IMAGE=name:tag)
	DOCKER_BUILDKIT=1 docker build --tag $(IMAGE) \
		--build-arg VERSION=$(shell sed -n '/^version = /{s/[^"]*"\(.*\)"/\1/p;q}' Cargo.toml) \
		--build-arg REVISION=$(shell git rev-parse HEAD 2>/dev/null || echo unknown) .
