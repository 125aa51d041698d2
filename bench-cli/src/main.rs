//! The tool with the transports that come with it.

use std::process::ExitCode;

use bench_cli::Registry;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    bench_cli::main_with(Registry::standard().with_allocator("mimalloc"))
}
