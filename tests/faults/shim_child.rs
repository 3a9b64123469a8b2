//! What the stories of `shim_itself` run on a broken disk: this test program, started once more.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, ErrorCode, params};

/// The role to play.
pub const ROLE: &str = "SHIM_CHILD_ROLE";
/// `synchronous` of the store that the role `rows` writes.
pub const SYNCHRONOUS: &str = "SHIM_CHILD_SYNCHRONOUS";
/// The name of the entry below, for the command line.
pub const ENTRY: &str = "shim_child::plays_a_role_on_a_broken_disk";

pub const DATABASE: &str = "rows.db";

#[test]
#[ignore = "started by the stories of shim_itself"]
fn plays_a_role_on_a_broken_disk() {
    let Ok(role) = std::env::var(ROLE) else {
        return;
    };
    let folder = |name| PathBuf::from(std::env::var_os(name).expect("started on a disk"));
    let (dir, mirror) = (folder("SHIM_DIR"), folder("SHIM_MIRROR"));
    match role.as_str() {
        "rows" => rows(&dir),
        "names" => names(&dir, &mirror),
        "bytes" => bytes(&dir, &mirror),
        "threads" => threads(&dir, &mirror),
        "failed_sync" => failed_sync(&dir, &mirror),
        other => panic!("no role {other}"),
    }
}

/// Bytes of a row, so that a torn one is seen.
pub fn payload(id: i64) -> Vec<u8> {
    (0..600).map(|i| ((id * 31 + i) % 251) as u8).collect()
}

fn say(line: &str) {
    let mut out = io::stdout().lock();
    writeln!(out, "\n{line}")
        .and_then(|()| out.flush())
        .expect("somebody listens");
}

fn open_store(dir: &Path) -> Connection {
    let store = Connection::open(dir.join(DATABASE)).expect("the store opens");
    let synchronous = std::env::var(SYNCHRONOUS).expect("a synchronous mode");
    store
        .execute_batch(&format!(
            "pragma journal_mode = wal; pragma synchronous = full; pragma wal_autocheckpoint = 0;
             create table if not exists rows (id integer primary key, payload blob not null);
             pragma wal_checkpoint(truncate); pragma synchronous = {synchronous};"
        ))
        .expect("the store can be set up");
    store
}

/// Commits row after row and says which are committed, while a second thread checkpoints. Now and
/// then the writer checkpoints too, so that the WAL starts over from its beginning.
fn rows(dir: &Path) {
    let store = open_store(dir);
    let checkpointer = open_store(dir);
    std::thread::spawn(move || {
        loop {
            std::thread::sleep(Duration::from_millis(20));
            checkpoint(&checkpointer);
        }
    });
    let mut id: i64 = store
        .query_row("select coalesce(max(id), 0) + 1 from rows", [], |row| {
            row.get(0)
        })
        .expect("readable");
    loop {
        match store.execute("insert into rows values (?1, ?2)", params![id, payload(id)]) {
            Ok(_) => {
                say(&format!("acked {id}"));
                if id % 100 == 0 {
                    checkpoint(&store);
                }
                id += 1;
            }
            Err(e) if e.sqlite_error_code() == Some(ErrorCode::DiskFull) => {
                let count: i64 = store
                    .query_row("select count(*) from rows", [], |row| row.get(0))
                    .expect("still readable");
                say(&format!("full {count}"));
                std::thread::sleep(Duration::from_millis(5));
            }
            Err(e) => {
                say(&format!(
                    "failed {:?}",
                    e.sqlite_error().map(|e| e.extended_code)
                ));
                std::process::exit(3);
            }
        }
    }
}

/// What cannot be written back now stays in the WAL.
fn checkpoint(store: &Connection) {
    let _ = store.query_row("pragma wal_checkpoint(passive)", [], |_| Ok(()));
}

fn sync_folder(dir: &Path) {
    File::open(dir)
        .and_then(|folder| folder.sync_all())
        .expect("a folder can be synced");
}

