//! The syntax of Momentum's configuration files (its documentation, "The ecelerity.conf
//! File"): the text of one file comes in, its statements go out, each with its place, or the
//! first place where it is none of this syntax. What statements mean is not known here.

/// Largest file, in octets.
pub const FILE_OCTETS_MAX: usize = 4 << 20;

/// How deep stanzas, lists and dictionaries may lie in each other.
pub const DEPTH_MAX: usize = 32;

/// A place in a file; lines and columns (in characters) count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Which file, in the order in which they are read.
    pub file: usize,
    /// The line.
    pub line: usize,
    /// The column.
    pub column: usize,
}

/// One statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    /// Where its name stands.
    pub place: Place,
    /// Its name, as written; Momentum takes it in any case.
    pub name: String,
    /// What it says.
    pub content: Content,
}

/// What a statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// `name = value`.
    Option(Value),
    /// `name "label" { … }`; the label may be missing.
    Stanza {
        /// What the stanza is called.
        label: Option<String>,
        /// What stands in it.
        body: Vec<Statement>,
    },
    /// `include "file"` or `readonly_include "file"`.
    Include(String),
}

/// The value of an option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A word or what stands in quotes.
    Text(String),
    /// `( a b "c" )`.
    List(Vec<Value>),
    /// `[ key = value … ]`.
    Dictionary(Vec<(String, Value)>),
}

/// Where a file is none of this syntax.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {}, column {}: {what}", place.line, place.column)]
pub struct SyntaxError {
    /// The place.
    pub place: Place,
    /// What is wrong.
    pub what: String,
}

/// Reads the text of the file with this number.
pub fn parse(text: &str, file: usize) -> Result<Vec<Statement>, SyntaxError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { rest: text, place: Place { file, line: 1, column: 1 } };
    if text.len() > FILE_OCTETS_MAX {
        return Err(parser.wrong(format!("a file has at most {FILE_OCTETS_MAX} octets")));
    }
    let statements = parser.statements(0)?;
    match parser.rest.is_empty() {
        true => Ok(statements),
        false => Err(parser.wrong("this } closes nothing")),
    }
}

/// What ends a word: the documentation wants quotes around each of these but for `/`, which
/// paths and networks have in practice.
fn ends_word(c: char) -> bool {
    c.is_whitespace() || c.is_control() || "#\"'={}[]();,".contains(c)
}

struct Parser<'t> {
    rest: &'t str,
    place: Place,
}

