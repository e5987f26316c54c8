//! Questions before what can not be undone.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::Context as _;

use crate::failure::OrNext as _;

/// Goes on only when a person says so.
pub fn confirm(question: &str) -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        return Err(anyhow::anyhow!("nobody is there to confirm")).or_next("add --yes");
    }
    eprint!("{question} [y/N] ");
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer).context("cannot read the answer")?;
    anyhow::ensure!(matches!(answer.trim(), "y" | "Y" | "yes"), "nothing was destroyed");
    Ok(())
}
