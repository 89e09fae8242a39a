//! HMAC-SHA256 (RFC 2104).

use sha2::{Digest, Sha256};

/// Length of a block of SHA-256 in bytes.
const BLOCK_BYTES: usize = 64;

/// Returns the HMAC-SHA256 of the parts of a message, one after the other.
pub fn hmac_sha256(key: &[u8], message: &[&[u8]]) -> [u8; 32] {
    let hashed: [u8; 32];
    let key = match key.len() > BLOCK_BYTES {
        true => {
            hashed = Sha256::digest(key).into();
            &hashed
        }
        false => key,
    };
    let keyed = |pad: u8| {
        let mut block = [pad; BLOCK_BYTES];
        block.iter_mut().zip(key).for_each(|(byte, key)| *byte ^= key);
        Sha256::new_with_prefix(block)
    };
    let mut inner = keyed(0x36);
    message.iter().for_each(|part| inner.update(part));
    keyed(0x5c).chain_update(inner.finalize()).finalize().into()
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;

    use super::hmac_sha256;

    /// RFC 4231 sections 4.2 to 4.4, 4.7 and 4.8.
    #[test]
    fn test_vectors() {
        let rows: [(&[u8], &[u8], &str); 5] = [
            (
                &[0x0b; 20],
                b"Hi There",
                "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7",
            ),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (
                &[0xaa; 20],
                &[0xdd; 50],
                "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe",
            ),
            (
                &[0xaa; 131],
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
            (
                &[0xaa; 131],
                b"This is a test using a larger than block-size key and a larger than block-size \
                  data. The key needs to be hashed before being used by the HMAC algorithm.",
                "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2",
            ),
        ];
        for (key, message, expected) in rows {
            assert_eq!(HEXLOWER.encode(&hmac_sha256(key, &[message])), expected);
            let (start, end) = message.split_at(message.len() / 3);
            assert_eq!(HEXLOWER.encode(&hmac_sha256(key, &[start, b"", end])), expected);
        }
    }

    #[test]
    fn a_key_of_a_block_is_not_hashed() {
        let of = |bytes: usize| hmac_sha256(&vec![1; bytes], &[b"a"]);
        assert_ne!(of(64), of(65));
        let padded = [[1; 63].as_slice(), &[0]].concat();
        assert_eq!(of(63), hmac_sha256(&padded, &[b"a"]));
    }
}
