//! Disks, told apart by their virtio serial.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use crate::{Error, Result};

/// The kernel probes devices while `init` already runs.
const PROBE_TIME: Duration = Duration::from_secs(5);
const PROBE_PAUSE: Duration = Duration::from_millis(10);

/// virtio-blk serials are cut at this length.
const SERIAL_LENGTH: usize = 20;

/// On the kernel's command line: serials of `vda`, `vdb` and so on, for a VMM that cannot set serials.
const DISKS_PARAMETER: &str = "roost.disks=";

/// Device of the disk with this serial.
pub fn find(serial: &str) -> Result<PathBuf> {
    let give_up = Instant::now() + PROBE_TIME;
    loop {
        if let Some(device) = look(serial) {
            return Ok(device);
        }
        if Instant::now() > give_up {
            return Err(Error::new(format!("the machine has no disk with the serial {serial}")));
        }
        sleep(PROBE_PAUSE);
    }
}

fn look(serial: &str) -> Option<PathBuf> {
    let command_line = fs::read_to_string("/proc/cmdline").unwrap_or_default();
    if let Some(device) = position(&command_line, serial) {
        return device.exists().then_some(device);
    }
    fs::read_dir("/sys/block").ok()?.flatten().find_map(|entry| {
        let found = fs::read_to_string(entry.path().join("serial")).ok()?;
        same_serial(found.trim(), serial).then(|| PathBuf::from("/dev").join(entry.file_name()))
    })
}

/// Where the command line says the disk is.
fn position(command_line: &str, serial: &str) -> Option<PathBuf> {
    let list = command_line.split_whitespace().find_map(|word| word.strip_prefix(DISKS_PARAMETER))?;
    let letters = b'a'..=b'z';
    let (_, letter) = list.split(',').zip(letters).find(|(listed, _)| same_serial(listed, serial))?;
    Some(PathBuf::from(format!("/dev/vd{}", char::from(letter))))
}

fn same_serial(found: &str, wanted: &str) -> bool {
    found.as_bytes() == &wanted.as_bytes()[..wanted.len().min(SERIAL_LENGTH)] || found == wanted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_disks_in_their_order() {
        let line = "console=ttyS0 roost.disks=roost-image,roost-scratch,vol_123 quiet";
        assert_eq!(position(line, "roost-scratch"), Some(PathBuf::from("/dev/vdb")));
        assert_eq!(position(line, "vol_123"), Some(PathBuf::from("/dev/vdc")));
        assert_eq!(position(line, "vol_999"), None);
        assert_eq!(position("quiet", "roost-image"), None);
    }

    #[test]
    fn a_serial_is_compared_as_far_as_a_disk_can_carry_it() {
        assert!(same_serial("vol_0123456789abcdef", "vol_0123456789abcdefgh"));
        assert!(!same_serial("roost", "roost-image"));
    }
}
