//! SMTP smuggling: content with which a sender makes an MTA see another end of its message
//! than we do, so that what stands behind it becomes commands. Every mix of CR, LF, dot and
//! NUL is sent through, under both policies, by DATA and by BDAT, and read by MTAs that take
//! for an end what RFC 5321 §4.1.1.4 does not: none may see an end before the last.

use mail::smtp::{
    chunking::Assembly,
    data::{BareNewlines, DataReader, DotStuffer},
};

const SYMBOLS: &[u8] = b"\r\n.\0a";

/// Octets between the lines around them. With seven, there is room for two ends.
const LENGTH_MAX: usize = 7;

const OCTETS_MAX: usize = 1_000;

/// What some MTA takes for the end of a message. The published ones, and their kin.
const ENDS: &[&[u8]] = &[
    b"\r\n.\r\n",
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r.\r\n",
    b"\r\n.\r",
    b"\r.\n",
    b"\n.\r",
    b"\n\r.\n\r",
    b"\r\r\n.\r\r\n",
];

const POLICIES: [BareNewlines; 2] = [BareNewlines::Refuse, BareNewlines::Repair];

/// Calls `check` with every row of symbols up to the longest.
fn every_mix(mut check: impl FnMut(&[u8])) {
    let mut rows = vec![Vec::new()];
    while let Some(row) = rows.pop() {
        check(&row);
        if row.len() < LENGTH_MAX {
            rows.extend(SYMBOLS.iter().map(|symbol| [&row[..], &[*symbol]].concat()));
        }
    }
}

fn stuffed(content: &[u8]) -> Vec<u8> {
    let (mut stuffer, mut sent) = (DotStuffer::default(), Vec::new());
    stuffer.push(content, &mut sent);
    stuffer.finish(&mut sent);
    sent
}

/// No MTA sees an end before the last, neither one that drops NUL nor one that keeps it.
fn check_sent(sent: &[u8], wire: &[u8]) {
    let told = || format!("{} was sent for {}", sent.escape_ascii(), wire.escape_ascii());
    // What begins a message stands behind a line end.
    let seen = [b"\r\n", sent].concat();
    let dropped: Vec<u8> = seen.iter().copied().filter(|octet| *octet != 0).collect();
    for seen in [seen, dropped] {
        let body = &seen[..seen.len() - 1];
        for end in ENDS {
            let found = body.windows(end.len()).position(|window| window == *end);
            let is_last = found.is_none_or(|at| at + end.len() >= seen.len() - 1);
            assert!(is_last, "{} in {}", end.escape_ascii(), told());
        }
    }
}

/// What came before the end that we see is sent without another one, or not at all.
#[test]
fn no_mix_sent_by_data_ends_a_message_for_any_mta() {
    let (mut refused, mut passed) = (0, 0);
    every_mix(|row| {
        let wire = [b"a\r\n", row, b"b\r\n.\r\n"].concat();
        let end = wire.windows(5).position(|window| window == b"\r\n.\r\n").expect("an end") + 5;
        for policy in POLICIES {
            let mut reader = DataReader::new(OCTETS_MAX, policy);
            // What is not content is the client's next command, by the standard as well.
            assert_eq!(reader.take(&wire), end, "{}", wire.escape_ascii());
            assert!(reader.is_done());
            match reader.finish() {
                Ok(content) => {
                    passed += 1;
                    check_sent(&stuffed(&content), &wire);
                }
                Err(_) => refused += 1,
            }
        }
    });
    assert!(refused > 50_000 && passed > 50_000, "{refused} refused, {passed} passed");
}

#[test]
fn no_mix_sent_by_bdat_ends_a_message_for_any_mta() {
    every_mix(|row| {
        let content = [b"a", row, b"b\r\n"].concat();
        for policy in POLICIES {
            let mut assembly = Assembly::new(OCTETS_MAX, policy);
            assembly.take(&content);
            if let Ok(content) = assembly.finish(false) {
                check_sent(&stuffed(&content), &content);
            }
        }
    });
}

/// Wherever a segment or a chunk ends, what is made of it is the same.
#[test]
fn borders_change_nothing() {
    every_mix(|row| {
        if row.len() > 5 {
            return;
        }
        let wire = [b"a\r\n", row, b"b\r\n.\r\n"].concat();
        for policy in POLICIES {
            let read = |pieces: [&[u8]; 2]| {
                let mut reader = DataReader::new(OCTETS_MAX, policy);
                let taken: usize = pieces.iter().map(|piece| reader.take(piece)).sum();
                let mut assembly = Assembly::new(OCTETS_MAX, policy);
                pieces.iter().for_each(|piece| assembly.take(piece));
                (taken, reader.finish(), assembly.finish(false))
            };
            let whole = read([&wire, b""]);
            for border in 1..wire.len() {
                let (before, behind) = wire.split_at(border);
                assert_eq!(read([before, behind]), whole, "{} at {border}", wire.escape_ascii());
            }
        }
    });
}
