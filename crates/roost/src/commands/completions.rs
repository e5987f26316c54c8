//! `roost completions`: a script that completes commands and options in a shell.

use std::io::Write as _;

use clap::CommandFactory as _;
use clap_complete::Shell;

use crate::cli::Cli;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  roost completions bash > /etc/bash_completion.d/roost
  roost completions zsh  > \"${fpath[1]}/_roost\"
  roost completions fish > ~/.config/fish/completions/roost.fish")]
pub struct Args {
    /// The shell
    shell: Shell,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "roost", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(())
}
