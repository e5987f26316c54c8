//! The kernel's modules, as many as the initramfs brings.

use std::{collections::VecDeque, fs, fs::File, os::fd::AsRawFd};

use crate::{Context, Error, Result, channel};

/// A name a line, in the order in which they are to be loaded.
const LIST: &str = "/modules/list";

/// Drivers of what differs from machine to machine.
const OF_ONE_MACHINE: [&str; 2] = ["virtio_blk", "virtio_net"];

/// Those that are not loaded yet.
#[derive(Debug)]
pub struct Modules {
    names: VecDeque<String>,
    /// For when the machine is known.
    held: VecDeque<String>,
}

impl Modules {
    /// None of a kernel that has everything built in.
    pub fn listed() -> Modules {
        let list = fs::read_to_string(LIST).unwrap_or_default();
        Modules { names: list.lines().map(str::to_owned).collect(), held: VecDeque::new() }
    }

    /// Loads all that serves any machine, and holds back what looks at the devices of one.
    pub fn load_shared(&mut self) -> Result<()> {
        let (held, shared) = self.names.drain(..).partition(|name| OF_ONE_MACHINE.contains(&name.as_str()));
        self.names = shared;
        self.load_listed()?;
        self.held = held;
        Ok(())
    }

    /// What was held back is to be loaded with the others from now on.
    pub fn release(&mut self) {
        self.names.extend(self.held.drain(..));
    }

    /// Loads the next one and gives its file's memory back; its name, if there was one.
    pub fn load_next(&mut self) -> Result<Option<String>> {
        let Some(name) = self.names.pop_front() else { return Ok(None) };
        // A machine has one of two channels to its host.
        if name.contains("vsock") && !channel::has_vsock_device() {
            return Ok(Some(name));
        }
        let path = format!("/modules/{name}.ko");
        load(&path)?;
        let _memory_only = fs::remove_file(&path);
        Ok(Some(name))
    }

    pub fn load_rest(&mut self) -> Result<()> {
        self.release();
        self.load_listed()
    }

    fn load_listed(&mut self) -> Result<()> {
        while self.load_next()?.is_some() {}
        Ok(())
    }

    /// Nothing is left but what is held back.
    pub fn is_done(&self) -> bool {
        self.names.is_empty()
    }
}

fn load(path: &str) -> Result<()> {
    let file = File::open(path).context(|| format!("open {path}"))?;
    // SAFETY: the descriptor is open and the parameters are a valid empty C string.
    let result = unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    let error = std::io::Error::last_os_error();
    if result == 0 || error.raw_os_error() == Some(libc::EEXIST) {
        return Ok(());
    }
    Err(Error::new(format!("load the kernel module {path}: {error}")))
}
