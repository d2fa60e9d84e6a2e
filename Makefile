# What alertd's developers do. `make` alone lists it.

GO          ?= go
FUZZTIME    ?= 5000x
BENCHTIME   ?= 1s
ROUNDS      ?= 20
SPEED       ?= 60
ARGS        ?=
VERSION     := $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT      := $(shell git rev-parse --short HEAD 2>/dev/null || echo unknown)
BUILT_AT    := $(shell date -u +%Y-%m-%dT%H:%M:%SZ)
LDFLAGS     := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT) -X main.builtAt=$(BUILT_AT)

# Tests and tools are compiled with the binary's flags, so that what they share is compiled once.
export CGO_ENABLED := 0
export GOFLAGS     := $(filter-out -trimpath,$(shell $(GO) env GOFLAGS)) -trimpath

TOOL        := $(GO) tool -modfile=tools/go.mod
OPENAPI     := tools/openapi
DASHBOARD   := tools/dashboard
TYPES       := internal/dashboard/types/api.d.ts
REDOCLY     := REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true $(OPENAPI)/node_modules/.bin/redocly

.DEFAULT_GOAL := help
.PHONY: help run build test race cover vet fmt lint openapi-lint dashboard-lint dashboard-types dashboard-vendor vuln bench bench-http bench-log bench-delivery bench-hostile bench-dashboard crash crash-test replay fuzz e2e pictures static check beside clean

help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z0-9-]+:.*## / {printf "  %-15s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: build ## build alertd and start it with config/config.toml; ARGS="--listen 127.0.0.1:0" adds flags
	@exec bin/alertd serve --config config/config.toml $(ARGS)

build: ## the static binary bin/alertd
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/alertd ./cmd/alertd

test: build ## the tests, without those of crash-test
	$(GO) test -short -shuffle=on ./...

# The tests of the module's root and of bench run programs that are built without the detector.
# What is left out is long and has one goroutine at a time, as have those of the contract, whose
# validators would be a third of what is compiled. SQLite is not watched, as its memory is not
# Go's, which is all that the detector sees: the tests would take twice as long.
race: UNWATCHED := modernc.org/sqlite/lib modernc.org/libc modernc.org/memory
race: ALONE := TestHostileContentIsInertOnEveryWayOut TestTradingDay TestMemoryIsIndependentOfLogSize TestSeedMakesTheCommittedDay TestDayIsWhatItsDescriptionSays
race: empty :=
race: ## the tests of alertd's packages under the race detector
	CGO_ENABLED=1 $(GO) test -race $(UNWATCHED:%=-gcflags=%=-race=false) -short -shuffle=on -skip '^($(subst $(empty) ,|,$(ALONE)))$$' ./cmd/... ./internal/... ./test/...

cover: ## fails unless every statement of internal/alerting is covered
	$(GO) test -coverprofile=cover.out ./internal/alerting
	@$(GO) tool cover -func=cover.out | awk '$$3 != "100.0%" {print; bad = 1} END {if (bad) {print "internal/alerting must be covered to 100 %"; exit 1} else print "internal/alerting: 100 % covered"}'

vet: ## go vet
	$(GO) vet ./...

fmt: ## formats the code as lint wants it
	$(TOOL) golangci-lint fmt

