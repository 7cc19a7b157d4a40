# Thin names over cargo; CONTRIBUTING.md says when to use which.

CARGO ?= cargo
VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
DIST := mailwake-$(VERSION)-$(shell uname -m)-linux

.PHONY: check format lint deny layering doc test e2e faults bench fuzz dist test-tools bench-tools

# All that a tool can hold.
check: format lint deny layering doc

format:
	$(CARGO) fmt --all -- --check

lint:
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Licences, banned crates and sources. The advisory database needs a network of its own
# and is asked for by name: cargo deny check advisories.
deny:
	@command -v cargo-deny >/dev/null || { \
	  echo "make deny: cargo-deny is missing: cargo install cargo-deny --locked" >&2; exit 1; }
	$(CARGO) deny --locked --log-level error check --hide-inclusion-graph bans licenses sources

# The arrows between the parts, file lengths, and docs/rfc.md.
layering:
	$(CARGO) test -p mailwake --locked --test it -- layering:: docs::

doc:
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --workspace --no-deps --locked

# Every test, with real MTAs. Those need root, the packages below and what ci/test-programs
# gets; MAILWAKE_SKIP_E2E=1 leaves them out and says so.
test: test-tools
	$(CARGO) test --workspace --locked

# Only the tests with a real Postfix and a running mailwake.
e2e: test-tools
	$(CARGO) test -p mailwake --locked --test it e2e -- --nocapture

# 200,000 events to endpoints that fail, with twenty kills: minutes. It tells what came of it.
faults: test-tools
	$(CARGO) test -p mailwake --locked --test it webhooks::faults -- --ignored --nocapture

bench: bench-tools
	$(CARGO) bench --workspace --locked

# Each fuzz target for a short time. It needs a nightly compiler, which nothing else does;
# docs/fuzzing.md says more. What is found that is new stays in fuzz/target.
SECONDS ?= 10
fuzz:
	@command -v cargo-fuzz >/dev/null || { \
	  echo "make fuzz: cargo-fuzz is missing: cargo install cargo-fuzz --locked" >&2; exit 1; }
	cd fuzz && $(CARGO) +nightly fuzz build
	cd fuzz && for target in $$($(CARGO) +nightly fuzz list); do \
	  mkdir -p target/found/$$target && \
	  $(CARGO) +nightly fuzz run $$target target/found/$$target corpus/$$target -- \
	    -max_total_time=$(SECONDS) -max_len=2048 -timeout=10 -verbosity=0 || exit 1; \
	done

# A tarball with the stripped binary, its configuration, documentation and licences.
dist:
	CARGO_PROFILE_RELEASE_STRIP=symbols $(CARGO) build --release --locked -p mailwake
	rm -rf target/dist/$(DIST)
	mkdir -p target/dist/$(DIST)/bin
	cp target/release/mailwake target/dist/$(DIST)/bin/
	cp -R etc docs README.md CHANGELOG.md LICENSE-MIT LICENSE-APACHE NOTICE target/dist/$(DIST)/
	ci/third_party_licences.py > target/dist/$(DIST)/THIRD-PARTY-LICENCES.txt
	tar -C target/dist --sort=name --owner=0 --group=0 --numeric-owner \
	  --mtime=@$$(git log -1 --format=%ct) -czf target/dist/$(DIST).tar.gz $(DIST)
	@echo target/dist/$(DIST).tar.gz

# $(call need,PROGRAM,PACKAGE): an error that names the package, where the program is missing.
need = PATH="$$PATH:/usr/sbin:/sbin"; command -v $(1) >/dev/null || { \
	echo "make: $(1) is missing: apt-get install $(2)" >&2; exit 1; }

test-tools:
	@test -n "$$MAILWAKE_SKIP_E2E" || { $(call need,postfix,postfix); }
	@test -n "$$MAILWAKE_SKIP_E2E" || { $(call need,smtp-sink,postfix); }
	@test -n "$$MAILWAKE_SKIP_E2E" || { $(call need,swaks,swaks); }
	@test -n "$$MAILWAKE_SKIP_E2E" || { $(call need,python3,python3); }
	@test -n "$$MAILWAKE_SKIP_E2E" || { $(call need,unshare,util-linux); }
	@test -n "$$MAILWAKE_SKIP_E2E" || test -e target/test-programs/complete || ci/test-programs

bench-tools:
	@$(call need,smtp-source,postfix)
	@$(call need,haproxy,haproxy)
	@$(call need,nginx,nginx-light)
	@$(call need,wrk,wrk)
