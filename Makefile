PYTHON ?= python3

# pip trusts the certificates of the system, uv its own list alone: it would fail behind a proxy that intercepts TLS.
SYSTEM_CERTIFICATES := $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem)
ifneq ($(SYSTEM_CERTIFICATES)$(SSL_CERT_FILE)$(SSL_CERT_DIR),)
export UV_SYSTEM_CERTS ?= true
endif

.PHONY: run test test-all coverage lint lock lab ways signatures bench-pages bench-sweep bench-beside bench-ingest \
	bench-mail bench-followers bench-stranger check-api bench-diagnose fuzz cluster faults soak grow attack sbom audit licences probe

run: .venv/ok
	@.venv/bin/python -m local.run

# Tests that hold folios need the machine for themselves: they run after the others.
ALONE = real_probe or lab
# One more than the two cores of a small machine: a good part of the tests wait for a process, a browser or a database.
PYTEST_MANY = .venv/bin/python -m pytest -q -n 3 --dist worksteal
# What a contributor needs: without a browser, without sites that are started, and without what reads every page.
# CONTRIBUTING.md tells which test is where.
ifdef PYTEST
test: .venv/ok-dev
	.venv/bin/python -m pytest $(PYTEST)
else
test: .venv/ok-dev
	$(PYTEST_MANY) -m "not (browser or whole or processes or $(ALONE))"
endif

test-all coverage: .venv/ok-dev
	$(PYTEST_MANY) -m "not ($(ALONE))" $(COVER) $(if $(COVER),--cov-report=)
	.venv/bin/python -m pytest -q -m "$(ALONE)" $(COVER) $(if $(COVER),--cov-append)

# The same, and which lines it never ran: takes twice as long.
coverage: COVER = --cov

lint: .venv/ok-dev
	.venv/bin/ruff check .
	.venv/bin/ruff format --check .
	.venv/bin/mypy
	.venv/bin/python tools/words.py
	.venv/bin/djhtml --check --tabwidth 2 $$(git ls-files "*/templates/*.html" "templates/*.html")

# make lab KERNELS="bookworm trixie-backports" LAB="--cases fuse-writeback --repeat 5"; see docs/lab.md
lab:
	@$(PYTHON) -m probes lab $(KERNELS) $(LAB)

# Every way out that has a trial and was not measured yet: hours, best on a quiet machine. See docs/lab.md.
ways: .venv/ok
	.venv/bin/python -m tools.ways $(WAYS)

# After a change to the signature of a case: what probe.pyz carries of it.
signatures: .venv/ok
	.venv/bin/python -m catalog.documents.known_signatures

.venv/ok: requirements.lock requirements-local.lock requirements-installer.lock
	$(PYTHON) -m venv .venv
	.venv/bin/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements-installer.lock
	.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements.lock
	@.venv/bin/python -m local.binaries >/dev/null 2>&1 || \
		.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements-local.lock
	@touch $@

.venv/ok-dev: .venv/ok requirements-dev.lock
	.venv/bin/uv pip install -q --python .venv/bin/python --require-hashes -r requirements-dev.lock
	@touch $@

lock: .venv/ok
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate requirements.in -o requirements.lock
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock requirements-local.in -o requirements-local.lock
	.venv/bin/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-header --no-annotate -c requirements.lock -c requirements-local.lock requirements-dev.in -o requirements-dev.lock

# What each page costs with 10,000 and with 1,000,000 observations; see docs/performance.md
bench-pages: .venv/ok-dev
	@.venv/bin/python -m bench.pages

# What the sweep costs with 1,000,000 reports, beside how it looked before.
bench-sweep: .venv/ok-dev
	@.venv/bin/python -m bench.sweep $(BENCH)

# How fast reports come in, beside a yardstick and beside SQUAD; see docs/performance.md.
bench-ingest: .venv/ok-dev var/squad/bin/squad
	.venv/bin/python -m bench.ingest $(BENCH)

# Another checkout and this one in turn, in one run: make bench-beside TREE=DIR
bench-beside: .venv/ok-dev
	@.venv/bin/python -m bench.beside $(TREE) $(BENCH)

# How fast a thread of the list is read and kept, beside the standard library's mailbox.
bench-mail: .venv/ok-dev
	@.venv/bin/python -m bench.mail $(BENCH)

# A comment on a case with 10,000 followers, the worker killed in the middle; see docs/reliability.md.
bench-followers: .venv/ok-dev
	@.venv/bin/python -m bench.followers $(BENCH)

