//! A deflate block with the fixed codes (RFC 1951 §3.2.6), bit by bit.

/// For each length code from 257 on: its extra bits and its least length.
#[rustfmt::skip]
const LENGTHS: [(u8, u16); 29] = [
    (0, 3), (0, 4), (0, 5), (0, 6), (0, 7), (0, 8), (0, 9), (0, 10), (1, 11), (1, 13),
    (1, 15), (1, 17), (2, 19), (2, 23), (2, 27), (2, 31), (3, 35), (3, 43), (3, 51), (3, 59),
    (4, 67), (4, 83), (4, 99), (4, 115), (5, 131), (5, 163), (5, 195), (5, 227), (0, 258),
];

/// For each distance code: its extra bits and its least distance.
#[rustfmt::skip]
const DISTANCES: [(u8, u16); 30] = [
    (0, 1), (0, 2), (0, 3), (0, 4), (1, 5), (1, 7), (2, 9), (2, 13), (3, 17), (3, 25),
    (4, 33), (4, 49), (5, 65), (5, 97), (6, 129), (6, 193), (7, 257), (7, 385), (8, 513),
    (8, 769), (9, 1025), (9, 1537), (10, 2049), (10, 3073), (11, 4097), (11, 6145),
    (12, 8193), (12, 12289), (13, 16385), (13, 24577),
];

/// Writes one block, which is the last of its stream.
pub(super) struct BitWriter<'o> {
    out: &'o mut Vec<u8>,
    pending: u64,
    pending_bits: u32,
}

impl<'o> BitWriter<'o> {
    pub(super) fn begin_block(out: &'o mut Vec<u8>) -> Self {
        let mut writer = Self { out, pending: 0, pending_bits: 0 };
        // BFINAL, then BTYPE 01.
        writer.value(1, 1);
        writer.value(1, 2);
        writer
    }

    pub(super) fn literal(&mut self, octet: u8) {
        self.put(CODES[usize::from(octet)]);
    }

    /// `octets` (3 to 258) again from `distance` (1 to 32,768) back.
    pub(super) fn repeat(&mut self, octets: usize, distance: usize) {
        let (code, extra_bits, extra) = code_of(&LENGTHS, octets);
        self.put(CODES[257 + code]);
        self.value(extra, extra_bits);
        let (code, extra_bits, extra) = code_of(&DISTANCES, distance);
        self.put(DISTANCE_CODES[code]);
        self.value(extra, extra_bits);
    }

    pub(super) fn end(mut self) {
        self.put(CODES[256]);
        while self.pending_bits > 0 {
            self.out.push(self.pending.to_le_bytes()[0]);
            self.pending >>= 8;
            self.pending_bits = self.pending_bits.saturating_sub(8);
        }
    }

    fn put(&mut self, code: Code) {
        self.value(code.value.into(), code.bits.into());
    }

    /// Appends bits, the lowest first. None has more than 13.
    fn value(&mut self, value: u32, bits: u32) {
        self.pending |= u64::from(value) << self.pending_bits;
        self.pending_bits += bits;
        if self.pending_bits >= 32 {
            self.out.extend_from_slice(&self.pending.to_le_bytes()[..4]);
            self.pending >>= 32;
            self.pending_bits -= 32;
        }
    }
}

/// A Huffman code, its bits in the order in which they are packed.
#[derive(Debug, Clone, Copy)]
struct Code {
    value: u16,
    bits: u8,
}

impl Code {
    /// Huffman codes are packed from their highest bit on (RFC 1951 §3.1.1).
    const fn new(value: u16, bits: u8) -> Self {
        Self { value: value.reverse_bits() >> (16 - bits), bits }
    }
}

/// The fixed codes of literals, the end, and lengths (§3.2.6).
static CODES: [Code; 288] = {
    let mut codes = [Code::new(0, 8); 288];
    let mut symbol = 0;
    while symbol < 288 {
        codes[symbol as usize] = match symbol {
            0..=143 => Code::new(0b0011_0000 + symbol, 8),
            144..=255 => Code::new(0b1_1001_0000 + symbol - 144, 9),
            256..=279 => Code::new(symbol - 256, 7),
            _ => Code::new(0b1100_0000 + symbol - 280, 8),
        };
        symbol += 1;
    }
    codes
};

/// The fixed codes of distances.
static DISTANCE_CODES: [Code; 30] = {
    let mut codes = [Code::new(0, 5); 30];
    let mut code = 0;
    while code < 30 {
        codes[code as usize] = Code::new(code, 5);
        code += 1;
    }
    codes
};

/// The code whose range holds `number`, its extra bits, and what they say.
fn code_of(table: &[(u8, u16)], number: usize) -> (usize, u32, u32) {
    let code = table.partition_point(|(_, least)| usize::from(*least) <= number) - 1;
    let (extra_bits, least) = table[code];
    let extra =
        u32::try_from(number - usize::from(least)).expect("lengths and distances are small");
    (code, extra_bits.into(), extra)
}