/// Creation, rename, replacement and unlink: durable with the file or with its folder, not before.
fn names(dir: &Path, mirror: &Path) {
    let mut file = File::create(dir.join("a")).expect("create");
    file.write_all(b"one").expect("write");
    assert!(!mirror.join("a").exists(), "created, not synced");
    sync_folder(dir);
    assert_eq!(
        fs::read(mirror.join("a")).expect("named"),
        b"",
        "the folder's sync brings the name, not the bytes"
    );
    file.sync_all().expect("sync");
    assert_eq!(fs::read(mirror.join("a")).expect("synced"), b"one");

    fs::rename(dir.join("a"), dir.join("b")).expect("rename");
    assert!(
        mirror.join("a").exists() && !mirror.join("b").exists(),
        "renamed, not synced"
    );
    file.write_all(b" two").expect("write");
    file.sync_data().expect("sync");
    assert!(
        !mirror.join("a").exists(),
        "the file's sync brings its new name"
    );
    assert_eq!(fs::read(mirror.join("b")).expect("renamed"), b"one two");

    fs::write(dir.join("fresh"), b"three").expect("write");
    File::open(dir.join("fresh"))
        .and_then(|f| f.sync_all())
        .expect("a sync through another descriptor");
    fs::rename(dir.join("fresh"), dir.join("b")).expect("replace");
    assert_eq!(
        fs::read(mirror.join("b")).expect("the old one"),
        b"one two",
        "replaced, not synced"
    );
    sync_folder(dir);
    assert_eq!(fs::read(mirror.join("b")).expect("the new one"), b"three");
    assert!(
        !mirror.join("fresh").exists(),
        "its old name is gone with it"
    );

    fs::remove_file(dir.join("b")).expect("unlink");
    assert!(mirror.join("b").exists(), "unlinked, not synced");
    fs::write(dir.join("b"), b"again").expect("a new file under the old name");
    assert_eq!(fs::read(mirror.join("b")).expect("the old one"), b"three");
    File::open(dir.join("b"))
        .and_then(|f| f.sync_all())
        .expect("sync");
    assert_eq!(fs::read(mirror.join("b")).expect("the new one"), b"again");
    fs::remove_file(dir.join("b")).expect("unlink");
    sync_folder(dir);
    assert!(
        !mirror.join("b").exists(),
        "the folder's sync brings the unlink"
    );

    fs::create_dir(dir.join("inner")).expect("a folder");
    let inner = File::create(dir.join("inner/c")).expect("create");
    inner.write_all_at(b"deep", 0).expect("write");
    inner.sync_all().expect("sync");
    assert_eq!(fs::read(mirror.join("inner/c")).expect("synced"), b"deep");
}

/// Offsets, appends, truncation and growth, through descriptors that can and cannot read.
fn bytes(dir: &Path, mirror: &Path) {
    let same = |name: &str| {
        assert_eq!(
            fs::read(dir.join(name)).expect("now"),
            fs::read(mirror.join(name)).expect("durable"),
            "{name}"
        )
    };
    let mut file = File::create(dir.join("f")).expect("create");
    file.write_all(&[1; 10_000]).expect("write");
    file.sync_all().expect("sync");
    file.write_all_at(&[2; 100], 5_000).expect("write");
    assert_eq!(
        fs::read(mirror.join("f")).expect("durable"),
        [1; 10_000],
        "written, not synced"
    );
    file.seek(SeekFrom::Start(20_000)).expect("seek");
    file.write_all(&[3; 10]).expect("write");
    file.sync_data().expect("sync");
    same("f");

    file.set_len(100).expect("cut");
    assert_eq!(
        fs::read(mirror.join("f")).expect("durable").len(),
        20_010,
        "cut, not synced"
    );
    file.set_len(300).expect("grow");
    file.sync_all().expect("sync");
    same("f");
    assert!(
        fs::read(mirror.join("f")).expect("durable")[100..]
            .iter()
            .all(|b| *b == 0),
        "what was cut off is not back"
    );

    let mut appended = File::options()
        .append(true)
        .open(dir.join("f"))
        .expect("open");
    appended.write_all(b"end").expect("append");
    let clone = appended.try_clone().expect("a second descriptor");
    (&clone).write_all(b"!").expect("append");
    clone.sync_all().expect("sync");
    same("f");

    fs::copy(dir.join("f"), dir.join("g")).expect("copy");
    File::open(dir.join("g"))
        .and_then(|f| f.sync_all())
        .expect("sync");
    same("g");
    fs::write(dir.join("f"), b"short").expect("rewrite");
    File::open(dir.join("f"))
        .and_then(|f| f.sync_all())
        .expect("sync");
    same("f");
}

/// Several threads write and sync one file; each finds its own bytes durable after its own sync.
fn threads(dir: &Path, mirror: &Path) {
    const AREA: usize = 8_192;
    let file = File::create(dir.join("shared")).expect("create");
    file.sync_all().expect("sync");
    let durable = File::open(mirror.join("shared")).expect("durable");
    std::thread::scope(|scope| {
        for thread in 0..4_usize {
            let (file, durable) = (&file, &durable);
            scope.spawn(move || {
                for round in 0..200_usize {
                    let written = vec![(thread * 50 + round % 50) as u8; AREA];
                    let at = (thread * AREA) as u64;
                    file.write_all_at(&written, at).expect("write");
                    file.sync_data().expect("sync");
                    let mut read = vec![0; AREA];
                    durable
                        .read_exact_at(&mut read, at)
                        .expect("as long as it was written");
                    assert_eq!(read, written, "thread {thread}, round {round}");
                }
            });
        }
    });
}

/// A sync that failed has lost the bytes; the next one succeeds and does not bring them back.
fn failed_sync(dir: &Path, mirror: &Path) {
    let mut file = File::create(dir.join("f")).expect("create");
    file.write_all(b"lost").expect("write");
    let error = file.sync_all().expect_err("this sync fails");
    assert_eq!(
        error.kind(),
        io::Error::from_raw_os_error(5).kind(),
        "{error}"
    );
    file.write_all(b"kept").expect("write");
    file.sync_all().expect("this one does not");
    let mut durable = Vec::new();
    File::open(mirror.join("f"))
        .and_then(|mut f| f.read_to_end(&mut durable))
        .expect("durable");
    assert_eq!(durable, b"\0\0\0\0kept");
}
