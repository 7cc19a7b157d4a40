//! Events as SparkPost writes them: any octets, in an envelope or by themselves. What is read
//! is written so that it is read again, and then written the same.

#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;
use tracking::{
    bounce::Rules,
    sparkpost::{Booleans, Context, Form, Names, ReadEvent, Times, append, canonical, read},
};

/// Made once: it takes a while.
static RULES: LazyLock<Rules> = LazyLock::new(Rules::built_in);

const FULL: Form = Form {
    names: Names::Internal,
    booleans: Booleans::Digits,
    times: Times::Fractions,
    has_extras: true,
};

fuzz_target!(|input: &[u8]| {
    if let Ok(text) = str::from_utf8(input) {
        canonical(text);
    }
    for octets in [input, &[b"{\"msys\":{\"message_event\":", input, b"}}"].concat()] {
        let Ok(Some(event)) = read(octets) else { continue };
        let first = written(&event);
        let again = read(&first).expect("what is written can be read").expect("no ping");
        assert_eq!(written(&again), first);
    }
});

fn written(ReadEvent { event, message }: &ReadEvent) -> Vec<u8> {
    let message = message.as_ref();
    let context = Context { message, rules: &RULES, user_agent_parsed: None, form: FULL };
    let mut octets = Vec::new();
    assert!(append(event, &context, &mut octets), "{event:?}");
    octets
}
