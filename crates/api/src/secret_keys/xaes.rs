//! XAES-256-GCM (C2SP): AES-256-GCM under a key derived for each nonce, so that random nonces of 24 bytes are safe.

use aes::{
    Aes256,
    cipher::{BlockCipherEncrypt as _, KeyInit as _},
};
use ring::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use zeroize::Zeroizing;

type Key = [u8; 32];

/// The first 12 bytes choose the key, the others are the nonce under it.
type LongNonce = [u8; 24];

pub fn seal(key: &Key, nonce: &LongNonce, message: &[u8], associated: &[u8]) -> Vec<u8> {
    let mut sealed = message.to_vec();
    let (key, nonce) = derive(key, nonce);
    // Only a message of over 64 GiB can fail.
    key.seal_in_place_append_tag(nonce, Aad::from(associated), &mut sealed)
        .expect("the message is within the cipher's limit");
    sealed
}

/// `None` if it was not sealed so.
pub fn open(key: &Key, nonce: &LongNonce, sealed: &[u8], associated: &[u8]) -> Option<Vec<u8>> {
    let mut message = sealed.to_vec();
    let (key, nonce) = derive(key, nonce);
    let length = key.open_in_place(nonce, Aad::from(associated), &mut message).ok()?.len();
    message.truncate(length);
    Some(message)
}

fn derive(key: &Key, nonce: &LongNonce) -> (LessSafeKey, Nonce) {
    let cipher = Aes256::new(key.into());
    let encrypt = |block: [u8; 16]| -> [u8; 16] {
        let mut block = block.into();
        cipher.encrypt_block(&mut block);
        block.into()
    };
    let subkey = double(encrypt([0; 16]));
    let half = |counter: u8| {
        let mut block = [0; 16];
        block[..4].copy_from_slice(&[0, counter, b'X', 0]);
        block[4..].copy_from_slice(&nonce[..12]);
        block.iter_mut().zip(subkey).for_each(|(byte, mask)| *byte ^= mask);
        encrypt(block)
    };
    let mut derived = Zeroizing::new([0; 32]);
    derived[..16].copy_from_slice(&half(1));
    derived[16..].copy_from_slice(&half(2));
    let key = UnboundKey::new(&AES_256_GCM, &derived[..]).expect("a key's length");
    let short = nonce[12..].try_into().expect("a nonce's length");
    (LessSafeKey::new(key), Nonce::assume_unique_for_key(short))
}

/// Doubling in GF(2^128), as CMAC (RFC 4493) makes its first subkey.
fn double(block: [u8; 16]) -> [u8; 16] {
    let number = u128::from_be_bytes(block);
    let carry = if number >> 127 == 1 { 0x87 } else { 0 };
    (number << 1 ^ carry).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_vectors() {
        let nonce = b"ABCDEFGHIJKLMNOPQRSTUVWX";
        let sealed = seal(&[1; 32], nonce, b"XAES-256-GCM", b"");
        assert_eq!(hex::encode(&sealed), "ce546ef63c9cc60765923609b33a9a1974e96e52daf2fcf7075e2271");
        assert_eq!(open(&[1; 32], nonce, &sealed, b"").unwrap(), b"XAES-256-GCM");
        let sealed = seal(&[3; 32], nonce, b"XAES-256-GCM", b"c2sp.org/XAES-256-GCM");
        assert_eq!(hex::encode(&sealed), "986ec1832593df5443a179437fd083bf3fdb41abd740a21f71eb769d");
        assert_eq!(open(&[3; 32], nonce, &sealed, b"other"), None);
    }
}
