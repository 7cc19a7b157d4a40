//! The random octets of event ids.

/// Octets of an event id that are random.
const NONCE_OCTETS: usize = 10;

/// Random octets, drawn for many events at once.
pub(super) struct Nonces {
    octets: [u8; 100 * NONCE_OCTETS],
    used: usize,
}

impl Default for Nonces {
    fn default() -> Self {
        let octets = [0; 100 * NONCE_OCTETS];
        Self { octets, used: octets.len() }
    }
}

impl Nonces {
    pub(super) fn draw(&mut self) -> [u8; NONCE_OCTETS] {
        if self.used == self.octets.len() {
            aws_lc_rs::rand::fill(&mut self.octets)
                .expect("the generator of the system does not fail once the system is up");
            self.used = 0;
        }
        let (nonce, _) = self.octets[self.used..]
            .split_first_chunk()
            .expect("the octets are a whole number of nonces");
        self.used += NONCE_OCTETS;
        *nonce
    }
}
