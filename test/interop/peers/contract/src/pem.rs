//! PEM and hexadecimal, so that the peers need no library for them.

/// The contents of the first PEM block in `text` (RFC 7468), as DER.
pub fn decode_pem(text: &str) -> Result<Vec<u8>, String> {
    let body = text
        .split_once("-----BEGIN ")
        .and_then(|(_, rest)| rest.split_once("-----\n"))
        .and_then(|(_, rest)| rest.split_once("-----END "))
        .ok_or("no PEM block")?
        .0;
    let mut bytes = Vec::new();
    let (mut bits, mut width) = (0u32, 0);
    for character in body.bytes().filter(|byte| !byte.is_ascii_whitespace() && *byte != b'=') {
        let digit = match character {
            b'A'..=b'Z' => character - b'A',
            b'a'..=b'z' => character - b'a' + 26,
            b'0'..=b'9' => character - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return Err("not base64".into()),
        };
        bits = bits << 6 | u32::from(digit);
        width += 6;
        if width >= 8 {
            width -= 8;
            bytes.push((bits >> width) as u8);
            bits &= (1 << width) - 1;
        }
    }
    Ok(bytes)
}

pub fn hexadecimal(text: &str) -> Result<Vec<u8>, String> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return Err("not hexadecimal".into());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).map_err(|error| error.to_string()))
        .collect()
}
