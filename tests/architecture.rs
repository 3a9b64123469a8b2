//! Who may use whom: reads the `crate::…` paths of each room and compares them with the table in
//! ARCHITECTURE.md, so that the map stays true.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The rows of the table "Who may use whom": room to the rooms it may use.
fn allowed(map: &str) -> BTreeMap<String, BTreeSet<String>> {
    map.lines()
        .skip_while(|line| !line.starts_with("## Who may use whom"))
        .filter(|line| line.starts_with("| `"))
        .flat_map(|line| {
            let mut cells = line.split('|').skip(1).map(words);
            let rooms = cells.next().unwrap_or_default();
            let used = cells.next().unwrap_or_default();
            rooms.into_iter().map(move |room| (room, used.clone()))
        })
        .collect()
}

/// The names in backticks.
fn words(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("it can be read").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|ending| ending == "rs") {
            found.push(path);
        }
    }
}

/// The rooms that a file names, outside its tests.
fn used_by(text: &str) -> BTreeSet<String> {
    let code = text
        .split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text);
    code.split("crate::")
        .skip(1)
        .map(|rest| {
            rest.chars()
                .take_while(|c| c.is_alphanumeric() || *c == '_')
                .collect()
        })
        .filter(|room: &String| !room.is_empty())
        .collect()
}

#[test]
fn rooms_use_only_the_rooms_that_the_map_allows() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let map = std::fs::read_to_string(root.join("ARCHITECTURE.md")).expect("the map is there");
    let allowed = allowed(&map);
    let mut files = Vec::new();
    sources(&root.join("src"), &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let name = file.strip_prefix(root.join("src")).expect("below src");
        let is_test =
            file.ends_with("tests.rs") || name.components().any(|c| c.as_os_str() == "suite");
        let first = name
            .iter()
            .next()
            .expect("a file has a name")
            .to_string_lossy();
        let room = first.trim_end_matches(".rs").to_owned();
        if is_test || matches!(room.as_str(), "main" | "lib") {
            continue;
        }
        let Some(may) = allowed.get(&room) else {
            wrong.push(format!("{room} is not in the table"));
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("it can be read");
        for used in used_by(&text) {
            if used != room && !may.contains(&used) {
                wrong.push(format!("{}: {room} may not use {used}", name.display()));
            }
        }
    }
    wrong.dedup();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_forbidden_arrow_would_be_seen() {
    assert!(used_by("use crate::store::Store;").contains("store"));
    assert!(used_by("let x = crate::hub::Hub;").contains("hub"));
    assert!(!used_by("#[cfg(test)]\nmod tests {\n use crate::hub::Hub;").contains("hub"));
}
