//! What the writer needs of a disk, so that tests can let it fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

/// The four things a writer does to a disk. [`Disk`] is the one used.
pub trait Storage: Send + Sync {
    /// Makes a new file; refuses one that is there.
    ///
    /// # Errors
    /// As the operating system says.
    fn create(&mut self, path: &Path) -> io::Result<File>;

    /// Writes at an offset; may write fewer bytes than given, as [`io::Write::write`].
    ///
    /// # Errors
    /// As the operating system says.
    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Waits until the file's bytes and length are on the disk.
    ///
    /// # Errors
    /// As the operating system says. What was written since the last success must be taken for lost.
    fn sync(&mut self, file: &File) -> io::Result<()>;

    /// Waits until the folder's entries are on the disk.
    ///
    /// # Errors
    /// As the operating system says.
    fn sync_folder(&mut self, folder: &Path) -> io::Result<()>;
}

/// Files of the operating system.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Storage for Disk {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).write(true).create_new(true).open(path)
    }

    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_folder(&mut self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }
}

/// Writes all of `bytes`, going on after a short write; any error ends it.
pub(crate) fn write_all(storage: &mut dyn Storage, file: &File, mut bytes: &[u8], mut offset: u64) -> io::Result<()> {
    while !bytes.is_empty() {
        match storage.write(file, bytes, offset) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => {
                bytes = &bytes[written..];
                offset += written as u64;
            }
            // A signal came before anything was written: nothing failed.
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
