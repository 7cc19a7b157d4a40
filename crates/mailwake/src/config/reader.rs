//! A table of the configuration file, read key by key. What is wrong is collected,
//! not returned, so that an operator sees every mistake at once.

mod shown;

use super::unsubscribe::is_proxied;
use shown::shown;
pub(super) use shown::syntax;
use std::{cell::RefCell, collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr};
use toml::{Table, Value};

/// One wrong thing in a configuration: where, what stands there, what would be right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The key with its tables, such as `gateway.listen`.
    pub key: String,
    /// What stands there, but for secrets; `None` where something is missing.
    pub value: Option<String>,
    /// What would be right.
    pub right: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} = {value}: {}", self.key, self.right),
            None => write!(f, "{}: {}", self.key, self.right),
        }
    }
}

/// Collects mistakes, and the keys that were asked for.
#[derive(Debug, Default)]
pub(super) struct Findings {
    mistakes: RefCell<Vec<Mistake>>,
    known: RefCell<Vec<Known>>,
}

/// A key that mailwake reads, and its default as the file would write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The key with its tables.
    pub key: String,
    /// The default; empty where there is none.
    pub default: String,
}

impl Findings {
    /// Adds a mistake. One that several tables read is told once, where it stands.
    pub(super) fn add(&self, key: &str, value: Option<&Value>, right: impl Into<String>) {
        let value = value.map(|value| shown(key, value));
        let mistake = Mistake { key: key.into(), value, right: right.into() };
        let mut mistakes = self.mistakes.borrow_mut();
        if !mistakes.contains(&mistake) {
            mistakes.push(mistake);
        }
    }

    /// All mistakes, in the order of the reading.
    pub(super) fn mistakes(&self) -> Vec<Mistake> {
        self.mistakes.borrow().clone()
    }

    /// Every key that was asked for.
    pub(super) fn known(&self) -> Vec<Known> {
        self.known.borrow().clone()
    }
}

/// One table of the file. When it is dropped, keys nobody asked for are mistakes.
pub(super) struct Section<'t> {
    path: String,
    table: Option<&'t Table>,
    /// Where a key is read that this table does not have, the nearest first.
    defaults: Vec<Defaults<'t>>,
    asked: RefCell<BTreeSet<&'static str>>,
    findings: &'t Findings,
}

/// A table above another one.
#[derive(Clone)]
struct Defaults<'t> {
    path: String,
    table: Option<&'t Table>,
    /// Keys that are not read from it.
    but: &'static [&'static str],
}

impl<'t> Section<'t> {
    /// The whole file.
    pub(super) fn root(table: &'t Table, findings: &'t Findings) -> Self {
        Self {
            path: String::new(),
            table: Some(table),
            defaults: Vec::new(),
            asked: RefCell::default(),
            findings,
        }
    }

    /// The table of that name; an empty one where it is missing.
    pub(super) fn section(&self, name: &'static str) -> Section<'t> {
        let table = self.value(name).and_then(|value| self.table_of(name, value));
        self.at(self.path_of(name), table)
    }

    /// The tables inside the table of that name, each with its own name. A key that one of
    /// them does not have is read from `defaults`, and from what that one falls back on, but
    /// for those in `but`, which are each table's own.
    pub(super) fn sections_over(
        &self,
        name: &'static str,
        defaults: &Section<'t>,
        but: &'static [&'static str],
    ) -> Vec<(&'t str, Section<'t>)> {
        let table = self.value(name).and_then(|value| self.table_of(name, value));
        let path = self.path_of(name);
        let inside = table.into_iter().flatten().map(|(child, value)| {
            let path = format!("{path}.{}", bare_or_quoted(child));
            let table = match value {
                Value::Table(table) => Some(table),
                other => {
                    let right = format!("must be a table: [{path}]");
                    self.findings.add(&path, Some(other), right);
                    None
                }
            };
            (child.as_str(), self.at(path, table).over(defaults, but))
        });
        inside.collect()
    }

    /// The tables inside the table of that name, each with its own name.
    pub(super) fn sections(&self, name: &'static str) -> Vec<(&'t str, Section<'t>)> {
        let nothing = self.at(String::new(), None);
        self.sections_over(name, &nothing, &[])
    }

    /// A table of texts with names of the operator's choice, from each of which some type
    /// is read. By default there is none in it.
    pub(super) fn map<K: FromStr, V: FromStr>(
        &self,
        name: &'static str,
        (right_name, right): (&str, &str),
    ) -> Vec<(K, V)> {
        self.know(name, "{}".into());
        let table = self.value(name).and_then(|value| self.table_of(name, value));
        let path = self.path_of(name);
        let mut entries = Vec::new();
        for (child, value) in table.into_iter().flatten() {
            let path = format!("{path}.{}", bare_or_quoted(child));
            let key = child.parse().ok();
            if key.is_none() {
                self.findings.add(&path, Some(value), format!("its name {right_name}"));
            }
            let read = value.as_str().and_then(|text| text.parse().ok());
            if read.is_none() {
                self.findings.add(&path, Some(value), right);
            }
            entries.extend(key.zip(read));
        }
        entries
    }

