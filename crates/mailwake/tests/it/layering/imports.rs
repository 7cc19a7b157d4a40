//! Which paths of the crate a source file names. Rust source in, paths with their lines
//! out; comments, strings and test modules at the end of the file do not count.

/// A path that a source file names, from the root of the crate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Import {
    /// Where it starts, counted from 1.
    pub(crate) line: usize,
    /// Its segments: `crate::net::tls::Acceptor` is `net`, `tls`, `Acceptor`.
    pub(crate) path: Vec<String>,
}

/// All paths that start with `crate::` or `super::`, groups of a `use` spread out.
/// `module` is the file's own path, against which `super` is read.
pub(crate) fn imports(source: &str, module: &[String]) -> Vec<Import> {
    let mut scanner = Scanner { tokens: tokens(without_tests(source)), at: 0, found: Vec::new() };
    scanner.scan(module);
    scanner.found
}

/// The source up to its tests, which stand last (STYLE.md).
pub(crate) fn without_tests(source: &str) -> &str {
    let tests = source.match_indices("#[cfg(test)]").find(|(at, attribute)| {
        let after = source[at + attribute.len()..].trim_start();
        after.starts_with("mod ") || after.starts_with("pub(crate) mod ")
    });
    tests.map_or(source, |(at, _)| &source[..at])
}

#[derive(Debug, PartialEq)]
struct Token<'a> {
    text: &'a str,
    line: usize,
}

/// Identifiers, `::` and single punctuation. A char literal is told from a lifetime by
/// its closing quote.
fn tokens(source: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (source, 1);
    while let Some(first) = rest.chars().next() {
        let length = token_length(rest, first);
        let text = &rest[..length];
        let is_code = !first.is_whitespace()
            && !text.starts_with("//")
            && !text.starts_with("/*")
            && !text.ends_with(['"', '\'']);
        if is_code {
            found.push(Token { text, line });
        }
        line += text.matches('\n').count();
        rest = &rest[length..];
    }
    found
}

fn token_length(rest: &str, first: char) -> usize {
    let until = |end: &str, from: usize| {
        rest[from..].find(end).map_or(rest.len(), |found| from + found + end.len())
    };
    if rest.starts_with("//") {
        return rest.find('\n').unwrap_or(rest.len());
    }
    if rest.starts_with("/*") {
        return until("*/", 2);
    }
    if rest.starts_with("::") {
        return 2;
    }
    if let Some(length) = raw_string_length(rest) {
        return length;
    }
    match first {
        '"' => quoted_length(rest, '"').unwrap_or(rest.len()),
        '\'' => quoted_length(rest, '\'').filter(|length| is_char(&rest[..*length])).unwrap_or(1),
        _ if is_word(first) => rest.find(|c| !is_word(c)).unwrap_or(rest.len()),
        _ => first.len_utf8(),
    }
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn is_char(literal: &str) -> bool {
    literal.starts_with("'\\") || literal.chars().count() == 3
}

/// Length of a quoted literal with its quotes; a backslash takes the next character along.
fn quoted_length(rest: &str, quote: char) -> Option<usize> {
    let mut characters = rest.char_indices().skip(1);
    while let Some((at, character)) = characters.next() {
        if character == '\\' {
            characters.next();
        } else if character == quote {
            return Some(at + 1);
        }
    }
    None
}

/// Length of `r"…"`, `br#"…"#` and the like; its end is taken up to the last quote.
fn raw_string_length(rest: &str) -> Option<usize> {
    let body = rest.strip_prefix('r').or_else(|| rest.strip_prefix("br"))?;
    let hashes = body.len() - body.trim_start_matches('#').len();
    body[hashes..].strip_prefix('"')?;
    let start = rest.len() - body.len() + hashes + 1;
    let end = format!("\"{}", &body[..hashes]);
    // The closing quote alone, so that the literal ends in a quote as others do; its
    // hashes are punctuation.
    Some(rest[start..].find(&end).map_or(rest.len(), |found| start + found + 1))
}

struct Scanner<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
    found: Vec<Import>,
}

