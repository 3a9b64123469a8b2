//! Arguments, then one call into the library.

use clap::Parser;
use std::process::ExitCode;

fn main() -> ExitCode {
    skvoz::cli::main(skvoz::cli::Arguments::parse())
}
