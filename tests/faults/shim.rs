//! The broken disk: compiles `shim.c`, and sets and reads its control file.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

/// A watched folder, the mirror that a power cut would leave of it, and the control of the faults.
pub struct Disk {
    folder: PathBuf,
    pub mirror: PathBuf,
    control_path: PathBuf,
    pub control: Control,
}

impl Disk {
    /// The mirror must be a copy of the folder, made while nothing ran.
    pub fn new(folder: &Path, mirror: &Path, control: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            mirror: mirror.to_owned(),
            control_path: control.to_owned(),
            control: Control::create(control),
        }
    }

    /// The environment that puts a process on this disk.
    pub fn env(&self) -> Vec<(&'static str, String)> {
        let text = |path: &Path| path.to_str().expect("a UTF-8 path").to_owned();
        vec![
            ("LD_PRELOAD", text(library())),
            ("SHIM_DIR", text(&self.folder)),
            ("SHIM_MIRROR", text(&self.mirror)),
            ("SHIM_CONTROL", text(&self.control_path)),
        ]
    }
}

/// 64-bit words shared with the process; their order is that of `struct control` in `shim.c`.
pub struct Control(File);

const LIMIT_WRITTEN: u64 = 0;
const LIMIT_GROWN: u64 = 1;
const EIO_WANTED: u64 = 2;
const LEAK_PERMILLE: u64 = 3;
const WRITTEN: u64 = 4;
const GROWN: u64 = 5;
const REFUSED: u64 = 6;
const EIO_DONE: u64 = 7;
const SYNCS: u64 = 8;
const SYNCS_AFTER: u64 = 9;
const WORDS: usize = 10;

impl Control {
    fn create(path: &Path) -> Self {
        let file = File::options()
            .read(true)
            .write(true)
            .create_new(true)
            .open(path)
            .expect("a control file");
        file.write_all_at(&[0; 8 * WORDS], 0)
            .expect("room for the control file");
        let control = Self(file);
        control.free_space();
        control
    }

    /// The disk is full after this many more written bytes, whether they overwrite or not.
    pub fn full_after_written(&self, bytes: i64) {
        self.set(LIMIT_WRITTEN, self.get(WRITTEN) + bytes);
    }

    /// The disk is full after files have grown by this many more bytes.
    pub fn full_after_grown(&self, bytes: i64) {
        self.set(LIMIT_GROWN, self.get(GROWN) + bytes);
    }

    pub fn free_space(&self) {
        self.set(LIMIT_WRITTEN, -1);
        self.set(LIMIT_GROWN, -1);
    }

    /// This many more syncs answer EIO and forget what was not yet on the disk.
    pub fn fail_syncs(&self, count: i64) {
        self.set(EIO_WANTED, self.get(EIO_DONE) + count);
    }

    /// This share of the writes becomes durable early and out of order.
    pub fn leak_permille(&self, share: i64) {
        self.set(LEAK_PERMILLE, share);
    }

    /// Writes answered ENOSPC.
    pub fn refused(&self) -> i64 {
        self.get(REFUSED)
    }

    /// Syncs answered EIO.
    pub fn failed_syncs(&self) -> i64 {
        self.get(EIO_DONE)
    }

    pub fn syncs(&self) -> i64 {
        self.get(SYNCS)
    }

    /// Syncs of a file after a sync of it had failed, by the thread that was told so, or by any after
    /// the moment that a process needs to stop.
    pub fn syncs_after_failure(&self) -> i64 {
        self.get(SYNCS_AFTER)
    }

    fn get(&self, word: u64) -> i64 {
        let mut bytes = [0; 8];
        self.0
            .read_exact_at(&mut bytes, 8 * word)
            .expect("the control file is whole");
        i64::from_ne_bytes(bytes)
    }

    fn set(&self, word: u64, value: i64) {
        self.0
            .write_all_at(&value.to_ne_bytes(), 8 * word)
            .expect("the control file can be written");
    }
}

/// The compiled shim; made once for the whole run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let library = Path::new(env!("CARGO_TARGET_TMPDIR")).join("shim.so");
        let fresh = library.with_extension(std::process::id().to_string());
        let output = Command::new("cc")
            .args([
                "-shared",
                "-fPIC",
                "-O2",
                "-Wall",
                "-Wno-format-truncation",
                "-U_FORTIFY_SOURCE",
                "-o",
            ])
            .arg(&fresh)
            .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/faults/shim.c"))
            .args(["-ldl", "-lpthread"])
            .output()
            .expect("the fault stories need a C compiler: install cc");
        assert!(
            output.status.success(),
            "cc: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        std::fs::rename(fresh, &library).expect("the shim can be put in its place");
        library
    })
}

/// Copies a folder without the `-shm` files, which no restart keeps.
pub fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a new folder");
    for entry in std::fs::read_dir(from).expect("a folder to copy") {
        let entry = entry.expect("a readable folder");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if entry.file_type().expect("a known type").is_dir() {
            copy_folder(&source, &target);
        } else if !entry.file_name().to_string_lossy().ends_with("-shm") {
            std::fs::copy(&source, &target).expect("a file can be copied");
        }
    }
}
