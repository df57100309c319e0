# HelloWorld operator. `make help` lists the targets. Names of targets and variables are operator-sdk's.

# The last release of the history; what a release is, stands there and nowhere else.
# Asked once, and only where a recipe uses it: there is no .venv before.
NEWEST = $(eval NEWEST := $(or $(shell $(KOPFKIT) release newest),$(error catalog/releases.yaml names no release)))$(NEWEST)

##@ Variables (make TARGET NAME=value)
VERSION          ?= $(NEWEST)## the release to build
IMAGE_TAG_BASE   ?= localhost:5001/helloworld-operator## your registry and repository
IMG              ?= $(IMAGE_TAG_BASE):v$(VERSION)## the operator image
BUNDLE_IMG       ?= $(IMAGE_TAG_BASE)-bundle:v$(VERSION)## the bundle image
CATALOG_IMG      ?= $(IMAGE_TAG_BASE)-catalog:v$(VERSION)## the catalog image
CHANNELS         ?=## channels of the bundle, comma separated; default: the release's
DEFAULT_CHANNEL  ?= stable## channel of a Subscription that names none
GUARD_IMG        ?= $(IMAGE_TAG_BASE)-guard:v$(VERSION)## the image of the conversion guard for other operators
CONTAINER_TOOL   ?= docker## docker, or podman
BASE_IMAGE       ?=## base of the operator image; default: the public Python image, or one made here
CLUSTER          ?= auto## auto, existing, kind or control-plane
CLUSTER_NAME     ?= kopfkit## name of the cluster that cluster-up makes
SITE_PORT        ?= 8000## port of make site-serve
PYTHON           ?= python3## a Python of at least 3.11
DEBUG_PORT       ?= 2345## port that make debug listens on
KEY              ?=## PEM file of the key that signs a release; without one sign it later
PLATFORMS        ?=## platforms of a release's images, such as linux/amd64 linux/arm64; default: this machine's
PUSH             ?=## 1: make release pushes its images
DATE             ?=## day of a release that has no entry yet, as 2027-01-31; default: the newest commit's
OFFLINE          ?=## 1: make release asks no registry for earlier releases
CHECK            ?= $(MAKE) check## what must pass before a release is made
SOAK_RECORD      ?= docs/soak.md## result of the last make soak; none releases without one
BENCH            ?= quick## what make bench runs: quick (under 5 minutes) or full (about two hours)
MUTANTS          ?=## what make mutants breaks: ids or files, shell patterns; default: everything in tests/mutants.yaml
TESTS            ?= tests/unit tests/integration tests/e2e## what make test runs; any pytest arguments

export CLUSTER CONTAINER_TOOL

.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory
SHELL := /bin/bash
# Compiling everything anew is most of a short process, and hundreds are started. The bytecode lies
# outside of the sources, which are copied and compared while they are imported.
unexport PYTHONDONTWRITEBYTECODE
export PYTHONPYCACHEPREFIX := $(CURDIR)/build/pycache
VENV := .venv
BIN := $(VENV)/bin
KOPFKIT := $(BIN)/kopfkit
# Any target that needs Python starts here: the stamp is newer than the lock, or .venv is made anew.
STAMP := $(VENV)/.complete
# Beside .venv, not in it: tests and releases need none of it. In .venv's versions where both have a package.
SITE_PACKAGES := build/docs-packages
SITE_STAMP := $(SITE_PACKAGES)/.complete
# A generator knows the newest release; to ask for it first takes as long as to generate.
WITH_VERSION = $(if $(filter-out file,$(origin VERSION)),--version $(VERSION))
# Images are named to a generator where somebody named them here: the history may say which image of
# a release was published, by digest.
WITH_IMG = $(if $(filter-out file,$(origin IMG) $(origin IMAGE_TAG_BASE)),--img $(IMG))
WITH_BUNDLE_IMG = $(if $(filter-out file,$(origin BUNDLE_IMG) $(origin IMAGE_TAG_BASE)),--bundle-img $(BUNDLE_IMG))
# As one command: without a cluster it ends with kopfkit's message, and kubectl is not run.
KUBECTL = kubeconfig="$$($(KOPFKIT) cluster kubeconfig --name $(CLUSTER_NAME))" && \
  kubectl="$$($(KOPFKIT) tools path kubectl)" && "$$kubectl" --kubeconfig "$$kubeconfig"

