//! What the RFCs say about mail. Octets come in, values go out; nothing here
//! opens a socket or a file, and nothing reads a clock or randomness.

pub mod address;
pub mod encoded_word;
pub mod html;
mod marks;
pub mod message;
pub mod report;
pub mod smtp;
pub mod text;
mod word;

#[cfg(test)]
mod tests;
