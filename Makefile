# What one can do here. Every target sets itself up first; `make` alone lists them.
.DEFAULT_GOAL := help
.PHONY: help setup demo test system faults access web browser dashboards screenshots sandboxes podman accuracy lint types idl check-idl simulate mutants chaos chaos-quick job-chaos stubborn soak conformance rest audit fuzz fuzz-quick nvrtc bench bench-quick profile check

# Programs start as they do for users: from compiled files, a quarter faster and 12 MB smaller.
unexport PYTHONDONTWRITEBYTECODE PYTHONUNBUFFERED

PY := .venv/bin/python
INSTALLED := .venv/installed
N ?= 1000
EVERY ?= 1
WORKERS ?= 2
SCRIPTS := tests/compute_node/scripts
SANDBOXED := $(patsubst %,$(SCRIPTS)/test_%.py,break_outs nothing_is_left levels_for_real execution building images hostile_images dockerfiles volumes node_jobs environments) \
	$(patsubst %,tests/system/test_%.py,containers jobs_in_images mixed_work log_floods script_jobs metrics_survive job_chaos preemption)
IN_CONTAINERS := "docker or each_flag or volumes or images or dockerfiles"
WEB := tests/web tests/coordinator/test_web_server.py tests/client/exports
FAULTS := $(patsubst %,tests/system/test_%.py,faults recovery damaged_models storm speculation large_vectors bad_updates floods \
	vanishing)
ACCESS := $(patsubst %,tests/system/test_%.py,permissions tokens secured_cluster secrets_stay guessing)
ACCURACY := tests/system/test_accuracy.py
CLUSTERS := $(patsubst %,tests/roundhouse/test_%.py,demo local_cluster classifier) tests/examples
SYSTEM := tests/system $(CLUSTERS) $(addprefix --ignore ,$(SANDBOXED) $(FAULTS) $(ACCESS) $(ACCURACY))
TESTS := tests $(addprefix --ignore ,tests/system $(CLUSTERS) tests/test_wheel.py $(SANDBOXED) $(WEB))
PEERS ?=
SCALE ?= 0.02
FRAMES ?= 1000000
NODE ?= localhost:9091
BENCH := .venv-bench/bin/python

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## make .venv with everything in it
	@echo ".venv is ready"

$(INSTALLED): pyproject.toml constraints.txt scripts/setup.sh
	@scripts/setup.sh

demo: $(INSTALLED) ## train the letters on three nodes of this machine
	@$(PY) -m roundhouse demo

test: $(INSTALLED) ## run the test suite (5 minutes; what takes longer follows)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(TESTS)

system: $(INSTALLED) ## real coordinators, nodes and clients together: the same bits, queues, restarts (5 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(SYSTEM)

faults: $(INSTALLED) ## kill, pause, starve and flood real coordinators and nodes in real runs (3 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not alone" $(FAULTS)
	$(PY) -m pytest -s -m alone $(FAULTS)

access: $(INSTALLED) ## who is let in, and what each may: tokens, roles and TLS with real programs (1 minute)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(ACCESS)

web: $(INSTALLED) ## run the tests of the web, of exports, and of what is installed from a wheel (3 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile -m "not alone" $(WEB) tests/test_wheel.py --ignore tests/web/browser
	$(PY) -m pytest -s -m alone tests/web/hostile

browser: $(INSTALLED) ## use the dashboard in a real browser, before a real cluster (3 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile tests/web/browser

dashboards: $(INSTALLED) ## how long pages, requests and log lines take; what 200 dashboards and streams cost (4 minutes)
	$(PY) -m tests.web.browser.speed
	$(PY) -m tests.web.browser.streams_load
	$(PY) -m tests.web.browser.load

screenshots: $(INSTALLED) ## pictures of all pages, light and dark, on a desk and on a phone, in screenshots/
	$(PY) -m tests.web.browser.screenshots screenshots

sandboxes: $(INSTALLED) ## run real jobs in real sandboxes: ways out, floods, stubborn ones (as root; 4 minutes)
	$(PY) -m pytest -n $(WORKERS) --dist loadfile $(SANDBOXED)

podman: $(INSTALLED) ## the same for Podman in place of Docker, in short (as root; 3 minutes)
	ENGINE=podman $(PY) -m pytest -n $(WORKERS) --dist loadfile -k $(IN_CONTAINERS) \
	    $(SCRIPTS)/test_levels_for_real.py $(SCRIPTS)/test_break_outs.py $(SCRIPTS)/test_nothing_is_left.py \
	    $(SCRIPTS)/test_hostile_images.py $(SCRIPTS)/test_volumes.py $(SCRIPTS)/test_dockerfiles.py \
	    $(SCRIPTS)/test_images.py

