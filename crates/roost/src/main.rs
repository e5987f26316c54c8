//! `roost`: the command line, and the server behind it.
//!
//! `cli` names the commands; `commands` holds one file for each, the story of what it does;
//! `server` starts the roles in one process; `output` is how results and progress are shown.

mod app_file;
mod cli;
mod commands;
mod config;
mod credentials;
mod failure;
mod output;
mod server;

use std::process::ExitCode;

use clap::Parser as _;

#[global_allocator]
static ALLOCATOR: roost_memory::Allocator = roost_memory::Allocator;

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    match commands::run(cli) {
        Ok(code) => code,
        Err(error) => failure::report(&error),
    }
}
