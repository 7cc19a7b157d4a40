use super::*;
use proptest::prelude::*;

/// The rows and mistakes of these lines; fields in a row are parted by `|`.
fn read(lines: &[&[u8]]) -> Vec<String> {
    let (mut rows, mut told) = (Rows::default(), Vec::new());
    for line in lines {
        let read = rows.line(line, |row| {
            told.push(row.fields().collect::<Vec<_>>().join("|"));
            Ok(())
        });
        told.extend(read.err().map(|error| error.to_string()));
    }
    told
}

#[test]
fn fields_are_as_rfc_4180_says() {
    assert_eq!(read(&[b"a,b,,c"]), ["a|b||c"]);
    assert_eq!(read(&[br#""a,b","c ""d""",e"#]), [r#"a,b|c "d"|e"#]);
    assert_eq!(read(&[b"", b"a"]), ["a"]);
    assert_eq!(read(&[b",", b"\"\",\"\""]), ["|", "|"]);
    assert_eq!(read(&[b"a\rb,\"c\rd\""]), ["a\rb|c\rd"]);
}

#[test]
fn quoted_field_goes_on_in_the_next_lines() {
    assert_eq!(read(&[b"a,\"b", b"", b"c\",d", b"e"]), ["a|b\n\nc|d", "e"]);
}

#[test]
fn octets_that_are_no_utf_8_are_told_as_such() {
    assert_eq!(read(&[b"a,\xff\xfeb,c"]), ["a|\u{fffd}\u{fffd}b|c"]);
    assert_eq!(read(&[b"a,\xc3,\xbc"]), ["a|\u{fffd}|\u{fffd}"]);
}

#[test]
fn quote_that_does_not_end_takes_no_other_rows_with_it() {
    let mut lines: Vec<&[u8]> = vec![b"x,\"y"];
    lines.extend(std::iter::repeat_n(&b"a,b"[..], ROW_LINES_MAX));
    lines.push(b"c");
    let told = read(&lines);
    assert_eq!(told.len(), ROW_LINES_MAX + 2, "{told:?}");
    assert!(told.iter().filter(|row| *row == "a|b").count() == ROW_LINES_MAX);
    assert_eq!(told[ROW_LINES_MAX + 1], "c");
    assert_eq!(
        told[ROW_LINES_MAX],
        "a quoted field that began 100 lines above does not end; the lines behind that one were \
         read by themselves, 0 of them wrong"
    );
}

/// What a writer that was killed within a field has left.
#[test]
fn quote_that_was_torn_takes_no_other_rows_with_it() {
    let told = read(&[b"a,\"torn", b"b,\"c, d\",e", b"f,g,h"]);
    assert_eq!(told[0], "b|c, d|e");
    assert!(
        told[1].starts_with("a quoted field that began in the line above does not end"),
        "{told:?}"
    );
    assert_eq!(told[2..], ["f|g|h"]);
    let told = read(&[b"a,\"torn", b"b,c,d", b"\"\"\"e\"\" f\",g,h", b"i"]);
    assert_eq!(told[..2], ["b|c|d", "\"e\" f|g|h"]);
    assert_eq!(told[3..], ["i"]);
}

#[test]
fn quotes_that_are_not_as_rfc_4180_says_are_read_as_far_as_they_go() {
    assert_eq!(read(&[b"a,b\"c\",d"]), ["a|b\"c\"|d"]);
    assert_eq!(read(&[b"\"a\"b,c"]), ["ab|c"]);
    assert_eq!(read(&[b"\"a\" \"b\",c"]), ["a \"b\"|c"]);
}

#[test]
fn mark_of_utf_8_in_front_of_a_file_is_no_part_of_it() {
    assert_eq!(read(&[b"\xef\xbb\xbftype,a"]), ["type|a"]);
    assert_eq!(read(&[b"\xef\xbb\xbf\"type\",a"]), ["type|a"]);
}

#[test]
fn rows_have_limits() {
    let long = vec![b'a'; ROW_OCTETS_MAX + 1];
    assert_eq!(read(&[&long]), ["a row has at most 262144 octets"]);
    let many = vec![b','; FIELDS_MAX];
    assert_eq!(read(&[&many]), ["a row has at most 1000 fields"]);
    let many = [b"\"\"", &many[..]].concat();
    assert_eq!(read(&[&many]), ["a row has at most 1000 fields"]);
    assert_eq!(read(&[&many[..FIELDS_MAX]]).len(), 1);
}

proptest! {
    /// Fields with anything in them, quoted where RFC 4180 §2 wants it, or all of them.
    #[test]
    fn rows_are_read_as_they_were_written(
        rows in proptest::collection::vec(proptest::collection::vec("[a-z,\"\n é]{0,6}", 1..5), 1..6),
        is_all in any::<bool>(),
    ) {
        let quoted = |field: &String| match is_all || field.contains([',', '"', '\n']) {
            true => format!("\"{}\"", field.replace('"', "\"\"")),
            false => field.clone(),
        };
        let written = |row: &Vec<String>| row.iter().map(quoted).collect::<Vec<_>>().join(",");
        let lines = rows.iter().map(written).collect::<Vec<_>>().join("\n");
        let (mut reader, mut told) = (Rows::default(), Vec::new());
        for line in lines.split('\n') {
            let read = reader.line(line.as_bytes(), |row| {
                told.push(row.fields().map(str::to_owned).collect::<Vec<_>>());
                Ok(())
            });
            prop_assert_eq!(read, Ok(()));
        }
        // An empty line is no row.
        let wanted: Vec<_> = rows.into_iter().filter(|row| is_all || row[..] != [""]).collect();
        prop_assert_eq!(told, wanted);
    }
}