# In an environment of its own that is thrown away with var/.
var/squad/bin/squad:
	$(PYTHON) -m venv var/squad
	var/squad/bin/pip install -q --disable-pip-version-check squad==1.98

# What a lab and a reader notice of a stranger who sends what the limits allow; see docs/reliability.md.
bench-stranger: .venv/ok-dev
	@.venv/bin/python -m bench.stranger $(BENCH)

# Does the API do what its OpenAPI document says, whatever it is asked? Two generated clients on a round, and all checks
# of schemathesis. CHECK="--seconds 0" leaves the latter out. Needs npm.
check-api: .venv/ok-dev var/clients/ok
	.venv/bin/python -m bench.check_api $(CHECK)

var/clients/ok: bench/clients/requirements.txt bench/clients/package.json
	$(PYTHON) -m venv var/clients
	var/clients/bin/pip install -q --disable-pip-version-check -r bench/clients/requirements.txt
	cp bench/clients/package.json var/clients/
	npm install --silent --no-audit --no-fund --no-package-lock --prefix var/clients
	@touch $@

# What the site needs to run, from the lock, as CycloneDX; nothing that only tests need.
sbom: .venv/ok-dev
	@mkdir -p var
	.venv/bin/python -m cyclonedx_py requirements requirements.lock --output-reproducible --of JSON -o var/sbom.json
	@.venv/bin/python -c 'import json; print("var/sbom.json:", len(json.load(open("var/sbom.json"))["components"]), "components")'

# Known holes in what is locked (asks a public database: needs a network), and bandit on our own code.
audit: .venv/ok-dev
	.venv/bin/python -m bandit -q -ll -c pyproject.toml -r catalog config diagnosis discussion people probes reports rest webhooks
	.venv/bin/python -m pip_audit --require-hashes --disable-pip -r requirements.lock

# Of everything that is in requirements.lock and installed here.
licences: .venv/ok-dev
	@.venv/bin/python -m piplicenses --python .venv/bin/python --from=mixed --packages \
		$$(sed -n 's/^\([a-z0-9-]*\)==.*/\1/p' requirements.lock)

# probe.pyz, built twice and compared; SIGN=KEYFILE signs it (ssh-keygen). docs/probes.md says how to check it.
probe: .venv/ok
	@mkdir -p var
	.venv/bin/python -m probes.archive.build var/probe.pyz
	cd / && $(CURDIR)/.venv/bin/python $(CURDIR)/tools/probe_again.py $(CURDIR)/var/probe.pyz
	$(if $(SIGN),rm -f var/probe.pyz.sig && ssh-keygen -q -Y sign -f $(SIGN) -n probe.pyz var/probe.pyz)
	cd var && sha256sum probe.pyz

# The site on several hosts of this machine (network namespaces): PostgreSQL with a replica, RabbitMQ, a proxy with TLS, two
# web nodes, three workers, two beats. Needs root, and Debian's postgresql, rabbitmq-server, nginx-light, iproute2.
cluster: .venv/ok-dev
	@.venv/bin/python -m bench.cluster $(CLUSTER)

# The cluster under load, and one fault after another; see docs/reliability.md. FAULTS="network-cut --seconds 60"
faults: .venv/ok-dev
	@.venv/bin/python -m bench.cluster.faults $(FAULTS)

# Mixed load on the cluster for long: SOAK="--minutes 60"
soak: .venv/ok-dev
	@.venv/bin/python -m bench.cluster.soak $(SOAK)

# From 10,000 observations to a million, within 20 minutes, or GROW="--most 10000000 --minutes 240"; see docs/scaling.md.
grow: .venv/ok-dev
	@.venv/bin/python -m bench.grow $(GROW)

# What a stranger can try over the network, against the cluster; see docs/reliability.md.
attack: .venv/ok-dev
	@.venv/bin/python -m bench.cluster.attack

# Everything that a stranger can send, changed at random; see docs/reliability.md. FUZZ="--seconds 3600 --seed 7"
fuzz: .venv/ok-dev
	@.venv/bin/python -m tests.fuzz.everything $(FUZZ)

# SQUAD's log parser runs on the same files; BENCH="--beside TREE" has another checkout take turns with this one.
bench-diagnose: .venv/ok-dev var/squad/bin/squad
	@.venv/bin/python -m bench.diagnose --squad var/squad/bin/python $(BENCH)
