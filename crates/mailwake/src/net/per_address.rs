//! How many connections an address may have at a time. The address of a connection comes in;
//! a place for it goes out, or that there is none.

use super::network::Network;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Who gets an address of IPv6 has a network of them, of so many bits (RFC 4291 §2.5.4).
const NETWORK_BITS: u32 = 64;

/// Counts connections by address.
#[derive(Debug)]
pub struct PerAddress {
    most: usize,
    exempt: Vec<Network>,
    open: Mutex<HashMap<IpAddr, usize>>,
}

/// An address that has as many connections as it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the address has too many connections")]
pub struct TooMany;

/// A connection that is counted, until this is dropped.
#[derive(Debug)]
pub struct Counted {
    /// None where the address is exempt.
    by: Option<(Arc<PerAddress>, IpAddr)>,
}

impl PerAddress {
    /// An address, or a network of IPv6, may have `most` connections at a time; those of
    /// `exempt` and of loopback as many as they like.
    pub fn new(most: usize, exempt: Vec<Network>) -> Arc<Self> {
        Arc::new(Self { most, exempt, open: Mutex::default() })
    }

    /// Counts a connection.
    pub fn count(self: &Arc<Self>, address: IpAddr) -> Result<Counted, TooMany> {
        let Some(address) = self.counted(address) else { return Ok(Counted { by: None }) };
        let mut open = self.open();
        let of_address = open.entry(address).or_default();
        if *of_address >= self.most {
            return Err(TooMany);
        }
        *of_address += 1;
        Ok(Counted { by: Some((self.clone(), address)) })
    }

    /// How many addresses have connections that are counted.
    pub fn addresses(&self) -> usize {
        self.open().len()
    }

    fn counted(&self, address: IpAddr) -> Option<IpAddr> {
        let address = address.to_canonical();
        let is_exempt = self.most == usize::MAX
            || address.is_loopback()
            || self.exempt.iter().any(|network| network.contains(address));
        let counted = match address {
            IpAddr::V4(_) => address,
            IpAddr::V6(address) => {
                let network = address.to_bits() >> (128 - NETWORK_BITS) << (128 - NETWORK_BITS);
                Ipv6Addr::from_bits(network).into()
            }
        };
        (!is_exempt).then_some(counted)
    }

    fn open(&self) -> MutexGuard<'_, HashMap<IpAddr, usize>> {
        // A thread that panicked cannot have left the counts half changed.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let Some((counts, address)) = &self.by else { return };
        let mut open = counts.open();
        if let Some(of_address) = open.get_mut(address) {
            *of_address -= 1;
            if *of_address == 0 {
                open.remove(address);
            }
        }
    }
}