impl Scanner<'_> {
    fn text(&self, ahead: usize) -> &str {
        self.tokens.get(self.at + ahead).map_or("", |token| token.text)
    }

    /// Walks the file, keeping count of the inline modules that it is in.
    fn scan(&mut self, file_module: &[String]) {
        let mut module = file_module.to_vec();
        let mut depth = 0;
        let mut opened_at = Vec::new();
        while self.at < self.tokens.len() {
            match self.text(0) {
                "mod" if self.text(2) == "{" => {
                    module.push(self.text(1).to_owned());
                    opened_at.push(depth);
                    self.at += 1;
                }
                "{" => depth += 1,
                "}" => {
                    depth -= 1;
                    if opened_at.last() == Some(&depth) {
                        opened_at.pop();
                        module.pop();
                    }
                }
                "crate" if self.text(1) == "::" => {
                    self.at += 2;
                    self.tree(&[]);
                    continue;
                }
                "super" if self.text(1) == "::" => {
                    self.outward(&module);
                    continue;
                }
                _ => {}
            }
            self.at += 1;
        }
    }

    /// `super::super::x`, read against the module that it stands in.
    fn outward(&mut self, module: &[String]) {
        let mut base = module.to_vec();
        while self.text(0) == "super" && self.text(1) == "::" {
            base.pop();
            self.at += 2;
        }
        self.tree(&base);
    }

    /// One use tree under `base`: `a::b`, `a::{b, c::d}`, `a::*`, `a as b`.
    fn tree(&mut self, base: &[String]) {
        let line = self.tokens.get(self.at).map_or(0, |token| token.line);
        let mut path = base.to_vec();
        loop {
            match self.text(0) {
                "{" => return self.group(&path),
                "self" => {}
                segment => path.push(segment.to_owned()),
            }
            self.at += 1;
            if self.text(0) != "::" || self.text(1) == "<" {
                break;
            }
            self.at += 1;
        }
        self.found.push(Import { line, path });
    }

    fn group(&mut self, base: &[String]) {
        self.at += 1;
        while !matches!(self.text(0), "}" | "") {
            self.tree(base);
            if self.text(0) == "as" {
                self.at += 2;
            }
            if self.text(0) == "," {
                self.at += 1;
            }
        }
        self.at += 1;
    }
}

fn check(source: &str, module: &str, wanted: &[(usize, &str)]) {
    let module: Vec<_> = module.split("::").map(str::to_owned).collect();
    let found: Vec<_> = imports(source, &module)
        .into_iter()
        .map(|import| (import.line, import.path.join("::")))
        .collect();
    let wanted: Vec<_> = wanted.iter().map(|(line, path)| (*line, (*path).to_owned())).collect();
    assert_eq!(found, wanted, "in: {source}");
}

#[test]
fn groups_are_spread_out() {
    check(
        "use crate::{\n    net::tls::{self, Acceptor as A},\n    stores::*,\n};",
        "gateway",
        &[(2, "net::tls"), (2, "net::tls::Acceptor"), (3, "stores::*")],
    );
}

#[test]
fn paths_in_code_count() {
    check("fn f() { crate::net::dial::<u8>(x); }", "gateway", &[(1, "net::dial")]);
    check("fn f(x: &'a crate::net::Peer) {}", "gateway", &[(1, "net::Peer")]);
    check("let x = crate::net::Limits { a: 1 };", "gateway", &[(1, "net::Limits")]);
}

#[test]
fn super_is_read_against_the_module() {
    check("use super::data::Data;", "gateway::session", &[(1, "gateway::data::Data")]);
    check("use super::super::net::Peer;", "gateway::session", &[(1, "net::Peer")]);
    check(
        "mod inner { use super::x; }\nuse super::y;",
        "gateway::session",
        &[(1, "gateway::session::x"), (2, "gateway::y")],
    );
}

#[test]
fn comments_strings_and_tests_do_not_count() {
    check("// crate::a\n/* crate::b */ /// crate::c\n", "net", &[]);
    check(r##"f("crate::a \" crate::b", r#"crate::"c"#, '"', b'\'', "crate::d");"##, "net", &[]);
    check("pub(crate) fn f<'a>(x: &'a str) {}", "net", &[]);
    check("use crate::a;\n#[cfg(test)]\nmod tests { use crate::b; }", "net", &[(1, "a")]);
}
