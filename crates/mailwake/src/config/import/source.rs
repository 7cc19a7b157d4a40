//! The files of a configuration: the first one and what it includes, as one list of
//! statements. Files are opened by whoever calls.

use super::syntax::{self, Content, FILE_OCTETS_MAX, Place, Statement, SyntaxError};
use std::{
    io,
    path::{Component, Path, PathBuf},
};

/// How deep files may include each other.
const INCLUDE_DEPTH_MAX: usize = 8;

/// Most files of one configuration.
const FILES_MAX: usize = 256;

/// Most octets of all files together.
const OCTETS_MAX: usize = 4 * FILE_OCTETS_MAX;

/// A configuration as it stands in its files.
#[derive(Debug, Default)]
pub(super) struct Source {
    /// The files; a place has the index of its own.
    pub(super) files: Vec<PathBuf>,
    /// All statements; those of an included file stand where it is included.
    pub(super) statements: Vec<Statement>,
    /// Files that could not be read, and why.
    pub(super) passed_over: Vec<(Place, String)>,
    /// Octets of all files so far.
    octets: usize,
    /// The files in which a statement stands that is resolved now, the first one first.
    open: Vec<PathBuf>,
}

/// Why there is nothing to import.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file that was named cannot be read.
    #[error("read {}: {error}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// A file is none of Momentum's syntax.
    #[error("{}: {error}", path.display())]
    Syntax {
        /// The file.
        path: PathBuf,
        /// The place in it.
        error: SyntaxError,
    },
}

/// Gives the text of a file.
pub(super) type Open<'o> = &'o mut dyn FnMut(&Path) -> io::Result<String>;

/// Reads a file and those that it includes. An included file that cannot be read is passed
/// over; one with a mistake is an error.
pub(super) fn read(path: &Path, open: Open<'_>) -> Result<Source, ImportError> {
    let text = open(path).map_err(|error| ImportError::Read { path: path.to_owned(), error })?;
    let mut source = Source::default();
    source.statements = source.read(&without_detours(path), &text, open)?;
    Ok(source)
}

impl Source {
    /// The statements of a file, with those that it includes.
    fn read(
        &mut self,
        path: &Path,
        text: &str,
        open: Open<'_>,
    ) -> Result<Vec<Statement>, ImportError> {
        self.octets += text.len();
        self.files.push(path.to_owned());
        let statements = syntax::parse(text, self.files.len() - 1)
            .map_err(|error| ImportError::Syntax { path: path.to_owned(), error })?;
        self.open.push(path.to_owned());
        let resolved = self.resolve(statements, open);
        self.open.pop();
        resolved
    }

    /// Puts the statements of included files in the place of what includes them.
    fn resolve(
        &mut self,
        statements: Vec<Statement>,
        open: Open<'_>,
    ) -> Result<Vec<Statement>, ImportError> {
        let mut resolved = Vec::with_capacity(statements.len());
        for Statement { place, name, content } in statements {
            match content {
                Content::Include(file) => resolved.extend(self.include(&file, place, open)?),
                Content::Stanza { label, body } => {
                    let body = self.resolve(body, open)?;
                    let content = Content::Stanza { label, body };
                    resolved.push(Statement { place, name, content });
                }
                content @ Content::Option(_) => resolved.push(Statement { place, name, content }),
            }
        }
        Ok(resolved)
    }

    fn include(
        &mut self,
        file: &str,
        place: Place,
        open: Open<'_>,
    ) -> Result<Vec<Statement>, ImportError> {
        let from = self.open.last().and_then(|path| path.parent());
        let path = without_detours(&from.unwrap_or(Path::new("")).join(file));
        let refusal = match () {
            () if self.open.contains(&path) => Some("it includes itself".into()),
            () if self.open.len() > INCLUDE_DEPTH_MAX => {
                Some(format!("files include each other {INCLUDE_DEPTH_MAX} deep at most"))
            }
            () if self.files.len() >= FILES_MAX => Some(format!("{FILES_MAX} files are the most")),
            () if self.octets >= OCTETS_MAX => {
                Some(format!("{OCTETS_MAX} octets are the most of all files"))
            }
            () => None,
        };
        match refusal.map_or_else(|| open(&path).map_err(|error| error.to_string()), Err) {
            Ok(text) => self.read(&path, &text, open),
            Err(why) => {
                self.passed_over.push((place, format!("include {file:?}: {why}")));
                Ok(Vec::new())
            }
        }
    }
}

/// The path without `.`, and without `..` behind a name.
fn without_detours(path: &Path) -> PathBuf {
    let mut straight = PathBuf::new();
    for part in path.components() {
        let ends_in_name = matches!(straight.components().next_back(), Some(Component::Normal(_)));
        match part {
            Component::CurDir => {}
            Component::ParentDir if ends_in_name => {
                straight.pop();
            }
            part => straight.push(part),
        }
    }
    straight
}
