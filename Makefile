# WCA needs python3 (3.11 or later, with venv), make and git. Everything else is set up here.
#   make            build dist/wca.pex          make run     measure this machine for a few seconds
#   make aws        build dist/wca-aws.pex, with boto3, and dist/cloudwatch_metrics_agent
#   make test       set up and run the tests    make bench   measure the agent
#   make bench-peers   measure it beside other agents, which make peers builds (needs Go)
# Another Python: make PYTHON=/path/to/python3 ...

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PEX := dist/wca.pex
AWS_PEX := dist/wca-aws.pex
AGENT := dist/cloudwatch_metrics_agent

# The environment belongs to one Python in one place: another one makes it anew. Empty when $(PYTHON) is too old
# or missing; tools/check_python.sh then says so.
VERSION := $(shell $(PYTHON) -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])' 2>/dev/null)
PLACE := $(shell pwd | cksum | cut -d' ' -f1)
READY := $(VENV)/ready-$(VERSION)-$(PLACE)
SOURCES := $(shell find wca -type d -name __pycache__ -prune -o -type f -print) \
	pyproject.toml setup.py requirements.txt README.md LICENSE \
	tools/build_pex.py tools/pex_preamble.sh

.PHONY: pex aws setup permissions test test-slow lint format bench peers bench-peers bench-detection bench-collocation run docs site protobuf lock clean
.DELETE_ON_ERROR:

pex: permissions $(PEX)

$(PEX): $(READY) $(SOURCES)
	$(BIN)/python tools/build_pex.py $@

# The same with what reads and writes CloudWatch.
aws: permissions $(AGENT)

$(AWS_PEX): $(READY) $(SOURCES) requirements-dev.txt
	$(BIN)/python tools/build_pex.py $@ --extra aws

# Under this name it is the CloudWatch agent.
$(AGENT): $(AWS_PEX)
	ln -f $< $@

setup: permissions $(READY)

# --clear: an environment of another Python or of older pins leaves nothing behind.
$(READY): requirements.txt requirements-dev.txt pyproject.toml tools/check_python.sh
	@tools/check_python.sh $(PYTHON)
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --require-hashes --only-binary :all: \
		-r requirements.txt -r requirements-dev.txt
	$(BIN)/python -m pip install --quiet --no-deps --no-index --no-build-isolation -e .
	@touch $@

# The agent refuses a configuration that others may write, as a checkout under umask 002 makes it.
permissions:
	@chmod -R go-w configs

# make test ARGS="-k static -x" passes options to pytest.
test: setup
	tools/run_tests.sh $(BIN)/python $(ARGS)

test-slow: setup
	$(BIN)/python -m pytest -m slow $(ARGS)

lint: setup
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

format: setup
	$(BIN)/ruff format .

bench: setup $(PEX)
	$(BIN)/python -m benchmarks $(ARGS)

# Agents to compare with. Telegraf gets the plugins that its configurations name, and no other.
PEERS := build/peers
TELEGRAF := 1.37.2
TELEGRAF_INPUTS := inputs.cgroup,inputs.cpu,inputs.mem,inputs.kernel_vmstat
TELEGRAF_TAGS := custom,$(TELEGRAF_INPUTS),outputs.file,serializers.influx,parsers.influx

peers:
	mkdir -p $(PEERS)
	go build -C benchmarks/peers/cadvisor -o $(CURDIR)/$(PEERS)/cadvisor .
	GOBIN=$(CURDIR)/$(PEERS) go install -tags $(TELEGRAF_TAGS) \
		-ldflags "-X github.com/influxdata/telegraf/internal.Version=$(TELEGRAF)" \
		github.com/influxdata/telegraf/cmd/telegraf@v$(TELEGRAF)

bench-peers: setup
	$(BIN)/python -m benchmarks.peers $(ARGS)

# Episodes of interference, and a report on what detectors find in them (docs/evaluation.md).
bench-detection: setup
	$(BIN)/python -m benchmarks.detection $(ARGS)

# Workloads that share a machine, with and without an agent that acts, and a report (docs/evaluation.md).
bench-collocation: setup
	$(BIN)/python -m benchmarks.collocation $(ARGS)

run: setup
	@$(BIN)/python tools/demo.py

GENERATED := metrics:docs/metrics.md components:docs/components.md \
	grafana-tasks:configs/observing/grafana-tasks.json \
	grafana-workers:configs/observing/grafana-workers.json \
	prometheus-alerts:configs/observing/alerts.yml

docs: setup
	for page in $(GENERATED); do \
		$(BIN)/python -m wca docs $${page%%:*} > $${page#*:}.new && \
		mv $${page#*:}.new $${page#*:} || exit 1; \
	done

# The pages of docs as a site, dist/site/index.html; a link that leads nowhere is an error.
site: setup
	$(BIN)/python -m sphinx -W --keep-going -q -b html -d build/doctrees docs dist/site

# What is generated from the messages of Kubernetes' CRI. A newer grpcio-tools in the lock may ask for
# a newer protobuf, which then is the least that pyproject.toml allows.
protobuf: setup
	$(BIN)/python -m grpc_tools.protoc -I. --python_out=. --pyi_out=. \
		wca/nodes/container_client/cri.proto

lock: setup
	$(BIN)/python tools/lock.py

clean:
	rm -rf $(VENV) dist build .cache *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
