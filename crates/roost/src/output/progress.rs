//! Progress on stderr: a moving line on a terminal, a line for each step elsewhere.

use std::{
    io::{IsTerminal as _, stderr},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};

/// Time between frames of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// Starts steps and prints notes between them.
#[derive(Debug, Clone, Copy)]
pub struct Progress {
    moving: bool,
}

impl Progress {
    pub fn new() -> Self {
        Self { moving: stderr().is_terminal() }
    }

    /// A step that takes time; it ends with [`Step::done`], or is erased when dropped.
    pub fn step(self, title: impl Into<String>) -> Step {
        let title = title.into();
        let bar = self.moving.then(|| {
            let bar = ProgressBar::new_spinner().with_message(title.clone());
            bar.set_style(ProgressStyle::with_template("{spinner} {wide_msg}").expect("a valid template"));
            bar.enable_steady_tick(TICK);
            bar
        });
        if bar.is_none() {
            eprintln!("==> {title}");
        }
        Step { title, bar, began: Instant::now() }
    }

    /// Something worth knowing that is no step.
    pub fn note(self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    pub fn warn(self, text: impl AsRef<str>) {
        eprintln!("warning: {}", text.as_ref());
    }
}

/// A step under way.
pub struct Step {
    title: String,
    bar: Option<ProgressBar>,
    began: Instant,
}

impl Step {
    /// How far the step is: replaces the line on a terminal, says nothing elsewhere.
    pub fn at(&self, detail: &str) {
        if let Some(bar) = &self.bar {
            bar.set_message(format!("{}: {detail}", self.title));
        }
    }

    /// A line that stays, such as a build's output.
    pub fn line(&self, text: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| eprintln!("    {text}")),
            None => eprintln!("    {text}"),
        }
    }

    pub fn done(self, result: &str) {
        let took = self.began.elapsed().as_secs_f32();
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        eprintln!("  ✓ {}: {result} ({took:.1}s)", self.title);
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