##@ General

.PHONY: help
help: ## Show this help.
	@awk 'BEGIN {FS = ":.*## "; print "Usage: make TARGET [NAME=value]"} \
	  /^##@/ {printf "\n%s\n", substr($$0, 5)} \
	  /^[A-Z_]+ *\?=/ {split($$0, v, / *\?= */); n = split(v[2], d, "## "); printf "  %-18s %s%s\n", v[1], d[2], d[1] == "" ? "" : " (" d[1] ")"} \
	  /^[a-z0-9-]+:.*## / {printf "  %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# Asked before anything is installed.
.PHONY: can-demo
can-demo:
	@[ "$(CLUSTER)" != control-plane ] || { \
	  echo "error: make demo: OLM runs operators as pods, and a control plane has no node for them" >&2; \
	  echo "  hint: make demo CLUSTER=kind, or CLUSTER=existing" >&2; exit 1; }
	@[ "$(CLUSTER)" = existing ] || [ "$$(id -u)" = 0 ] || docker version >/dev/null 2>&1 || { \
	  echo "error: make demo: Docker does not answer, and none can be started: not running as root" >&2; \
	  echo "  hint: start Docker, set DOCKER_HOST, or name a cluster: make demo CLUSTER=existing KUBECONFIG=FILE" >&2; exit 1; }

.PHONY: demo
demo: can-demo $(STAMP) ## Full demo: create a cluster, OLM, images, a Subscription and a HelloWorld.
	@$(BIN)/python hack/demo.py --name $(CLUSTER_NAME)

.PHONY: venv
venv: $(STAMP) ## Install the locked Python packages into .venv.

$(STAMP): requirements/dev.txt requirements/uv.txt pyproject.toml kopfkit/pyproject.toml kopfkit-sdk/pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "error: $(PYTHON) is not a Python of at least 3.11" >&2; \
	  echo "  hint: install one and name it: make $(MAKECMDGOALS) PYTHON=python3.12" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || { \
	  echo "error: $(PYTHON) cannot make virtual environments" >&2; \
	  echo "  hint: install its venv module (Debian: apt-get install python3-venv)" >&2; exit 1; }
	@echo "Installing the locked Python packages into $(VENV) (15 seconds, once)"
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP_INSTALL) --require-hashes -r requirements/uv.txt
	@# uv installs in a tenth of pip's time, but does not read pip's configuration of an index.
	@$(UV_INSTALL) --require-hashes -r requirements/dev.txt || { \
	  echo "uv cannot install them (see above); installing with pip instead (2 minutes)" >&2; \
	  $(PIP_INSTALL) --require-hashes -r requirements/dev.txt; }
	@$(UV_INSTALL) --no-deps --no-build-isolation -e . -e kopfkit -e kopfkit-sdk
	@touch $@
PIP_INSTALL = $(BIN)/pip install --quiet --disable-pip-version-check
# As pip does, uv trusts the certificate authorities of the machine: a proxy may have its own.
UV_INSTALL = $(BIN)/uv pip install --quiet --system-certs --python $(BIN)/python

.PHONY: lock
lock: $(STAMP) ## Resolve the dependencies and lock them with hashes.
	$(BIN)/uv pip compile --quiet --upgrade $(UV_FLAGS) pyproject.toml -o requirements/operator.txt
	$(BIN)/uv pip compile --quiet --upgrade $(UV_FLAGS) --group pyproject.toml:dev pyproject.toml -o requirements/dev.txt
	echo uv | $(BIN)/uv pip compile --quiet $(UV_FLAGS) --constraint requirements/dev.txt - -o requirements/uv.txt
	$(BIN)/uv pip compile --quiet $(UV_FLAGS) --constraint requirements/dev.txt requirements/docs.in -o requirements/docs.txt
UV_FLAGS := --universal --python-version 3.11 --generate-hashes --no-header \
  --no-emit-package kopfkit --no-emit-package kopfkit-sdk --no-emit-package helloworld-operator

.PHONY: clean
clean: ## Remove build output in this directory (neither clusters nor the tools' cache).
	rm -rf build dist $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

##@ Development

.PHONY: generate
generate: manifests chart ## Generate everything that follows from the types and the project description.