    /// Does this table, or one inside, have fields lead over the tracker?
    pub(super) fn is_proxied(&self) -> bool {
        self.table.is_some_and(|table| table.iter().any(|(_, value)| is_proxied(value)))
    }

    /// Is the key a table here?
    pub(super) fn is_table(&self, name: &str) -> bool {
        self.table.and_then(|table| table.get(name)).is_some_and(Value::is_table)
    }

    /// The path of this table.
    pub(super) fn path(&self) -> &str {
        &self.path
    }

    fn over(mut self, defaults: &Section<'t>, but: &'static [&'static str]) -> Self {
        let (path, table) = (defaults.path.clone(), defaults.table);
        let further = defaults.defaults.iter().cloned();
        self.defaults = std::iter::once(Defaults { path, table, but }).chain(further).collect();
        self
    }

    fn at(&self, path: String, table: Option<&'t Table>) -> Section<'t> {
        let (asked, findings) = (RefCell::default(), self.findings);
        Section { path, table, defaults: Vec::new(), asked, findings }
    }

    fn table_of(&self, name: &str, value: &'t Value) -> Option<&'t Table> {
        let table = value.as_table();
        if table.is_none() {
            let right = format!("must be a table: [{}]", self.path_of(name));
            self.mistake(name, Some(value), right);
        }
        table
    }

    /// Does the file have this table or key, here or in the defaults?
    pub(super) fn has(&self, name: &str) -> bool {
        self.has_itself(name) || self.inherited(name).is_some()
    }

    fn has_itself(&self, name: &str) -> bool {
        self.table.is_some_and(|table| table.contains_key(name))
    }

    /// The value that stands above, and the path of the table where it does.
    fn inherited(&self, name: &str) -> Option<(&str, &'t Value)> {
        let is_own = self.defaults.iter().any(|defaults| defaults.but.contains(&name));
        let mut above = self.defaults.iter().filter(|_| !is_own);
        above.find_map(|defaults| Some((&*defaults.path, defaults.table?.get(name)?)))
    }

    /// A text that some type is read from; `right` says what would be right.
    pub(super) fn parsed<T: FromStr>(
        &self,
        name: &'static str,
        default: &str,
        right: &str,
    ) -> Option<T> {
        self.know(name, quoted(default));
        let text = match self.value(name) {
            None if default.is_empty() => return None,
            None => default,
            Some(Value::String(text)) => text,
            Some(other) => {
                self.mistake(name, Some(other), right);
                return None;
            }
        };
        let parsed = text.parse().ok();
        if parsed.is_none() {
            self.mistake(name, self.value(name), right);
        }
        parsed
    }

    /// As `parsed`, and missing is a mistake.
    pub(super) fn required<T: FromStr>(&self, name: &'static str, right: &str) -> Option<T> {
        if !self.has(name) {
            self.know(name, String::new());
            self.asked.borrow_mut().insert(name);
            self.mistake(name, None, format!("is missing; {right}"));
            return None;
        }
        self.parsed(name, "", right)
    }

    /// As `parsed` without a default, and an empty text is a mistake: who writes a key means
    /// something, and without it mailwake would be more open than it should be.
    pub(super) fn given<T: FromStr>(&self, name: &'static str, right: &str) -> Option<T> {
        self.parsed(name, "", right).map(|Given(given)| given)
    }

    /// A list of texts that some type is read from. By default there are none.
    pub(super) fn list<T: FromStr>(&self, name: &'static str, right: &str) -> Vec<T> {
        self.know(name, "[]".into());
        let mut list = Vec::new();
        let values = match self.value(name) {
            None => return list,
            Some(Value::Array(values)) => values,
            Some(other) => {
                self.mistake(name, Some(other), format!("must be a list; each of it {right}"));
                return list;
            }
        };
        for value in values {
            match value.as_str().and_then(|text| text.parse().ok()) {
                Some(parsed) => list.push(parsed),
                None => self.mistake(name, Some(value), right),
            }
        }
        list
    }

    /// A text that some type is read from, or a list of them with at least one. Where the
    /// key is missing there are none.
    pub(super) fn one_or_more<T: FromStr>(&self, name: &'static str, right: &str) -> Vec<T> {
        self.know(name, String::new());
        let values = match self.value(name) {
            None => return Vec::new(),
            Some(Value::Array(values)) if !values.is_empty() => values.as_slice(),
            Some(other) => std::slice::from_ref(other),
        };
        let mut list = Vec::new();
        for value in values {
            match value.as_str().and_then(|text| text.parse().ok()) {
                Some(parsed) => list.push(parsed),
                None => self.mistake(name, Some(value), right),
            }
        }
        list
    }

    /// A whole number within a range. `unit` stands in the message.
    pub(super) fn integer(
        &self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> u64 {
        self.know(name, default.to_string());
        let Some(value) = self.value(name) else { return default };
        let number = value.as_integer().and_then(|number| u64::try_from(number).ok());
        match number.filter(|number| range.contains(number)) {
            Some(number) => number,
            None => {
                let (least, most) = (range.start(), range.end());
                self.mistake(
                    name,
                    Some(value),
                    format!("must be a whole number of {unit} from {least} to {most}"),
                );
                default
            }
        }
    }

    /// The same, where it counts what is in memory.
    pub(super) fn count(
        &self,
        name: &'static str,
        default: u64,
        range: RangeInclusive<u64>,
        unit: &str,
    ) -> usize {
        usize::try_from(self.integer(name, default, range, unit)).unwrap_or(usize::MAX)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, name: &'static str, default: bool) -> bool {
        self.know(name, default.to_string());
        match self.value(name) {
            None => default,
            Some(Value::Boolean(value)) => *value,
            Some(other) => {
                self.mistake(name, Some(other), "must be true or false");
                default
            }
        }
    }

    /// One of a closed set of words; the first is the default.
    pub(super) fn choice<T: Copy>(&self, name: &'static str, choices: &[(&str, T)]) -> T {
        let (default_word, default) = choices[0];
        self.know(name, quoted(default_word));
        let Some(value) = self.value(name) else { return default };
        let word = match value {
            Value::String(word) => word.clone(),
            other => other.to_string(),
        };
        let chosen = choices.iter().find(|(choice, _)| *choice == word);
        match chosen {
            Some((_, choice)) => *choice,
            None => {
                let words: Vec<_> = choices.iter().map(|(word, _)| quoted(word)).collect();
                self.mistake(name, Some(value), format!("must be one of {}", words.join(", ")));
                default
            }
        }
    }

    /// Adds a mistake about a key of this table.
    pub(super) fn mistake(&self, name: &str, value: Option<&Value>, right: impl Into<String>) {
        self.findings.add(&self.path_of(name), value, right);
    }

    /// Adds a mistake about this table as such.
    pub(super) fn mistake_of_all(&self, right: impl Into<String>) {
        self.findings.add(&self.path, None, right);
    }

    fn value(&self, name: &'static str) -> Option<&'t Value> {
        self.asked.borrow_mut().insert(name);
        self.table
            .and_then(|table| table.get(name))
            .or_else(|| self.inherited(name).map(|(_, value)| value))
    }

    fn know(&self, name: &'static str, default: String) {
        let known = Known { key: self.path_of(name), default };
        self.findings.known.borrow_mut().push(known);
    }

    /// The path of a key where it stands, or where it would stand.
    pub(super) fn path_of(&self, name: &str) -> String {
        let path = match self.inherited(name) {
            Some((path, _)) if !self.has_itself(name) => path,
            _ => &self.path,
        };
        match path {
            "" => name.into(),
            path => format!("{path}.{name}"),
        }
    }
}

impl Drop for Section<'_> {
    fn drop(&mut self) {
        let asked = self.asked.borrow();
        for (key, value) in self.table.into_iter().flatten() {
            if asked.contains(key.as_str()) {
                continue;
            }
            let right = match asked.iter().find(|known| is_near(known, key)) {
                Some(near) => format!("is no key of mailwake; did you mean {near:?}?"),
                None => {
                    let known: Vec<_> = asked.iter().copied().collect();
                    format!("is no key of mailwake; known here are {}", known.join(", "))
                }
            };
            let value = Some(value).filter(|value| !value.is_table());
            self.findings.add(&self.path_of(&bare_or_quoted(key)), value, right);
        }
    }
}

/// What is not empty.
struct Given<T>(T);

impl<T: FromStr> FromStr for Given<T> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        if text.is_empty() { Err(()) } else { text.parse().map(Self).map_err(|_| ()) }
    }
}

/// A name as a path of tables writes it.
fn bare_or_quoted(name: &str) -> String {
    let is_bare = |octet: u8| octet.is_ascii_alphanumeric() || b"-_".contains(&octet);
    match !name.is_empty() && name.bytes().all(is_bare) {
        true => name.into(),
        false => Value::from(name).to_string(),
    }
}

/// A value as the file writes it: a number as it is, anything else in quotes.
fn quoted(text: &str) -> String {
    match text {
        "" => String::new(),
        number if number.bytes().all(|octet| octet.is_ascii_digit()) => number.into(),
        text => Value::from(text).to_string(),
    }
}

/// Are the two words at most two letters apart?
fn is_near(known: &str, written: &str) -> bool {
    let written: Vec<char> = written.chars().take(64).collect();
    let mut row: Vec<usize> = (0..=written.len()).collect();
    for (i, a) in known.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in written.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[written.len()] <= 2
}

#[cfg(test)]
mod tests;
