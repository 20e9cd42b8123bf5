//! Kill -9 of a real process that writes.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use kedge_journal::{Disk, GroupCommitter, Options, Writer};

use crate::sample::{create, goes_on, read_all, record};

const FOLDER: &str = "KEDGE_TEST_JOURNAL_CHILD";
const OPTIONS: Options = Options { segment_bytes: 4_000, pending_bytes: 1 << 20 };
const KILLS: u64 = 20;

/// The child's side: begins or goes on, and tells each sequence that it knows to be durable.
#[test]
fn writes_until_killed() {
    let Some(folder) = env::var_os(FOLDER).map(PathBuf::from) else {
        return;
    };
    let writer = if folder.exists() {
        Writer::reopen_on(Box::new(Disk), OPTIONS, &folder).unwrap().0
    } else {
        create(&folder, OPTIONS)
    };
    let mut seq = writer.durable();
    let committer = GroupCommitter::spawn(writer, 64).unwrap();
    loop {
        seq += 1;
        let record = record(seq);
        committer.append(record.stream, record.kind, record.ts_engine, record.ts_wall, record.payload).unwrap();
        if seq.is_multiple_of(11) {
            assert!(committer.wait_durable(seq, Duration::from_secs(30)).unwrap());
            writeln!(std::io::stdout(), "durable {seq}").unwrap();
        }
    }
}

#[test]
fn killed_again_and_again_it_keeps_all_it_called_durable() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("session");
    let mut told = 0_u64;
    for kill in 0..KILLS {
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["kill::writes_until_killed", "--exact", "--nocapture"])
            .env(FOLDER, &folder)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut left = 1 + kill % 7;
        for line in lines {
            if let Some(seq) = line.unwrap().strip_prefix("durable ") {
                told = seq.parse().unwrap();
                left = left.saturating_sub(1);
                if left == 0 {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        let (read, torn) = read_all(&folder).unwrap();
        assert!(read.len() as u64 >= told, "kill {kill}: {told} durable, {} read", read.len());
        assert!(torn.is_none_or(|torn| torn.durable_lost == 0), "kill {kill}");
        assert_eq!(read, (1..=read.len() as u64).map(record).collect::<Vec<_>>());
    }
    assert!(told > KILLS * 11, "{told}");
    let kept = read_all(&folder).unwrap().0.len() as u64;
    goes_on(&folder, kept);
}
