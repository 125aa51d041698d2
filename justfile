# Short names for the commands of README.md and .ci/run. Nothing here does more than they do.

# Lists the names.
default:
    @just --list

# Every test.
test:
    cargo test --workspace

# Format and lints, as CI checks them.
lint:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings

# The documentation, warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The original's table.
table *FLAGS:
    cargo run -p bench-cli -- table {{FLAGS}}

# Any cells: `just run --parallel 1,16 --payload 4KiB`.
run *FLAGS:
    cargo run -p bench-cli -- run {{FLAGS}}

# Micro-benchmarks.
bench *FLAGS:
    cargo bench -p listenrain -p listenrain-transports {{FLAGS}}

# Every example.
examples:
    cargo run -p listenrain-transports --example sayhi
    cargo run -p listenrain-transports --example forward
    cargo run -p bench-cli --example custom_transport -- run --transport plain,tcp --parallel 1,16 --payload 4KiB --duration 300ms --warmup 100ms

# What the project claims, checked one by one.
shows:
    .ci/shows/all

# Licences, sources and advisories of dependencies; needs cargo-deny and the network.
deny:
    cargo deny check

# Everything that CI checks.
ci:
    .ci/run
