//! Machines under Firecracker, started through its jailer.

use std::path::{Path, PathBuf};

use crate::{JailSpec, Vm, VmSpec, VmmError};

#[derive(Debug)]
pub struct Firecracker {
    program: PathBuf,
}

impl Firecracker {
    pub(crate) fn new(program: &Path, _jailer: &Path, _kernel_args: Vec<String>) -> Self {
        Self { program: program.to_owned() }
    }

    pub(crate) async fn spawn(&self, _spec: &VmSpec) -> Result<Vm, VmmError> {
        Err(VmmError::NoDriver(self.program.display().to_string()))
    }
}

pub(crate) async fn adopt(_jail: &JailSpec) -> Result<Option<Vm>, VmmError> {
    Ok(None)
}
