//! The ELF kernel inside a bzImage. Format: the kernel's Documentation/arch/x86/boot.rst.

use std::{io::Read, path::Path};

use crate::KernelError;

/// Offsets in the setup header.
const SETUP_SECTORS: usize = 0x1f1;
const MAGIC: usize = 0x202;
const PROTOCOL: usize = 0x206;
const PAYLOAD_OFFSET: usize = 0x248;
const PAYLOAD_LENGTH: usize = 0x24c;

/// The first protocol that says where the payload is (Linux 2.6.26).
const OLDEST_PROTOCOL: u16 = 0x208;

/// No kernel is larger; a damaged one may claim to be.
const MAX_KERNEL: u64 = 1 << 30;

const GZIP: &[u8] = &[0x1f, 0x8b];
const XZ: &[u8] = &[0xfd, b'7', b'z', b'X', b'Z', 0];
const ZSTD: &[u8] = &[0x28, 0xb5, 0x2f, 0xfd];
const LZ4: &[u8] = &[0x02, 0x21, 0x4c, 0x18];
const ELF: &[u8] = b"\x7fELF";

/// The ELF file in `bytes`, which are those of a bzImage or of an ELF file itself.
pub fn extract(bytes: Vec<u8>, path: &Path) -> Result<Vec<u8>, KernelError> {
    if bytes.starts_with(ELF) {
        return Ok(bytes);
    }
    let damaged = |reason: String| KernelError::Damaged { path: path.to_owned(), reason };
    let payload = payload(&bytes).ok_or_else(|| KernelError::NotAKernel { path: path.to_owned() })?;
    let elf = decompress(payload)
        .ok_or_else(|| KernelError::Compression { path: path.to_owned() })?
        .map_err(|error| damaged(error.to_string()))?;
    if elf.starts_with(ELF) { Ok(elf) } else { Err(damaged("its payload is no ELF file".into())) }
}

fn payload(image: &[u8]) -> Option<&[u8]> {
    if image.get(MAGIC..MAGIC + 4)? != b"HdrS" || number16(image, PROTOCOL)? < OLDEST_PROTOCOL {
        return None;
    }
    // 0 means 4, for the sake of very old loaders.
    let sectors = match *image.get(SETUP_SECTORS)? {
        0 => 4,
        sectors => usize::from(sectors),
    };
    let start = (sectors + 1) * 512 + number32(image, PAYLOAD_OFFSET)?;
    image.get(start..start.checked_add(number32(image, PAYLOAD_LENGTH)?)?)
}

/// Nothing if the compression is not known. The payload's last four bytes are its uncompressed size.
fn decompress(payload: &[u8]) -> Option<std::io::Result<Vec<u8>>> {
    Some(if payload.starts_with(GZIP) {
        read_all(flate2::read::GzDecoder::new(payload))
    } else if payload.starts_with(XZ) {
        read_all(liblzma::read::XzDecoder::new(payload))
    } else if payload.starts_with(ZSTD) {
        zstd::stream::read::Decoder::new(payload).and_then(|decoder| read_all(decoder.single_frame()))
    } else if payload.starts_with(LZ4) {
        unpack_lz4(payload)
    } else if payload.starts_with(ELF) {
        Ok(payload.to_vec())
    } else {
        return None;
    })
}

fn read_all(reader: impl Read) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    reader.take(MAX_KERNEL).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The legacy frame of `lz4 -l`: blocks of up to 8 MiB, each after its compressed length.
fn unpack_lz4(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    const BLOCK: usize = 8 << 20;
    let mut kernel = Vec::new();
    let mut at = LZ4.len();
    // What follows the last block is too short for a block.
    while let Some(length) = number32(payload, at)
        && let Some(block) = payload.get(at + 4..at + 4 + length)
    {
        let unpacked = lz4_flex::block::decompress(block, BLOCK).map_err(std::io::Error::other)?;
        kernel.extend_from_slice(&unpacked);
        at += 4 + length;
    }
    Ok(kernel)
}

fn number16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn number32(bytes: &[u8], at: usize) -> Option<usize> {
    usize::try_from(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn elf() -> Vec<u8> {
        [ELF, "kernel ".repeat(5000).as_bytes()].concat()
    }

    fn image_of(mut payload: Vec<u8>, size: usize) -> Vec<u8> {
        payload.extend(u32::try_from(size).unwrap().to_le_bytes());
        let mut image = vec![0; 3 * 512 + 0x100];
        image[SETUP_SECTORS] = 2;
        image[MAGIC..MAGIC + 4].copy_from_slice(b"HdrS");
        image[PROTOCOL..PROTOCOL + 2].copy_from_slice(&0x20fu16.to_le_bytes());
        image[PAYLOAD_OFFSET..PAYLOAD_OFFSET + 4].copy_from_slice(&0x100u32.to_le_bytes());
        image[PAYLOAD_LENGTH..PAYLOAD_LENGTH + 4]
            .copy_from_slice(&u32::try_from(payload.len()).unwrap().to_le_bytes());
        image.extend(payload);
        image.extend(b"what a signature adds");
        image
    }

    fn lz4_of(bytes: &[u8]) -> Vec<u8> {
        let block = lz4_flex::block::compress(bytes);
        [LZ4, &u32::try_from(block.len()).unwrap().to_le_bytes(), &block].concat()
    }

    #[test]
    fn every_compression_gives_the_same_kernel() {
        let elf = elf();
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&elf).unwrap();
        let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
        xz.write_all(&elf).unwrap();
        let payloads = [
            gzip.finish().unwrap(),
            xz.finish().unwrap(),
            zstd::encode_all(&elf[..], 1).unwrap(),
            lz4_of(&elf),
            elf.clone(),
        ];
        for payload in payloads {
            let image = image_of(payload, elf.len());
            assert!(extract(image, Path::new("vmlinuz")).unwrap().starts_with(&elf));
        }
        assert_eq!(extract(elf.clone(), Path::new("vmlinux")).unwrap(), elf);
    }

    #[test]
    fn what_is_no_kernel_is_refused_with_its_path() {
        let refused = |bytes: Vec<u8>| extract(bytes, Path::new("/boot/x")).unwrap_err();
        assert!(matches!(refused(vec![0; 4096]), KernelError::NotAKernel { .. }));
        assert!(matches!(refused(vec![]), KernelError::NotAKernel { .. }));
        assert!(matches!(refused(image_of(b"LZO?".repeat(20), 1)), KernelError::Compression { .. }));
        let mut torn = zstd::encode_all(&elf()[..], 1).unwrap();
        torn.truncate(20);
        assert!(matches!(refused(image_of(torn, 1)), KernelError::Damaged { .. }));
        let mut overrun = image_of(elf(), 1);
        overrun.truncate(2000);
        assert!(refused(overrun).to_string().contains("/boot/x"));
    }
}
