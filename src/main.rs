//! `orloj-operator`: see `orloj-operator --help`.

use std::process::ExitCode;

// the default allocator keeps much of what a first list took
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // fails only if one is installed already
    let _ = rustls::crypto::ring::default_provider().install_default();
    orloj_operator::cli::main(std::env::args_os())
}
