//! Packs `assets/` into `OUT_DIR/assets` and the script of the sites (`tracker/`) into
//! `OUT_DIR/tracker`, from where they are built into the binary, so `cargo build` alone is enough in
//! a fresh clone. Needs Node and npm; says so when they are missing.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the bundles are made of.
const SOURCES: [&str; 8] = [
    "assets/build.mjs",
    "assets/icons.txt",
    "assets/logos",
    "assets/package.json",
    "assets/package-lock.json",
    "assets/src",
    "assets/tracker.mjs",
    "tracker",
];

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    let assets = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets");
    if let Err(message) = build(&assets, &out) {
        for line in message.lines() {
            println!("cargo::error={line}");
        }
    }
}

fn build(assets: &Path, out: &Path) -> Result<(), String> {
    install(assets)?;
    bundle(assets, "build.mjs", &out.join("assets"))?;
    bundle(assets, "tracker.mjs", &out.join("tracker"))
}

/// Installs the locked packages, unless the installed ones are of this lock file.
fn install(assets: &Path) -> Result<(), String> {
    let locked = fs::read(assets.join("package-lock.json")).map_err(|e| e.to_string())?;
    let stamp = assets.join("node_modules/.installed-lock.json");
    if fs::read(&stamp).is_ok_and(|installed| installed == locked) {
        return Ok(());
    }
    run(Command::new("npm")
        .args(["ci", "--no-audit", "--no-fund"])
        .current_dir(assets))?;
    fs::write(stamp, locked).map_err(|e| e.to_string())
}

fn bundle(assets: &Path, script: &str, out: &Path) -> Result<(), String> {
    run(Command::new("node")
        .arg(script)
        .arg(out)
        .current_dir(assets))
}

fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| {
        format!(
            "the pages need `{name}` to be packed: {error}; install Node.js 20 or newer with npm \
             (Debian, Ubuntu: apt-get install nodejs npm)"
        )
    })?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(format!("`{command:?}` in assets/ failed:\n{said}"))
}
