//! What executes a guest's instructions.

use std::{arch::x86_64::_rdtsc, sync::OnceLock, time::Duration};

use nix::time::{ClockId, clock_gettime};

use crate::TRANSLATION_CACHE_MIB;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    Kvm,
    /// QEMU's translator: works everywhere, slowly.
    Tcg,
}

impl Accelerator {
    pub fn name(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            Self::Tcg => "tcg",
        }
    }

    pub(super) fn argument(self) -> String {
        match self {
            Self::Kvm => "kvm".into(),
            Self::Tcg => format!("tcg,thread=multi,tb-size={TRANSLATION_CACHE_MIB}"),
        }
    }

    pub(super) fn cpu_model(self) -> &'static str {
        match self {
            Self::Kvm => "host",
            // All that the translator knows: images built for newer x86-64 levels run too. 5-level page
            // tables would only make every translated address slower.
            Self::Tcg => "max,la57=off",
        }
    }

    /// Kernel arguments that this way of execution needs.
    pub(super) fn kernel_args(self) -> Vec<String> {
        match self {
            Self::Kvm => Vec::new(),
            // There is no timer precise enough to calibrate against under translation, and a kernel that
            // tries hangs. The guest's TSC is the host's.
            Self::Tcg => vec![format!("tsc_early_khz={}", host_tsc_khz()), "tsc=reliable".into()],
        }
    }
}

/// Long enough to be right within 0.01 %.
const MEASURE: Duration = Duration::from_millis(20);

/// Ticks of the host's time stamp counter in a millisecond. Measured once; takes [`MEASURE`].
fn host_tsc_khz() -> u64 {
    static KHZ: OnceLock<u64> = OnceLock::new();
    *KHZ.get_or_init(|| {
        let now = || clock_gettime(ClockId::CLOCK_MONOTONIC_RAW).map(Duration::from).unwrap_or_default();
        // SAFETY: every x86-64 processor has the instruction.
        let ticks = || unsafe { _rdtsc() };
        let (start, first) = (now(), ticks());
        while now() - start < MEASURE {
            std::hint::spin_loop();
        }
        let (end, last) = (now(), ticks());
        let nanos = (end - start).as_nanos().max(1);
        (u128::from(last - first) * 1_000_000 / nanos) as u64
    })
}