accuracy: $(INSTALLED) ## train the letters to 98 % as docs/training.md says (half a minute)
	$(PY) -m pytest $(ACCURACY)

lint: $(INSTALLED) ## check style and format
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .

types: $(INSTALLED) ## check types
	$(PY) -m mypy

idl: ## make gen-py of idl/ with the Thrift compiler 0.17.0
	scripts/idl.sh

check-idl: ## check that gen-py is what the compiler makes of idl/
	scripts/idl.sh check

simulate: $(INSTALLED) ## run N (1000) seeded fault schedules through the dispatcher
	$(PY) -m tests.simulation $(N)

mutants: $(INSTALLED) ## plant known bugs, each or each EVERY-th, and see the simulator find them
	$(PY) -m tests.simulation.mutants --every $(EVERY)

chaos: $(INSTALLED) ## harm nodes, coordinator, networks, disk and database under runs (10 minutes)
	$(PY) -m tests.chaos --seconds 240

chaos-quick: $(INSTALLED) ## the same for 3 minutes
	$(PY) -m tests.chaos --seconds 30 --coordinator-life 10 --database-life 15

job-chaos: $(INSTALLED) ## 1,000 short script jobs while nodes and coordinator are killed: each completes once (15 minutes at most)
	$(PY) -m tests.system.job_chaos 1000 900

stubborn: $(INSTALLED) ## end 1,000 script jobs that resist: nothing may be left; 1 GB and 5 million lines of output (as root; 6 minutes)
	STUBBORN_JOBS=1000 $(PY) -m pytest --timeout 900 tests/compute_node/scripts/test_nothing_is_left.py
	FLOOD_SHARE=1 $(PY) -m pytest -s tests/system/test_log_floods.py

soak: $(INSTALLED) ## the same for SCALE (0.02) of 8 hours with a coordinator and a node that live: whether they grow
	$(PY) -m tests.chaos --soak $(SCALE)

conformance: $(INSTALLED) ## check that the node at NODE=HOST:PORT, of any make, does all that a node must
	$(PY) -m tests.conformance $(NODE)

rest: $(INSTALLED) ## check the REST interface against its description with Schemathesis (installs it; 2 minutes)
	@test -x .venv-rest/bin/schemathesis || ($(PY) -m venv .venv-rest && \
	    .venv-rest/bin/pip install --quiet --constraint constraints.txt schemathesis)
	$(PY) -m tests.web.schema_check .venv-rest/bin/schemathesis

audit: $(INSTALLED) ## check our code with Bandit and our versions with pip-audit; list them all in dist/sbom.json (installs these)
	@test -x .venv-audit/bin/bandit || ($(PY) -m venv .venv-audit && \
	    .venv-audit/bin/pip install --quiet --constraint constraints.txt bandit pip-audit cyclonedx-bom)
	$(PY) -m tests.audit .venv-audit/bin
	@mkdir -p dist
	.venv-audit/bin/cyclonedx-py environment --pyproject pyproject.toml --output-reproducible --of JSON \
	    -o dist/sbom.json $(PY)

fuzz: $(INSTALLED) ## send FRAMES (1000000) harmed frames to a coordinator and a node that run (2 minutes)
	$(PY) -m tests.fuzz $(FRAMES)

fuzz-quick: $(INSTALLED) ## the same for a minute at most
	$(PY) -m tests.fuzz 1000000 --seconds 50

nvrtc: $(INSTALLED) ## compile the CUDA kernels with NVIDIA's compiler (installs it: 90 MB)
	$(PY) -m pip install --quiet --constraint constraints.txt nvidia-cuda-nvrtc-cu12
	$(PY) -m pytest -q tests/mlcore/kernels/test_cuda_source.py

bench: ## compare with other systems (PEERS=all or names install them; 40 minutes)
	@scripts/bench-setup.sh $(PEERS)
	$(BENCH) -m bench

bench-quick: $(INSTALLED) ## a short comparison that fails only far below the goals (1 minute)
	$(PY) -m bench --quick

profile: ## flame graphs of a coordinator and a node during a run, in bench/profiles
	@scripts/bench-setup.sh
	$(BENCH) -m bench.profile

check: ## all of the above that CI runs
	$(MAKE) lint types check-idl audit nvrtc test system faults access accuracy
	$(MAKE) web browser sandboxes podman
	$(MAKE) rest fuzz-quick
	$(MAKE) simulate N=1000
	$(MAKE) mutants EVERY=4
	$(MAKE) chaos-quick
	$(MAKE) bench-quick
