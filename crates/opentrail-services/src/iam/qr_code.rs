//! QR codes as PNG, for CreateVirtualMFADevice.

use flate2::Compression;
use flate2::write::ZlibEncoder;
use qrcode::{Color, QrCode};
use std::io::Write;

/// Pixels of a module, and the quiet zone around the code in modules.
const SCALE: usize = 5;
const QUIET: usize = 4;

/// The code of a text as a PNG in black and white; `None` if the text is too long for one.
pub(super) fn png(text: &str) -> Option<Vec<u8>> {
    let code = QrCode::new(text).ok()?;
    let modules = code.width();
    let side = (modules + 2 * QUIET) * SCALE;
    let is_dark = |x: usize, y: usize| {
        let inside = |at: usize| (at / SCALE).checked_sub(QUIET).filter(|&module| module < modules);
        matches!((inside(x), inside(y)), (Some(x), Some(y)) if code[(x, y)] == Color::Dark)
    };
    let mut pixels = ZlibEncoder::new(Vec::new(), Compression::default());
    for y in 0..side {
        // No filter, then a bit per pixel: 1 is white.
        let mut row = vec![0_u8; 1 + side.div_ceil(8)];
        for x in (0..side).filter(|&x| !is_dark(x, y)) {
            row[1 + x / 8] |= 0x80 >> (x % 8);
        }
        pixels.write_all(&row).expect("writing to memory cannot fail");
    }
    let side = u32::try_from(side).ok()?.to_be_bytes();
    let header = [&side[..], &side[..], &[1, 0, 0, 0, 0]].concat();
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, b"IHDR", &header)?;
    chunk(&mut file, b"IDAT", &pixels.finish().expect("writing to memory cannot fail"))?;
    chunk(&mut file, b"IEND", &[])?;
    Some(file)
}

fn chunk(file: &mut Vec<u8>, kind: &[u8; 4], content: &[u8]) -> Option<()> {
    file.extend(u32::try_from(content.len()).ok()?.to_be_bytes());
    let start = file.len();
    file.extend(kind);
    file.extend(content);
    let checksum = crc32fast::hash(&file[start..]);
    file.extend(checksum.to_be_bytes());
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_whole_pngs() {
        let file = png("otpauth://totp/OpenTrail:alice@123456789012?secret=JBSWY3DPEHPK3PXP").expect("fits");
        assert!(file.starts_with(b"\x89PNG\r\n\x1a\n"));
        assert!(file.ends_with(b"IEND\xaeB`\x82"));
        assert_eq!(png(&"x".repeat(5000)), None);
    }
}
