//! HTML as mail carries it, read as ranges of octets after the HTML standard
//! (<https://html.spec.whatwg.org/>), which the section numbers are of.

pub mod attribute;
mod entities;
pub mod prescan;
pub mod tokenizer;