impl Parser<'_> {
    /// Statements up to `}` or the end of the file.
    fn statements(&mut self, depth: usize) -> Result<Vec<Statement>, SyntaxError> {
        let mut statements = Vec::new();
        loop {
            self.skip_blank(";");
            match self.peek() {
                None | Some('}') => return Ok(statements),
                Some(_) => statements.push(self.statement(depth)?),
            }
        }
    }

    fn statement(&mut self, depth: usize) -> Result<Statement, SyntaxError> {
        let place = self.place;
        let name = self.text("the name of an option or stanza")?;
        self.skip_blank("");
        let content = match self.peek() {
            Some('=') => {
                self.take();
                self.skip_blank("");
                Content::Option(self.value(depth)?)
            }
            Some('{') => Content::Stanza { label: None, body: self.body(&name, place, depth)? },
            Some(c) if !ends_word(c) || matches!(c, '"' | '\'') => {
                let label = self.text("a label")?;
                self.skip_blank("");
                match self.peek() {
                    _ if is_include(&name) => Content::Include(label),
                    Some('{') => {
                        let body = self.body(&name, place, depth)?;
                        Content::Stanza { label: Some(label), body }
                    }
                    _ => {
                        let what = format!(
                            "{name} {label:?} is no stanza, which has {{ next, and no option, \
                             which has = before its value"
                        );
                        return Err(SyntaxError { place, what });
                    }
                }
            }
            _ => return Err(self.wrong(format!("= or {{ is missing behind {name}"))),
        };
        Ok(Statement { place, name, content })
    }

    /// `{ … }` of the stanza that begins at a place.
    fn body(
        &mut self,
        name: &str,
        place: Place,
        depth: usize,
    ) -> Result<Vec<Statement>, SyntaxError> {
        self.check_depth(depth)?;
        self.take();
        let body = self.statements(depth + 1)?;
        match self.take() {
            Some(_) => Ok(body),
            None => Err(SyntaxError { place, what: format!("the {{ of {name} is not closed") }),
        }
    }

    fn value(&mut self, depth: usize) -> Result<Value, SyntaxError> {
        match self.peek() {
            Some('(') => {
                let mut values = Vec::new();
                self.within(')', depth, |parser| {
                    values.push(parser.value(depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::List(values))
            }
            Some('[') => {
                let mut values = Vec::new();
                self.within(']', depth, |parser| {
                    values.push(parser.entry(depth + 1)?);
                    Ok(())
                })?;
                Ok(Value::Dictionary(values))
            }
            _ => self.text("a value").map(Value::Text),
        }
    }

    /// Everything up to a bracket, which may have commas between.
    fn within(
        &mut self,
        end: char,
        depth: usize,
        mut item: impl FnMut(&mut Self) -> Result<(), SyntaxError>,
    ) -> Result<(), SyntaxError> {
        self.check_depth(depth)?;
        let place = self.place;
        let begin = self.take().unwrap_or_default();
        loop {
            self.skip_blank(",;");
            match self.peek() {
                Some(c) if c == end => {
                    self.take();
                    return Ok(());
                }
                None => {
                    return Err(SyntaxError { place, what: format!("this {begin} is not closed") });
                }
                Some(_) => item(self)?,
            }
        }
    }

    /// `key = value`.
    fn entry(&mut self, depth: usize) -> Result<(String, Value), SyntaxError> {
        let key = self.text("a key")?;
        self.skip_blank("");
        if self.peek() != Some('=') {
            return Err(self.wrong(format!("= is missing behind {key}")));
        }
        self.take();
        self.skip_blank("");
        Ok((key, self.value(depth)?))
    }

    /// A word, or what stands in quotes.
    fn text(&mut self, what: &str) -> Result<String, SyntaxError> {
        match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote),
            Some(c) if !ends_word(c) => {
                let end = self.rest.find(ends_word).unwrap_or(self.rest.len());
                let word = self.rest[..end].to_owned();
                self.skip(end);
                Ok(word)
            }
            Some(c) => Err(self.wrong(format!("{what} is missing before {c:?}"))),
            None => Err(self.wrong(format!("{what} is missing"))),
        }
    }

    /// Of backslashes, those before a quote and before another one are taken out: patterns
    /// have others.
    fn quoted(&mut self, quote: char) -> Result<String, SyntaxError> {
        let place = self.place;
        self.take();
        let mut text = String::new();
        loop {
            match self.take() {
                None => {
                    let what = format!("this {quote} is not closed");
                    return Err(SyntaxError { place, what });
                }
                Some(c) if c == quote => return Ok(text),
                Some('\\') if self.peek().is_some_and(|c| c == quote || c == '\\') => {
                    text.extend(self.take());
                }
                Some(c) => text.push(c),
            }
        }
    }

    fn check_depth(&self, depth: usize) -> Result<(), SyntaxError> {
        match depth < DEPTH_MAX {
            true => Ok(()),
            false => Err(self.wrong(format!("nothing lies deeper than {DEPTH_MAX} brackets"))),
        }
    }

    /// Passes over spaces, comments and these separators.
    fn skip_blank(&mut self, separators: &str) {
        while let Some(c) = self.peek() {
            match c {
                '#' => {
                    let end = self.rest.find('\n').unwrap_or(self.rest.len());
                    self.skip(end);
                }
                c if c.is_whitespace() || separators.contains(c) => {
                    self.take();
                }
                _ => return,
            }
        }
    }

    fn peek(&self) -> Option<char> {
        self.rest.chars().next()
    }

    fn take(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.rest = &self.rest[c.len_utf8()..];
        match c {
            '\n' => self.place = Place { line: self.place.line + 1, column: 1, ..self.place },
            _ => self.place.column += 1,
        }
        Some(c)
    }

    /// Passes over octets within a line.
    fn skip(&mut self, octets: usize) {
        let (before, behind) = self.rest.split_at(octets);
        self.place.column += before.chars().count();
        self.rest = behind;
    }

    fn wrong(&self, what: impl Into<String>) -> SyntaxError {
        SyntaxError { place: self.place, what: what.into() }
    }
}

fn is_include(name: &str) -> bool {
    ["include", "readonly_include"].iter().any(|include| name.eq_ignore_ascii_case(include))
}

#[cfg(test)]
mod tests;
