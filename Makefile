# Two commands set up all they need: `make benchmark` and `make test`.
SHELL := /bin/bash
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
SCENARIOS ?= tcp-1:1 udp-1:1 http-1:1 tcp-50:50 udp-50:50 http-50:50
TEST_PROCESSES ?= 4
# What is compiled once is not compiled again by each of many processes.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help:  ## Say what there is to make
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 18

.PHONY: setup
setup: $(VENV)/.installed  ## Make the virtual environment and install the tools (iperf 2, iperf3, siege, fortio)
	@sh worker-image/install-tools.sh
	@sh worker-image/install-fortio.sh "$(CURDIR)/$(BIN)"

$(VENV)/.installed: requirements.lock pyproject.toml worker-image/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(None if sys.version_info >= (3, 11) else "netcadence needs Python 3.11 or newer and found " + sys.version.split()[0] + "; name one: make PYTHON=python3.11 ...")'
	@echo "Making $(VENV) with the versions in requirements.lock (a minute or two)"
	@$(PYTHON) -m venv $(VENV)
	@sh install-locked.sh $(BIN)/python
	@touch $@

.PHONY: benchmark
benchmark: setup  ## Run the shipped scenarios on a cluster on this machine and print the verdicts
	@$(BIN)/netcadence run $(SCENARIOS) --embedded

.PHONY: image
image: setup  ## Build the worker's image, IMAGE=name:tag, with docker, podman or buildah
	@PYTHON=$(BIN)/python sh worker-image/build-image.sh $(or $(IMAGE),localhost/netcadence-worker:latest)

.PHONY: test
test: $(VENV)/.installed  ## Run every check and test
	@$(MAKE) --no-print-directory test-setup
	@sh tests/run-all.sh "$(CURDIR)/$(BIN)" $(TEST_PROCESSES)

.PHONY: object-stores
object-stores: setup  ## Build the S3 server in which the lake is tested
	@sh tests/install-object-stores.sh "$(CURDIR)/$(BIN)" 1200

.PHONY: test-spark
test-spark: setup  ## Try the warehouse's SQL in Spark, which needs Java; fetches PySpark, 500 MB
	@java -version >/dev/null 2>&1 || { echo "make test-spark needs Java, such as Debian's openjdk-17-jre-headless"; exit 2; }
	@test -d $(VENV)/spark/pyspark || $(BIN)/python -m pip install --quiet --target $(VENV)/spark "pyspark>=4"
	@PYTHONPATH="$(CURDIR)/$(VENV)/spark" $(BIN)/pytest tests/unit/lake/test_warehouse.py -k spark_counts

.PHONY: test-jobs
test-jobs: setup  ## Have Prefect's worker for Kubernetes make Jobs on an embedded cluster; fetches that worker, 50 MB
	@cmp -s deployments/flow-run-image/requirements.txt $(VENV)/prefect-kubernetes/requirements.txt || { \
		rm -rf $(VENV)/prefect-kubernetes && $(BIN)/python -m pip install --quiet --no-deps --target $(VENV)/prefect-kubernetes \
			--requirement deployments/flow-run-image/requirements.txt && \
		cp deployments/flow-run-image/requirements.txt $(VENV)/prefect-kubernetes; }
	@$(BIN)/pytest tests/flows/test_jobs.py

.PHONY: test-setup
test-setup: setup
	@sh tests/install-object-stores.sh "$(CURDIR)/$(BIN)" 45

.PHONY: test-cluster
test-cluster: setup  ## Test on the cluster that KUBECONFIG names: make test-cluster IMAGE=registry/worker:tag
	@test -n "$(IMAGE)" || { echo "make test-cluster needs IMAGE=, the worker image that the cluster's nodes can pull"; exit 2; }
	@test -n "$$KUBECONFIG" || { echo "make test-cluster needs KUBECONFIG, the file that names the cluster"; exit 2; }
	@NETCADENCE_TEST_IMAGE="$(IMAGE)" $(BIN)/pytest tests/cluster

.PHONY: test-image
test-image: setup  ## Build the image without a registry and test it, or test IMAGE=name:tag (root, buildah, debootstrap, runc)
	@NETCADENCE_TEST_IMAGE="$(IMAGE)" $(BIN)/pytest tests/image

.PHONY: lint
lint: $(VENV)/.installed  ## Check format, rules, types, layers and the Containerfile
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/hadolint worker-image/Containerfile deployments/flow-run-image/Containerfile

.PHONY: format
format: setup  ## Put the code into its format
	@$(BIN)/ruff check --fix-only --quiet .
	@$(BIN)/ruff format --quiet .

.PHONY: deploy
deploy: setup  ## Have a cluster measured by itself: make deploy ON="--context my-cluster", or --embedded
	@$(BIN)/netcadence deploy $(ON)

.PHONY: stop
stop:  ## Stop the worker and the Prefect server that were left running
	@test ! -x $(BIN)/netcadence || $(BIN)/netcadence stop

.PHONY: bench-overhead
bench-overhead: setup  ## Measure what netcadence adds to the bare tools; prints figures, keeps JSON
	@$(BIN)/python benchmarks/overhead.py

.PHONY: bench-mesh
bench-mesh: setup  ## Measure what a mesh of 8 nodes takes beside its traffic; prints phases
	@$(BIN)/python benchmarks/mesh.py

.PHONY: bench-acceptance
bench-acceptance: setup  ## Measure what a whole acceptance takes beside its traffic; prints phases, keeps JSON
	@$(BIN)/python benchmarks/acceptance.py

.PHONY: bench-lake
bench-lake: setup  ## Measure writing and putting together beside bare pyarrow; prints ratios, keeps JSON
	@$(BIN)/python benchmarks/lake.py

.PHONY: bench-judging
bench-judging: setup  ## Measure how judging a run takes longer with its pairs; prints ratios, keeps JSON
	@$(BIN)/python benchmarks/judging.py

.PHONY: bench-verdicts
bench-verdicts: setup  ## Simulate how often verdicts are wrong; prints tables, keeps JSON
	@$(BIN)/python benchmarks/verdicts.py

.PHONY: bench-changes
bench-changes: setup  ## Simulate how often changes of level are missed or alarmed at; prints tables, keeps JSON
	@$(BIN)/python benchmarks/changes.py

.PHONY: bench-trends
bench-trends: setup  ## Measure trends over three years of hourly runs beside pandas; prints ratios, keeps JSON
	@$(BIN)/python benchmarks/trends.py

.PHONY: lock
lock: setup  ## Compile requirements.lock anew from pyproject.toml
	@$(BIN)/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist ./worker-image
	@$(BIN)/pip-compile --quiet --upgrade --strip-extras --no-header --no-annotate --extra dev --find-links dist \
		--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --unsafe-package netcadence-worker \
		--output-file requirements.lock pyproject.toml
