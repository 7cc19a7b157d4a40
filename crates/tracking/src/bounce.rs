//! Bounce classes: what the refusal of a message means for its sender. The classes are those
//! that Momentum and SparkPost have in common; rules as data find them.

mod file;
mod overrides;
mod rules;
mod set;
mod subject;
mod text;

pub use file::RulesError;
pub use rules::{Classified, Rules};

/// A class, by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Class(u8);

/// What a class means for the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Nobody knows.
    Undetermined,
    /// It is not there.
    Hard,
    /// It may be there later.
    Soft,
    /// The mail was not wanted.
    Block,
    /// An administrator has to act.
    Admin,
}

impl Category {
    /// As it stands in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Undetermined => "Undetermined",
            Self::Hard => "Hard",
            Self::Soft => "Soft",
            Self::Block => "Block",
            Self::Admin => "Admin",
        }
    }
}

/// Number, name and category of every class.
const CLASSES: [(u8, &str, Category); 20] = [
    (1, "Undetermined", Category::Undetermined),
    (10, "Invalid Recipient", Category::Hard),
    (20, "Soft Bounce", Category::Soft),
    (21, "DNS Failure", Category::Soft),
    (22, "Mailbox Full", Category::Soft),
    (23, "Too Large", Category::Soft),
    (24, "Timeout", Category::Soft),
    (25, "Admin Failure", Category::Admin),
    (30, "Generic Bounce: No RCPT", Category::Hard),
    (40, "Generic Bounce", Category::Soft),
    (50, "Mail Block", Category::Block),
    (51, "Spam Block", Category::Block),
    (52, "Spam Content", Category::Block),
    (53, "Prohibited Attachment", Category::Block),
    (54, "Relaying Denied", Category::Block),
    (60, "Auto-Reply", Category::Soft),
    (70, "Transient Failure", Category::Soft),
    (80, "Subscribe", Category::Admin),
    (90, "Unsubscribe", Category::Hard),
    (100, "Challenge-Response", Category::Soft),
];

impl Class {
    /// Nobody knows.
    pub const UNDETERMINED: Self = Self(1);

    /// The class with this number, if there is one.
    pub fn of_code(code: u8) -> Option<Self> {
        CLASSES.iter().any(|(known, ..)| *known == code).then_some(Self(code))
    }

    /// Its number.
    pub fn code(self) -> u8 {
        self.0
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// What it means.
    pub fn category(self) -> Category {
        self.row().2
    }

    fn row(self) -> &'static (u8, &'static str, Category) {
        CLASSES.iter().find(|(code, ..)| *code == self.0).expect("classes are made of their table")
    }
}

#[cfg(test)]
mod tests;
