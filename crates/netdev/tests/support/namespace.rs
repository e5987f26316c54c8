//! Named network namespaces, gone when the test is.

use std::{fs::File, path::PathBuf, process::Command, thread};

use nix::sched::{CloneFlags, setns};

pub struct Namespace {
    pub name: String,
}

impl Namespace {
    pub fn create(name: &str) -> Self {
        run("ip", &format!("netns add {name}"));
        let namespace = Self::existing(name);
        namespace.ip("link set lo up");
        namespace
    }

    /// Takes over one that somebody else made.
    pub fn existing(name: &str) -> Self {
        Self { name: name.into() }
    }

    pub fn ip(&self, arguments: &str) {
        run("ip", &format!("-n {} {arguments}", self.name));
    }

    /// Runs on a thread inside.
    pub fn enter<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let path = PathBuf::from("/run/netns").join(&self.name);
        let inside = move || {
            setns(File::open(path).unwrap(), CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::spawn(inside).join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // Gone already if the test removed it.
        let _ = Command::new("ip").args(["netns", "delete", &self.name]).output();
    }
}

pub fn run(program: &str, arguments: &str) {
    let output = Command::new(program)
        .args(arguments.split_whitespace())
        .output()
        .unwrap_or_else(|e| panic!("{program}: {e}; apt-get install iproute2"));
    assert!(output.status.success(), "{program} {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}