lint: openapi-lint dashboard-lint ## the linters of the code, the modules, the scripts and the contract
	shellcheck .ci/run tools/*.sh examples/*/*.sh docs/pictures/*.sh
	$(GO) mod tidy -diff
	$(GO) -C tools mod tidy -diff
	$(TOOL) golangci-lint config verify
	$(TOOL) golangci-lint run
	@dead=$$($(TOOL) deadcode -test ./...) || exit 1; \
		if [ -n "$$dead" ]; then echo "$$dead"; echo "nothing may be left that neither alertd nor a test can reach"; exit 1; fi

openapi-lint: $(OPENAPI)/node_modules/.package-lock.json ## the linter of api/openapi.yaml
	$(REDOCLY) lint api/openapi.yaml --config api/redocly.yaml --lint-config error --format stylish

dashboard-lint: $(DASHBOARD)/node_modules/.package-lock.json ## the types of the dashboard's scripts, and whether they are those of api/openapi.yaml
	@$(DASHBOARD)/node_modules/.bin/openapi-typescript api/openapi.yaml 2>/dev/null | cmp -s - $(TYPES) || { echo "$(TYPES) is not that of api/openapi.yaml: run make dashboard-types"; exit 1; }
	$(DASHBOARD)/node_modules/.bin/tsc -p internal/dashboard

dashboard-types: $(DASHBOARD)/node_modules/.package-lock.json ## writes the types that the dashboard's scripts have of the API
	$(DASHBOARD)/node_modules/.bin/openapi-typescript api/openapi.yaml >$(TYPES) 2>/dev/null

dashboard-vendor: $(DASHBOARD)/node_modules/.package-lock.json ## copies the modules of tools/dashboard/package.json into the dashboard
	node $(DASHBOARD)/vendor.mjs

# npm writes this file last; older than the lock, it is of another version.
%/node_modules/.package-lock.json: %/package-lock.json
	npm ci --prefix $* --ignore-scripts --no-audit --no-fund --loglevel error
	@touch $@

vuln: ## known vulnerabilities in what alertd calls; passes, and says so, when their database is out of reach
	@GO='$(GO)' tools/vuln.sh

fuzz: ## every fuzz target for FUZZTIME each, a span or a number of inputs (1000x)
	@GO='$(GO)' tools/fuzz.sh $(FUZZTIME)

bench: ## the benchmarks
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./internal/alerting ./internal/httpapi ./internal/matcher ./internal/routing ./internal/store

bench-log: build ## the event log: ingest, start, size and queries of 1,000,000 events, in 5 min; ARGS="-many 100000" adds flags
	$(GO) run ./bench/log -alertd bin/alertd $(ARGS)

bench-http: build ## POST /alerts over HTTP beside a bare handler, in 1 min; ARGS="-rounds 9 -min-ratio 0.6" adds flags, -token compares with a token
	$(GO) run ./bench/http -alertd bin/alertd $(ARGS)

bench-delivery: build ## from the answer to the webhook, a storm of events, a dead channel, in 6 min; ARGS="-only storm -rounds 3" adds flags
	$(GO) run ./bench/delivery -alertd bin/alertd $(ARGS)

bench-hostile: build ## POST /alerts while 10,000 idle connections and 200 slow clients are there, in 2 min; ARGS="-check" fails if a goal is missed
	$(GO) run ./bench/hostile -alertd bin/alertd $(ARGS)

bench-dashboard: build ## the dashboard in Chromium: its first view, 50 events a second for 10 min, 10,000 open incidents; ARGS="-g first" is one of these
	PERF_SECONDS=600 PERF_SLACK=1 tools/e2e.sh perf --workers 1 $(ARGS)

crash-test: ## the tests of the crash campaign, against miniature alertds, and of pgtest
	$(GO) test -shuffle=on ./test/crash ./internal/pgtest

crash: build crash-test ## kills alertd and its database in ROUNDS rounds an engine, and looks for lost alerts and untold incidents; ARGS="-engines sqlite -seed 7" adds flags
	$(GO) run ./test/crash -alertd bin/alertd -rounds $(ROUNDS) $(ARGS)

replay: ## what people are told of a trading day by alertd, and by Debian's Alertmanager beside it, in 3 min; ARGS=-update writes docs/noise.md
	$(GO) test -count=1 -run '^TestTradingDay$$' -v ./cmd/alertd -alertmanager -speed $(SPEED) $(ARGS)

e2e: build ## the dashboard in Chromium, against alertd; ARGS="login --headed" are those of Playwright; needs chromium and node
	tools/e2e.sh $(ARGS)

pictures: build ## the pictures of what channels send (docs/channels.md), and of the dashboard; needs chromium, node and pngquant
	docs/pictures/make.sh
	docs/pictures/dashboard.sh

static: build ## checks that the binary, built as the Dockerfile does, is static
	@if readelf -l bin/alertd | grep -q INTERP || readelf -d bin/alertd | grep -q NEEDED; then echo "bin/alertd is not static"; exit 1; fi
	@grep -q '^RUN make build$$' Dockerfile || { echo "the Dockerfile must build by: RUN make build"; exit 1; }
	@echo "bin/alertd is static"

clean: ## removes what was built
	rm -rf bin cover.out

check: ROUNDS = 3
# Counted, as a span of time that ends within an input fails (golang/go#75804, until Go 1.27).
check: FUZZTIME = 1000x
check: SPEED = 240
check: build vet beside race cover static fuzz e2e ## all that CI runs

# The crash campaign and the replay wait most of the time, in which the linters compute.
beside: build
	@$(MAKE) -j2 --output-sync=target ROUNDS=$(ROUNDS) SPEED=$(SPEED) lint crash replay vuln
