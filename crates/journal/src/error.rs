//! What can go wrong, with the file and the offset where there is one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::format::{VERSION, VERSION_AT};

/// The result of everything here.
pub type Result<T> = std::result::Result<T, Error>;

/// Why the journal stopped. Cloneable, so that a poisoned writer can give its first error again.
#[derive(Clone, Debug)]
pub enum Error {
    /// The disk or the operating system said no.
    Io {
        /// What was tried, for example `write`.
        action: &'static str,
        /// On which file or folder.
        path: PathBuf,
        /// What it answered.
        source: Arc<io::Error>,
    },
    /// Bytes are not what was written, or records are missing.
    Damage {
        /// In which file.
        file: PathBuf,
        /// From which byte on.
        offset: u64,
        /// What does not fit.
        what: String,
    },
    /// Another version wrote the file.
    Version {
        /// Which file.
        file: PathBuf,
        /// The version it names.
        found: u16,
        /// Whether the preamble's checksum fits where this version keeps it.
        checksum_fits: bool,
    },
    /// There is no session in the folder.
    NoSession {
        /// Which folder.
        folder: PathBuf,
        /// What is not there.
        what: String,
    },
    /// Another writer holds the session.
    Locked {
        /// Which folder.
        folder: PathBuf,
    },
    /// The caller asked for what cannot be: says what, the value and the bound.
    Usage(String),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { action, path: path.to_owned(), source: Arc::new(source) }
    }

    pub(crate) fn damage(file: &Path, offset: u64, what: impl Into<String>) -> Self {
        Self::Damage { file: file.to_owned(), offset, what: what.into() }
    }

    /// What to do next, one sentence, or nothing.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Io { .. } => "free or repair the disk; what was durable before is whole",
            Self::Damage { .. } => "restore the file from a copy; nothing after this byte is trusted",
            Self::Version { .. } => "read it with the Kedge that wrote it",
            Self::NoSession { .. } => "name the folder that holds `decisions.kj`",
            Self::Locked { .. } => "stop the other writer first",
            Self::Usage(_) => "",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { action, path, source } => write!(f, "{}: {action} failed: {source}", path.display()),
            Self::Damage { file, offset, what } => write!(f, "{}: damaged at byte {offset}: {what}", file.display()),
            Self::Version { file, found, checksum_fits } => {
                write!(
                    f,
                    "{}: format version must be {VERSION}, was {found} (at byte {VERSION_AT}; readable: {VERSION})",
                    file.display()
                )?;
                if *checksum_fits {
                    return Ok(());
                }
                f.write_str("; the preamble's checksum does not fit either, so the bytes may be damaged")
            }
            Self::NoSession { folder, what } => write!(f, "{}: no journal session here: {what}", folder.display()),
            Self::Locked { folder } => write!(f, "{}: another writer holds this session", folder.display()),
            Self::Usage(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { source, .. } => Some(source.as_ref()),
            _ => None,
        }
    }
}
