//! Whose mail it is, as the name tells under which a client has authenticated itself.

use crate::context::Context;
use serde::{Deserialize, Serialize};

/// The context variable that names the customer (Momentum, "Using Policy for Engagement
/// Tracking"): AUTH sets it for the connection, and policy or a trusted peer may set another.
pub const CUSTOMER_VARIABLE: &str = "mo_customer_id";

/// Octets of a customer's name; a variable with more names nobody.
pub const CUSTOMER_OCTETS_MAX: usize = 255;

/// What stands between a customer's name and the number of a subaccount, as senders of
/// SparkPost write it: `SMTP_Injection:X-MSYS-SUBACCOUNT=123`.
const SUBACCOUNT: &str = ":X-MSYS-SUBACCOUNT=";

/// Digits of a subaccount's number.
const SUBACCOUNT_DIGITS_MAX: usize = 10;

/// A customer, and one of its subaccounts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Account {
    /// The customer, by the name under which it has authenticated itself; empty where it
    /// has not, or where the mechanism does not show the name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub customer_id: String,
    /// The number of the subaccount; empty for none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub subaccount_id: String,
}

impl Account {
    /// The account that a message's context names, written as a name of AUTH is; nobody's
    /// where it names none.
    pub fn of_context(context: &Context) -> Self {
        let name = context.variable(CUSTOMER_VARIABLE);
        let name = name.filter(|name| name.len() <= CUSTOMER_OCTETS_MAX);
        name.map(Self::of_login).unwrap_or_default()
    }

    /// The account of an authenticated name.
    pub fn of_login(name: &str) -> Self {
        let is_number = |text: &str| {
            (1..=SUBACCOUNT_DIGITS_MAX).contains(&text.len())
                && text.bytes().all(|octet| octet.is_ascii_digit())
        };
        match name.split_once(SUBACCOUNT) {
            Some((customer, number)) if is_number(number) => {
                Self { customer_id: customer.into(), subaccount_id: number.into() }
            }
            _ => Self { customer_id: name.into(), subaccount_id: String::new() },
        }
    }
}

#[cfg(test)]
mod tests;
