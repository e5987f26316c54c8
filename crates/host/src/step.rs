//! The steps by which machines and volumes are made, changed and removed.
//!
//! Each is recorded in the host's database before it acts, and each can be repeated: a host that
//! died in any of them goes on from there. Tests visit every one through [`CRASH_VARIABLE`].

use std::{fmt, str::FromStr, sync::OnceLock};

/// Test hook: a host whose environment names a step here aborts right after recording that step.
pub const CRASH_VARIABLE: &str = "ROOST_CRASH_AT";

/// The table of names; the order is that of a machine's life, then of a volume's.
macro_rules! steps {
    ($($(#[$doc:meta])* $step:ident = $name:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Step {
            $($(#[$doc])* $step,)*
        }

        impl Step {
            pub const ALL: &[Self] = &[$(Self::$step),*];

            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$step => $name),*
                }
            }
        }
    };
}

steps! {
    /// The machine is in the database; nothing else of it exists.
    Create = "create",
    /// A boot was asked for.
    Start = "start",
    /// Pull and convert the image, unless it is here.
    EnsureImage = "ensure-image",
    /// A fresh scratch disk in place of whatever was there.
    MakeScratch = "make-scratch",
    /// The machine's volumes are there, and nothing else reads or writes them.
    AttachVolumes = "attach-volumes",
    /// Tap, routes and rules.
    AttachNetwork = "attach-network",
    /// Jail and VMM process.
    SpawnVmm = "spawn-vmm",
    /// The guest's `init` answers.
    ConnectGuest = "connect-guest",
    /// `init` gets the run configuration and starts the processes.
    ConfigureGuest = "configure-guest",
    /// The processes run.
    Started = "started",
    /// A suspend was asked for.
    Suspend = "suspend",
    /// The guest's processors stand still.
    PauseGuest = "pause-guest",
    /// The guest's memory is written.
    SaveMemory = "save-memory",
    /// Only memory and scratch disk are left of the boot.
    Suspended = "suspended",
    /// A start of a suspended machine was asked for.
    Resume = "resume",
    /// A VMM process takes the memory.
    RestoreMemory = "restore-memory",
    /// Nothing is kept any more, and the guest runs on.
    ResumeGuest = "resume-guest",
    /// A new configuration is recorded in place of the old one, which may still run.
    Replace = "replace",
    /// A stop was asked for.
    Stop = "stop",
    /// The guest is told to end its processes.
    StopGuest = "stop-guest",
    /// How the processes ended is recorded; the guest may power off.
    RecordExit = "record-exit",
    /// No VMM process, no jail.
    ReleaseVmm = "release-vmm",
    /// No tap, no rules.
    DetachNetwork = "detach-network",
    /// No memory on disk.
    DropMemory = "drop-memory",
    /// No scratch disk.
    RemoveScratch = "remove-scratch",
    /// Nothing of the boot is left.
    Stopped = "stopped",
    /// A destroy was asked for.
    Destroy = "destroy",
    /// The machine's folder is gone and its addresses are free.
    Destroyed = "destroyed",
    /// A volume is in the database; nothing else of it exists.
    CreateVolume = "create-volume",
    /// Its disk is formatted, or filled.
    MakeVolume = "make-volume",
    /// The volume can be used.
    VolumeReady = "volume-ready",
    /// A machine has the volume now, or no longer.
    AssignVolume = "assign-volume",
    /// A larger size is recorded; disk and file system follow.
    ExtendVolume = "extend-volume",
    /// A snapshot is in the database.
    CreateSnapshot = "create-snapshot",
    /// The volume's contents go into the chunk store.
    TakeSnapshot = "take-snapshot",
    /// The snapshot can be restored.
    SnapshotReady = "snapshot-ready",
    /// The snapshot's list of contents is removed, then its record.
    RemoveSnapshot = "remove-snapshot",
    /// A volume was destroyed; its disk is still there.
    RetireVolume = "retire-volume",
    /// The disk is removed, then the record.
    RemoveVolume = "remove-volume",
}

impl Step {
    /// A step of a volume's life; the others are of a machine's.
    pub fn is_of_volumes(self) -> bool {
        matches!(
            self,
            Self::CreateVolume
                | Self::MakeVolume
                | Self::VolumeReady
                | Self::AssignVolume
                | Self::ExtendVolume
                | Self::CreateSnapshot
                | Self::TakeSnapshot
                | Self::SnapshotReady
                | Self::RemoveSnapshot
                | Self::RetireVolume
                | Self::RemoveVolume
        )
    }

    /// Aborts the process when a test asked for a crash at this step.
    pub fn crash_point(self) {
        static CRASH_AT: OnceLock<Option<Step>> = OnceLock::new();
        let crash_at =
            CRASH_AT.get_or_init(|| std::env::var(CRASH_VARIABLE).ok().and_then(|name| name.parse().ok()));
        if *crash_at == Some(self) {
            eprintln!("{CRASH_VARIABLE}={self}: aborting");
            std::process::abort();
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no step is called \"{0}\"")]
pub struct UnknownStep(String);

impl FromStr for Step {
    type Err = UnknownStep;

    fn from_str(name: &str) -> Result<Self, UnknownStep> {
        Self::ALL.iter().copied().find(|s| s.name() == name).ok_or_else(|| UnknownStep(name.to_owned()))
    }
}