.PHONY: manifests
manifests: $(STAMP) ## Write config/: CRD, RBAC, Deployments, samples.
	@$(KOPFKIT) manifests $(WITH_IMG) $(WITH_VERSION)

.PHONY: chart
chart: $(STAMP) ## Write chart/: the Helm chart, with values, their schema and a README.
	@$(KOPFKIT) chart generate $(WITH_IMG) $(WITH_VERSION)

.PHONY: chart-package
chart-package: $(STAMP) ## Pack the Helm chart as dist/NAME-VERSION.tgz.
	@$(KOPFKIT) chart package $(WITH_IMG) $(WITH_VERSION)

.PHONY: test
test: $(STAMP) $(SITE_STAMP) ## Unit, integration (real kube-apiserver and etcd) and e2e tests (kind and OLM).
	@$(BIN)/python hack/suite.py $(TESTS)

.PHONY: lint
lint: $(STAMP) ## Lint, types and import layers.
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

.PHONY: check
check: lint ## Run before a commit: lint, types, unit tests. Needs neither root nor Docker.
	@$(BIN)/pytest --quiet -n auto tests/unit

.PHONY: test-olm-v1
test-olm-v1: $(STAMP) ## Install and upgrade the operator by OLM v1 (ClusterExtension) on a kind cluster.
	@CI=true $(BIN)/pytest -s tests/e2e/upgrade/test_olm_v1.py

.PHONY: test-guard
test-guard: $(STAMP) ## Upgrade an operator in Go by OLM under load, without and with the injected guard.
	@CI=true $(BIN)/pytest -s tests/e2e/upgrade/test_guard_of_others.py

.PHONY: test-tutorial
test-tutorial: $(STAMP) ## Follow the tutorial in a kind cluster: deployed, installed by OLM, upgraded under load.
	@CI=true $(BIN)/pytest -s tests/e2e/test_tutorial.py

.PHONY: soak
soak: $(STAMP) $(SITE_STAMP) ## All tests with their full budgets and the whole upgrade history (hours); goes on where it was stopped; writes docs/soak.md.
	@$(BIN)/python hack/soakrun.py

.PHONY: mutants
mutants: $(STAMP) ## Mutation tests: break the product at 60 places, one at a time; its tests must fail each time.
	@$(BIN)/python hack/mutants.py $(MUTANTS)

.PHONY: bench
bench: $(STAMP) ## Compare operator, webhook and make bundle with plain kopf, controller-runtime, operator-sdk.
	@PYTHONPATH=benchmarks $(BIN)/python -m bench --form $(BENCH) $(BENCH_FLAGS)

.PHONY: verify
verify: lint ## Check that generated files are up to date and valid; lint, types, import layers.
	@$(KOPFKIT) manifests --check
	@$(KOPFKIT) chart generate --check
	@$(KOPFKIT) bundle generate --check
	@$(KOPFKIT) catalog generate --check
	@$(BIN)/python hack/conditions.py --check
	@$(BIN)/python hack/api.py --check
	@$(BIN)/python hack/commands.py --check
	@$(BIN)/python hack/picture.py --check
	@$(BIN)/python hack/released.py --check
	@$(KOPFKIT) bundle validate
	@$(KOPFKIT) catalog validate

.PHONY: docs
docs: $(STAMP) ## Write the generated parts of the pages: conditions, public names, commands, picture, upgrade graph.
	@$(BIN)/python hack/conditions.py
	@$(BIN)/python hack/api.py
	@$(BIN)/python hack/commands.py
	@$(BIN)/python hack/picture.py
	@$(BIN)/python hack/released.py

.PHONY: site
site: $(SITE_STAMP) ## Build the documentation site into build/site; a broken link or anchor fails.
	@PYTHONPATH=$(SITE_PACKAGES) $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet --jobs auto \
	  -d build/site-doctrees docs build/site
	@echo "The site is in build/site; open index.html there, or make site-serve"

.PHONY: site-serve
site-serve: site ## Build the site and serve it on 127.0.0.1:SITE_PORT.
	@echo "http://127.0.0.1:$(SITE_PORT)/; press Ctrl-C to stop"
	@trap exit INT; $(BIN)/python -m http.server --bind 127.0.0.1 --directory build/site $(SITE_PORT)

