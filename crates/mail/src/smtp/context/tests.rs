use super::*;

fn check(argument: &str, wanted: Result<&[(&str, &str)], VariableError>) {
    let wanted = wanted.map(|variables| {
        let owned = variables.iter().map(|(name, value)| ((*name).into(), (*value).into()));
        owned.collect::<Vec<(String, String)>>()
    });
    assert_eq!(variables(argument), wanted, "{argument}");
}

#[test]
fn variables_are_words_in_xtext() {
    check("color=red", Ok(&[("color", "red")]));
    check(" a=1  b=x+3Dy+20z ", Ok(&[("a", "1"), ("b", "x=y z")]));
    check("a=b=c", Ok(&[("a", "b=c")]));
    check("a=", Ok(&[("a", "")]));
    check("+41=+C3+B6", Ok(&[("A", "ö")]));
}

#[test]
fn a_wrong_word_is_told_and_nothing_taken() {
    check("", Err(VariableError::Missing));
    check("a=1 b", Err(VariableError::NoValue));
    check("=1", Err(VariableError::Name));
    check("a+20b=1", Err(VariableError::Name));
    check("a+0D+0A=1", Err(VariableError::Name));
    check("a=+4", Err(VariableError::NotXtext));
    check("a=+FF", Err(VariableError::NotXtext));
}

#[test]
fn a_dump_names_variables_line_by_line() {
    let connection = [("ehlo_string", "ehlo there"), ("odd", "a\r\nb+c=d")];
    let reply = dump(connection.into_iter(), [("a b", "ö")].into_iter());
    let wanted = "250-[connection] ehlo_string ehlo there\r\n\
                  250-[connection] odd a+0D+0Ab+2Bc+3Dd\r\n\
                  250-[message] a+20b +C3+B6\r\n\
                  250 XDUMPCONTEXT complete\r\n";
    assert_eq!(String::from_utf8_lossy(reply.octets()), wanted);
}

#[test]
fn a_dump_keeps_within_its_lines() {
    let long = "v".repeat(2_000);
    let names: Vec<String> = (0..LINES_MAX).map(|number| format!("name{number}")).collect();
    let reply = dump(names.iter().map(|name| (name.as_str(), long.as_str())), std::iter::empty());
    let lines: Vec<String> = reply.lines().collect();
    assert_eq!(lines.len(), LINES_MAX);
    assert!(lines.iter().all(|line| line.len() <= 506));
    assert!(lines[0].starts_with("[connection] name0 vvv") && lines[0].ends_with("v (cut)"));
    assert_eq!(lines[NAMED_MAX..], ["and 2 more", "XDUMPCONTEXT complete"]);
}
