//! The checksum by which damage to what is stored is noticed.

use std::sync::OnceLock;

use crc::{CRC_32_ISO_HDLC, Crc, Table};

/// The CRC-32 of octets, the one of gzip and PNG.
pub fn checksum(octets: &[u8]) -> u32 {
    static TABLES: OnceLock<Crc<u32, Table<16>>> = OnceLock::new();
    // Made when first asked for: in the Worker they would be 16 KB of which gzip takes off nothing.
    TABLES.get_or_init(|| Crc::<u32, Table<16>>::new(&CRC_32_ISO_HDLC)).checksum(octets)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_published_check_value_is_met() {
        assert_eq!(super::checksum(b"123456789"), 0xCBF4_3926);
    }
}
