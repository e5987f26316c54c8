//! What the kernel says of itself.

/// `Linux version 6.1.0 (builder@host) ...`
const BANNER: &[u8] = b"Linux version ";

/// The parameter by which a command line names virtio-mmio devices; a kernel built without it has not
/// got the text.
const COMMAND_LINE_DEVICES: &[u8] = b"virtio_mmio.device\0";

/// Note type of Xen's PVH entry, which QEMU and others use (xen/include/public/elfnote.h).
const PVH_ENTRY: u32 = 18;
const PROGRAM_NOTE: u32 = 4;

/// `uname -r`.
pub fn version(elf: &[u8]) -> Option<String> {
    // The text also begins format strings, which no version follows.
    positions(elf, BANNER)
        .map(|at| &elf[at + BANNER.len()..])
        .filter(|rest| rest.first().is_some_and(u8::is_ascii_digit))
        .find_map(|rest| {
            let end = rest.iter().take(65).position(|byte| *byte == b' ')?;
            String::from_utf8(rest[..end].to_vec()).ok()
        })
}

pub fn finds_devices_on_command_line(elf: &[u8]) -> bool {
    positions(elf, COMMAND_LINE_DEVICES).next().is_some()
}

/// Whether the file can be entered by PVH: a note of that type in a program header (`man 5 elf`).
pub fn has_pvh_entry(elf: &[u8]) -> bool {
    program_notes(elf).is_some_and(|segments| segments.into_iter().any(holds_pvh_entry))
}

fn program_notes(elf: &[u8]) -> Option<Vec<&[u8]>> {
    let table = number(elf, 32, 8)?;
    let (size, count) = (number(elf, 54, 2)?, number(elf, 56, 2)?);
    let mut notes = Vec::new();
    for index in 0..count {
        let header = elf.get(table.checked_add(index * size)?..)?;
        if number(header, 0, 4)? == PROGRAM_NOTE as usize {
            let (offset, length) = (number(header, 8, 8)?, number(header, 32, 8)?);
            notes.push(elf.get(offset..offset.checked_add(length)?)?);
        }
    }
    Some(notes)
}

/// Notes: lengths of name and content, type, name, content; each padded to 4 bytes.
fn holds_pvh_entry(mut notes: &[u8]) -> bool {
    while let (Some(name), Some(content), Some(kind)) =
        (number(notes, 0, 4), number(notes, 4, 4), number(notes, 8, 4))
    {
        if kind == PVH_ENTRY as usize && notes.get(12..15) == Some(b"Xen") {
            return true;
        }
        let length = 12 + name.next_multiple_of(4) + content.next_multiple_of(4);
        let Some(rest) = notes.get(length..) else { return false };
        notes = rest;
    }
    false
}

fn number(bytes: &[u8], at: usize, size: usize) -> Option<usize> {
    let mut wide = [0; 8];
    wide[..size].copy_from_slice(bytes.get(at..at + size)?);
    usize::try_from(u64::from_le_bytes(wide)).ok()
}

fn positions(haystack: &[u8], needle: &'static [u8]) -> impl Iterator<Item = usize> {
    memchr::memmem::find_iter(haystack, needle)
}
