//! Names for machines that nobody named: the same id always gives the same name.

use roost_model::MachineId;

const FIRST: [&str; 16] = [
    "quiet", "bright", "amber", "brisk", "calm", "early", "gentle", "keen", "late", "misty", "nimble",
    "polar", "rapid", "silver", "sunny", "wild",
];

const SECOND: [&str; 16] = [
    "wren", "river", "meadow", "falcon", "cedar", "harbor", "heron", "lark", "maple", "otter", "pine",
    "robin", "sparrow", "stone", "swift", "willow",
];

/// A name such as `brisk-heron-0412`.
pub fn name_for(id: &MachineId) -> String {
    // An id is 14 hex digits, checked when it was made.
    let number = u64::from_str_radix(id.as_str(), 16).unwrap_or_default();
    let (first, second) = (FIRST[(number & 15) as usize], SECOND[(number >> 4 & 15) as usize]);
    format!("{first}-{second}-{:04}", (number >> 8) % 10_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_follows_from_the_id() {
        let id: MachineId = "0000000000ff12".parse().unwrap();
        assert_eq!(name_for(&id), "amber-river-0255");
        assert_ne!(name_for(&MachineId::generate()), name_for(&MachineId::generate()));
    }
}
