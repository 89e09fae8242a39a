//! Recognises private keys, which are published only on request.

/// Number of bytes searched at the beginning of a file.
pub const HEAD_BYTES: usize = 64 * 1024;

/// Returns whether a file with this name and beginning holds a private key.
pub fn is_private_key(path: &str, head: &[u8]) -> bool {
    let head = head.get(..HEAD_BYTES).unwrap_or(head);
    let name = path.rsplit('/').next().unwrap_or(path).to_ascii_lowercase();
    let is_key_file = name.ends_with(".pem")
        || name.ends_with(".key")
        || (name.starts_with("id_") && !name.contains('.'));
    let start = head.trim_ascii_start();
    let first_line = start.split(|b| *b == b'\n').next().unwrap_or(start);
    if is_key_line(first_line) {
        return true;
    }
    is_key_file && head.split(|b| *b == b'\n').any(|line| is_key_line(line.trim_ascii()))
}

fn is_key_line(line: &[u8]) -> bool {
    let line = line.trim_ascii_end();
    line.starts_with(b"-----BEGIN ") && line.ends_with(b"PRIVATE KEY-----")
        || line.starts_with(b"-----BEGIN PGP PRIVATE KEY BLOCK-----")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_keys() {
        let key = b"-----BEGIN RSA PRIVATE KEY-----\nMIIE\n";
        let late = b"Bag Attributes\n-----BEGIN PRIVATE KEY-----\nMIIE\n";
        let rows: [(&str, &[u8], bool); 9] = [
            ("/a.txt", key, true),
            ("/id_rsa", b"\n-----BEGIN OPENSSH PRIVATE KEY-----\r\n", true),
            ("/k.pem", late, true),
            ("/K.KEY", late, true),
            ("/a.txt", late, false),
            ("/cert.pem", b"-----BEGIN CERTIFICATE-----\n", false),
            ("/k.asc", b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n", true),
            ("/k.pem", b"-----BEGIN PUBLIC KEY-----\n", false),
            ("/empty.pem", b"", false),
        ];
        for (path, head, expected) in rows {
            assert_eq!(is_private_key(path, head), expected, "{path}");
        }
    }
}
