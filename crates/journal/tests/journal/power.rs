//! The power goes: of what was not synced, any part may be gone.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use kedge_journal::{Disk, Options, Storage, Writer};
use proptest::prelude::*;

use crate::sample::{HEADER, ID, append, goes_on, read_all, record, scratch};

/// What the disk holds for certain, by inode.
#[derive(Default)]
struct Platter {
    /// Path, synced length, written length.
    files: BTreeMap<u64, (PathBuf, u64, u64)>,
    /// Operations left until the power goes.
    operations: u64,
}

struct Power(Arc<Mutex<Platter>>);

impl Power {
    fn tick(&self) -> io::Result<()> {
        let mut platter = self.0.lock().unwrap();
        platter.operations = platter.operations.checked_sub(1).ok_or_else(|| io::Error::other("the power went"))?;
        Ok(())
    }
}

impl Storage for Power {
    fn create(&mut self, path: &Path) -> io::Result<File> {
        self.tick()?;
        let file = Disk.create(path)?;
        self.0.lock().unwrap().files.insert(file.metadata()?.ino(), (path.to_owned(), 0, 0));
        Ok(file)
    }

    fn write(&mut self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        self.tick()?;
        let written = Disk.write(file, bytes, offset)?;
        // The durable mark was not made here and is written in place: it keeps what it has.
        if let Some(state) = self.0.lock().unwrap().files.get_mut(&file.metadata()?.ino()) {
            state.2 = state.2.max(offset + written as u64);
        }
        Ok(written)
    }

    fn sync(&mut self, file: &File) -> io::Result<()> {
        self.tick()?;
        if let Some(state) = self.0.lock().unwrap().files.get_mut(&file.metadata()?.ino()) {
            state.1 = state.2;
        }
        Ok(())
    }

    fn sync_folder(&mut self, _folder: &Path) -> io::Result<()> {
        self.tick()
    }
}

/// Takes from each file a part of what was not synced, or leaves zeros in its place.
fn lose(platter: &Platter, kept_percent: &[u64], leaves_zeros: bool) {
    for ((path, synced, written), percent) in platter.files.values().zip(kept_percent.iter().cycle()) {
        let file = fs::OpenOptions::new().write(true).open(path).unwrap();
        file.set_len(synced + (written - synced) * percent / 100).unwrap();
        if leaves_zeros {
            file.set_len(*written).unwrap();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn nothing_durable_is_lost_and_the_rest_is_a_prefix(
        operations in 12_u64..160,
        every in 1_u64..8,
        kept_percent in prop::collection::vec(0_u64..=100, 3),
        leaves_zeros in any::<bool>(),
        old_mark in any::<bool>(),
    ) {
        let dir = scratch();
        let folder = dir.path().join("session");
        let platter = Arc::new(Mutex::new(Platter { operations, ..Platter::default() }));
        let options = Options { segment_bytes: 500, pending_bytes: 1 << 20 };
        let first = record(1);
        let power = Box::new(Power(Arc::clone(&platter)));
        let mut writer =
            Writer::create_on(power, options, &folder, ID, HEADER, first.ts_engine, first.ts_wall).unwrap();
        let first_mark = fs::read(folder.join("durable")).unwrap();
        for seq in 2.. {
            append(&mut writer, seq).unwrap();
            if seq % every == 0 && writer.commit().is_err() {
                break;
            }
        }
        let durable = writer.durable();
        drop(writer);
        lose(&platter.lock().unwrap(), &kept_percent, leaves_zeros);
        if old_mark {
            fs::write(folder.join("durable"), first_mark).unwrap();
        }
        let (read, torn) = read_all(&folder).unwrap();
        let kept = read.len() as u64;
        prop_assert!(kept >= durable, "{} kept, {} durable", kept, durable);
        prop_assert_eq!(read, (1..=kept).map(record).collect::<Vec<_>>());
        prop_assert!(torn.is_none_or(|torn| torn.durable_lost == 0));
        goes_on(&folder, kept);
    }
}
