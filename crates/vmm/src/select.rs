//! Chooses a driver, and can say why.

use std::{path::Path, sync::Arc};

use crate::{
    BootFiles, Driver, DriverChoice, VmmConfig, VmmError,
    error::Context,
    firecracker::Firecracker,
    probe::{self, Verdict},
    programs,
    qemu::{Accelerator, Qemu},
};

pub(crate) async fn select(
    config: &VmmConfig,
    boot: &BootFiles,
    state_dir: &Path,
) -> Result<(Driver, String), VmmError> {
    std::fs::create_dir_all(state_dir).context(|| format!("making {}", state_dir.display()))?;
    let candidates = Candidates { config, boot, state_dir };
    match config.driver {
        DriverChoice::Auto => candidates.best().await,
        DriverChoice::Qemu => candidates.qemu().await.map(|(d, why)| (d, format!("configured; {why}"))),
        DriverChoice::Firecracker => {
            candidates.firecracker().await.map(|(d, why)| (d, format!("configured; {why}")))
        }
    }
}

struct Candidates<'a> {
    config: &'a VmmConfig,
    boot: &'a BootFiles,
    state_dir: &'a Path,
}

impl Candidates<'_> {
    async fn best(&self) -> Result<(Driver, String), VmmError> {
        let refusal = match self.firecracker().await {
            Ok(chosen) => return Ok(chosen),
            Err(error) => error,
        };
        match self.qemu().await {
            Ok((driver, why)) => Ok((driver, format!("{why} (firecracker: {refusal})"))),
            Err(error) => Err(VmmError::NoDriver(format!("qemu: {error}; firecracker: {refusal}"))),
        }
    }

    async fn firecracker(&self) -> Result<(Driver, String), VmmError> {
        let program = programs::find(&self.config.firecracker, programs::INSTALL_FIRECRACKER)?;
        let jailer = programs::find(&self.config.jailer, programs::INSTALL_FIRECRACKER)?;
        probe::kvm_device().map_err(VmmError::NoDriver)?;
        let firecracker = Firecracker::new(&program, &jailer, self.config.kernel_args.clone());
        let driver = Driver::Firecracker(Arc::new(firecracker));
        match probe::boots(&driver, &program, self.boot, self.state_dir).await {
            Verdict::Works => Ok((driver, "a guest booted under KVM".into())),
            Verdict::Fails(why) => Err(VmmError::NoDriver(why)),
        }
    }

    /// Under KVM if a guest boots there, else translated.
    async fn qemu(&self) -> Result<(Driver, String), VmmError> {
        let program = programs::find(&self.config.qemu, programs::INSTALL_QEMU)?;
        let with = |accelerator| {
            let args = self.config.kernel_args.clone();
            Qemu::new(&program, accelerator, args, self.state_dir).map(|qemu| Driver::Qemu(Arc::new(qemu)))
        };
        let why_not = match probe::kvm_device() {
            Err(reason) => reason,
            Ok(()) => {
                let driver = with(Accelerator::Kvm)?;
                match probe::boots(&driver, &program, self.boot, self.state_dir).await {
                    Verdict::Works => return Ok((driver, "a guest booted under KVM".into())),
                    Verdict::Fails(reason) => reason,
                }
            }
        };
        Ok((with(Accelerator::Tcg)?, format!("machines are emulated, which is slow: {why_not}")))
    }
}
