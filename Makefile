# kes-respond: what can be done here. `make` lists the targets.
# Needs Go, make and git; everything else is a Go module.

SHELL      := /bin/bash
BIN        := bin
VERSION    ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
# grpcnotrace leaves golang.org/x/net/trace out of gRPC: nobody looks at it, and it costs at each start.
GOBUILD    := CGO_ENABLED=0 go build -trimpath -buildvcs=false -tags grpcnotrace
PROGRAMS   := cmd/*/
LDFLAGS    := -s -w -buildid= -X "main.version=$(VERSION)"

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## build every program into bin/
	@mkdir -p $(BIN)
	@for p in $(PROGRAMS); do n=$$(basename $$p); $(GOBUILD) -ldflags '$(LDFLAGS)' -o $(BIN)/$$n$$(go env GOEXE) ./$$p || exit 1; done

.PHONY: test
test: ## run every test, with the race detector where cgo is at hand
	@for p in python3 jq systemd-analyze; do command -v $$p >/dev/null || echo "no $$p: the example that needs it is not run"; done
	@command -v chromium chromium-browser google-chrome >/dev/null || echo "no chromium: no browser looks at the report's page"
	@for p in python3 /usr/bin/python3; do $$p -c 'import grpc, grpc_tools.protoc' 2>/dev/null && exit; done; echo "no gRPC for Python: the plugin's host in Python is not run"
	@if [ "$$(go env CGO_ENABLED)" = 1 ] && command -v "$$(go env CC)" >/dev/null; then \
	  GORACE=atexit_sleep_ms=0 go test -race -timeout 20m ./...; \
	else echo "no C compiler: tests run without the race detector"; test -z "$$KES_RESPOND_TEST_ALL" || exit 1; go test -timeout 20m ./...; fi

.PHONY: test-platforms
test-platforms: ## run each platform's package with the platform's own tools, installed where they are missing
	@.ci/test-platforms

.PHONY: demo
demo: build ## send the nine tasks to an emulated KSC on loopback and show what came back
	@.ci/demo

REQUESTS ?= 3000
.PHONY: chaos
chaos: ## real processes, killed and restarted, against a KSC full of mischief (REQUESTS=3000, KES_RESPOND_SEED=...)
	KES_RESPOND_CHAOS=$(REQUESTS) go test -count=1 -timeout 120m -v -run '^TestChaos$$' ./cmd/kes-respond

.PHONY: generate
generate: ## write what is generated anew: manifest/ from the tasks, KSC's error codes as a page, the Go of shared/rpc/responder.proto
	go run ./manifest/gen
	errors=$$(go run ./cmd/kes-respond errors --output markdown) && echo "$$errors" > plugin/ksc/ERRORS.md
	go tool -modfile=.ci/buf.mod buf generate --template shared/rpc/buf.gen.yaml
	cd shared/rpc && sha256sum responder.proto responderpb/*.pb.go > responderpb/generated.sha256

# SIZE=5 does a twentieth of it, in two minutes; ONLY=oneshot does one part.
SIZE ?= 100
ONLY ?=
.PHONY: bench
bench: build ## measure the programs on loopback beside net/http and Python, and print a table (SIZE=100, percent)
	@$(GOBUILD) -ldflags '$(LDFLAGS)' -o $(BIN)/floor ./cmd/kes-respond/testdata/floor
	@mkdir -p $(BIN)/start && $(GOBUILD) -ldflags '$(LDFLAGS)' -o $(BIN)/start/ ./cmd/bench/testdata/start/...
	@$(BIN)/bench -programs $(BIN) -size $(SIZE) -only '$(ONLY)'

.PHONY: microbench
microbench: ## run the benchmarks of the packages
	go test -run '^$$' -bench . -benchmem ./...

.PHONY: release
release: ## build what is released into dist/; without a tag of git this is a dry run
	@.ci/release/build dist

.PHONY: lint
lint: ## gofmt, gofumpt, vet, staticcheck and whether the generated Go is current, at the versions pinned in .ci/
	@out=$$(gofmt -l .); test -z "$$out" || { echo "gofmt would change:"; echo "$$out"; exit 1; }
	@out=$$(go tool -modfile=.ci/gofumpt.mod gofumpt -l .); test -z "$$out" || { echo "gofumpt would change:"; echo "$$out"; exit 1; }
	go vet ./...
	GOOS=windows go vet ./...
	go tool -modfile=.ci/staticcheck.mod staticcheck ./...
	@d=$$(mktemp -d) && trap 'rm -rf "$$d"' EXIT && go tool -modfile=.ci/buf.mod buf generate --template shared/rpc/buf.gen.yaml -o "$$d" && \
	  for f in $$d/shared/rpc/responderpb/*; do cmp "$$f" "shared/rpc/responderpb/$$(basename $$f)" || { echo "run make generate"; exit 1; }; done