$(SITE_STAMP): requirements/docs.txt $(STAMP)
	@rm -rf $(SITE_PACKAGES)
	@$(UV_INSTALL) --target $(SITE_PACKAGES) --require-hashes -r requirements/docs.txt || \
	  $(PIP_INSTALL) --target $(SITE_PACKAGES) --require-hashes -r requirements/docs.txt
	@touch $@

.PHONY: fmt
fmt: $(STAMP) ## Format the code and fix what the linter can.
	@$(BIN)/ruff format
	@$(BIN)/ruff check --fix

##@ Cluster

.PHONY: cluster-up
cluster-up: $(STAMP) ## Start a cluster (CLUSTER=auto chooses, and says what and why) with OLM where it can be.
	@$(KOPFKIT) cluster up --name $(CLUSTER_NAME) $(if $(OLM),--olm)

.PHONY: cluster-down
cluster-down: $(STAMP) ## Stop the cluster and everything that was started for it.
	@$(KOPFKIT) cluster down --name $(CLUSTER_NAME)

.PHONY: kubeconfig
kubeconfig: $(STAMP) ## Print the path of the cluster's kubeconfig.
	@$(KOPFKIT) cluster kubeconfig --name $(CLUSTER_NAME)

##@ Deployment mode 1: outside the cluster

.PHONY: install
install: $(STAMP) ## Install the CRD.
	@$(KUBECTL) apply --server-side --force-conflicts -k config/crd

.PHONY: uninstall
uninstall: $(STAMP) ## Delete the CRD, and with it every HelloWorld.
	@$(KUBECTL) delete --ignore-not-found -k config/crd

.PHONY: run
run: $(STAMP) ## Run operator and webhook on this machine, anew after each saved file; the CRD's conversion points here.
	@env -u KUBECONFIG $(KOPFKIT) run local --watch --name $(CLUSTER_NAME) --operand-image $(IMG)

.PHONY: debug
debug: $(STAMP) ## Like run, with the operator waiting for a debugger on DEBUG_PORT.
	@env -u KUBECONFIG $(KOPFKIT) run local --name $(CLUSTER_NAME) --operand-image $(IMG) --debug $(DEBUG_PORT)

##@ Deployment mode 2: in the cluster

.PHONY: deploy
deploy: $(STAMP) ## Deploy the operator image IMG with kustomize.
	@$(KOPFKIT) manifests --img $(IMG) --version $(VERSION) --output build/config
	@$(KUBECTL) apply --server-side --force-conflicts -k build/config/default
	@$(KUBECTL) get nodes --output=name | grep -q . || \
	  echo "note: this cluster has no nodes: no pod will run. Use make run, or a cluster with nodes (make cluster-up CLUSTER=kind)."

.PHONY: undeploy
undeploy: $(STAMP) ## Remove the deployed operator, the CRD and every HelloWorld.
	@$(KUBECTL) delete --ignore-not-found -k config/default

.PHONY: dev
dev: $(STAMP) ## Deploy the operator image IMG and run this checkout's code in its pods, anew after each saved file.
	@env -u KUBECONFIG $(KOPFKIT) dev --name $(CLUSTER_NAME) --img $(IMG)

##@ Images

.PHONY: image-root
image-root: $(STAMP) ## Build the operator image's root filesystem in build/image.
	@$(KOPFKIT) image root

.PHONY: docker-build
docker-build: image-root ## Build the operator image IMG.
	@$(KOPFKIT) image build operator --tag $(IMG) --version $(VERSION) $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE))

.PHONY: docker-push
docker-push: $(STAMP) ## Push the operator image.
	@$(KOPFKIT) image push $(IMG)

.PHONY: guard-build
guard-build: $(STAMP) ## Build the image GUARD_IMG of the guard that kopfkit guard inject puts into a bundle.
	@$(KOPFKIT) guard image --tag $(GUARD_IMG) $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE))

.PHONY: guard-push
guard-push: $(STAMP) ## Push the image of the guard.
	@$(KOPFKIT) image push $(GUARD_IMG)

##@ Deployment mode 3: OLM

.PHONY: bundle
bundle: $(STAMP) ## Generate bundle/ and bundle.Dockerfile.
	@$(KOPFKIT) bundle generate $(WITH_VERSION) $(WITH_IMG) $(if $(CHANNELS),--channels $(CHANNELS)) --default-channel $(DEFAULT_CHANNEL)

.PHONY: bundle-validate
bundle-validate: $(STAMP) ## Validate the bundle: our checks, operator-sdk's, a real API server's; every finding at once.
	@$(KOPFKIT) bundle validate

.PHONY: scorecard
scorecard: $(STAMP) ## operator-sdk's scorecard and our own checks, on the cluster, for the bundle.
	@$(KOPFKIT) scorecard bundle --name $(CLUSTER_NAME)

.PHONY: bundle-build
bundle-build: $(STAMP) ## Build the bundle image.
	@$(KOPFKIT) image build bundle --tag $(BUNDLE_IMG)

.PHONY: bundle-push
bundle-push: $(STAMP) ## Push the bundle image.
	@$(KOPFKIT) image push $(BUNDLE_IMG)

.PHONY: bundle-run
bundle-run: $(STAMP) ## Install the bundle image BUNDLE_IMG by OLM, without a catalog image.
	@$(KOPFKIT) run bundle $(BUNDLE_IMG) --name $(CLUSTER_NAME)

.PHONY: bundle-upgrade
bundle-upgrade: $(STAMP) ## Upgrade what OLM has installed to the bundle image BUNDLE_IMG.
	@$(KOPFKIT) run bundle-upgrade $(BUNDLE_IMG) --name $(CLUSTER_NAME)

.PHONY: bundle-cleanup
bundle-cleanup: $(STAMP) ## Remove the operator, its CRDs and, after a question, every object of them.
	@$(KOPFKIT) cleanup helloworld-operator --name $(CLUSTER_NAME)

.PHONY: catalog
catalog: $(STAMP) ## Generate the file-based catalog and catalog.Dockerfile.
	@$(KOPFKIT) catalog generate $(WITH_IMG) $(WITH_BUNDLE_IMG)

.PHONY: catalog-validate
catalog-validate: $(STAMP) ## Check the catalog with opm.
	@$(KOPFKIT) catalog validate

.PHONY: catalog-graph
catalog-graph: $(STAMP) ## Show the upgrade paths between the releases (GRAPH=FILE.svg or FILE.mmd writes them).
	@$(KOPFKIT) catalog graph $(if $(GRAPH),--output $(GRAPH))

.PHONY: catalog-build
catalog-build: $(STAMP) ## Build the catalog image.
	@$(KOPFKIT) image build catalog --tag $(CATALOG_IMG)

.PHONY: catalog-push
catalog-push: $(STAMP) ## Push the catalog image.
	@$(KOPFKIT) image push $(CATALOG_IMG)

.PHONY: subscribe
subscribe: $(STAMP) ## Install the operator from the catalog image by Subscription.
	@$(KOPFKIT) subscribe --name $(CLUSTER_NAME) --catalog-image $(CATALOG_IMG) --channel $(DEFAULT_CHANNEL)

.PHONY: unsubscribe
unsubscribe: $(STAMP) ## Remove the Subscription and the operator; the CRD and its objects stay.
	@$(KOPFKIT) unsubscribe --name $(CLUSTER_NAME)

##@ Release

.PHONY: release
release: $(STAMP) verify ## Make the release VERSION into dist/: images, bundle, catalog, SBOM, provenance. PUSH=1 pushes.
ifeq ($(strip $(SOAK_RECORD)),none)
	@echo "warning: SOAK_RECORD=none: no result of make soak is asked for; provenance.json will name none" >&2
endif
	@$(KOPFKIT) release make --version $(VERSION) --image-base $(IMAGE_TAG_BASE) \
	  $(if $(CHANNELS),--channels $(CHANNELS)) $(if $(BASE_IMAGE),--base-image $(BASE_IMAGE)) \
	  $(addprefix --platform ,$(PLATFORMS)) $(if $(KEY),--key $(KEY)) $(if $(PUSH),--push) \
	  $(if $(DATE),--date $(DATE)) $(if $(OFFLINE),--offline) $(RELEASE_CHECKS)
	@# The pages that show the releases are part of the release's commit.
	@$(BIN)/python hack/released.py
# The soak's record first: it takes no time. Each is named in provenance.json.
RELEASE_CHECKS = $(if $(filter-out none,$(SOAK_RECORD)),--check '$(BIN)/python hack/soak.py check $(SOAK_RECORD)') --check '$(CHECK)'
