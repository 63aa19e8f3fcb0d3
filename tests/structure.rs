//! What the compiler does not check: who may import whom, and what every file looks like.

use std::fs;
use std::path::{Path, PathBuf};

/// The modules of the engine from the ground up. A module may import those of earlier rows and its
/// own row's: `kernel <- tape <- ops <- layers <- models <- decode <- { main, web }`, the executors
/// and the weights beside the tape, names and errors beneath everything.
const ROWS: &[&[&str]] = &[
    &["error"],
    &["site", "tensor"],
    &["kernel", "tuning", "ring", "step_state", "mask"],
    &["recording"],
    &["probe"],
    &["tape"],
    &["weights"],
    &["ops"],
    &["fuse"],
    &["executor"],
    &["loading"],
    &["layers"],
    &["models"],
    &["text", "decode"],
    &["command"],
    &["main", "web", "lib"],
];

/// Folders with code of our own, and how its files end.
const CODE: &[(&str, &[&str])] = &[
    ("src", &["rs"]),
    ("shaders", &["wgsl"]),
    ("tests", &["rs", "mjs", "py"]),
    ("npm/src", &["ts"]),
    ("www/src", &["ts", "js", "svelte", "css"]),
    ("scripts", &["mjs", "js"]),
    ("bench", &["mjs", "js", "rs", "html"]),
    ("train", &["py"]),
];

const LONGEST: usize = 300;

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Files under a folder of the repository, as paths from its root and texts.
fn files(folder: &str, endings: &[&str]) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        let Ok(entries) = fs::read_dir(&folder) else { continue };
        for path in entries.map(|entry| entry.expect("a readable folder").path()) {
            if path.ends_with("node_modules") || path.ends_with("__pycache__") {
                continue;
            }
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|e| endings.iter().any(|ending| e == *ending)) {
                let text = fs::read_to_string(&path).expect("a text in UTF-8");
                found.push((relative(&path), text));
            }
        }
    }
    found.sort();
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("a path in the repository").display().to_string()
}

fn code() -> Vec<(String, String)> {
    CODE.iter().flat_map(|(folder, endings)| files(folder, endings)).collect()
}

/// `src/ops/linear.rs` and `src/ops/mod.rs` belong to the module `ops`.
fn module(path: &str) -> &str {
    let inside = path.strip_prefix("src/").unwrap_or(path);
    inside.split('/').next().unwrap_or(inside).trim_end_matches(".rs")
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The text before its unit tests, without comments.
fn statements(text: &str) -> impl Iterator<Item = &str> {
    let text = text.split("\n#[cfg(test)]\nmod tests").next().unwrap_or(text);
    text.lines().map(|line| line.split("//").next().unwrap_or(line))
}

/// The modules of the crate that a line names, in `use` lines and in paths.
fn modules_named(line: &str) -> Vec<String> {
    let is_part = |c: &char| c.is_alphanumeric() || *c == '_';
    let word = |rest: &str| rest.chars().take_while(is_part).collect::<String>();
    let mut named = Vec::new();
    for (_, rest) in
        line.match_indices("crate::").map(|(at, found)| line.split_at(at + found.len()))
    {
        match rest.strip_prefix('{') {
            Some(list) => named.extend(list.split(',').map(|item| word(item.trim_start()))),
            None => named.push(word(rest)),
        }
    }
    named.retain(|name| !name.is_empty());
    named
}

/// What is wrong with a file's imports.
fn wrong_imports(path: &str, text: &str) -> Vec<String> {
    let own = row(module(path));
    let mut wrong = Vec::new();
    if own.is_none() {
        wrong.push(format!("{path}: module {} has no row in tests/structure.rs", module(path)));
    }
    for named in statements(text).flat_map(modules_named) {
        if row(&named) > own || row(&named).is_none() {
            wrong.push(format!("{path} imports {named}: imports point the other way"));
        }
    }
    wrong
}

#[test]
fn imports_point_one_way() {
    let sources = files("src", &["rs"]);
    assert!(sources.len() > 10, "the sources have moved");
    let wrong: Vec<String> =
        sources.iter().flat_map(|(path, text)| wrong_imports(path, text)).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_check_of_imports_can_fail() {
    assert_eq!(wrong_imports("src/tape.rs", "use crate::ops::linear;").len(), 1);
    assert_eq!(wrong_imports("src/ops/x.rs", "fn f() { crate::models::g() }").len(), 1);
    assert_eq!(wrong_imports("src/error.rs", "use crate::{site, kernel::Kernel};").len(), 2);
    assert_eq!(wrong_imports("src/site/mod.rs", "use crate::error::Error;").len(), 0);
    assert_eq!(wrong_imports("src/ops/x.rs", "// crate::models\nuse crate::tape;").len(), 0);
    assert_eq!(wrong_imports("src/newcomer.rs", "").len(), 1);
    assert_eq!(wrong_imports("src/tape.rs", "use crate::newcomer;").len(), 1);
}

/// The files whose code names a word, less those whose path begins with `home`.
fn strays(sources: &[(String, String)], word: &str, home: &str) -> Vec<String> {
    let names_it = |text: &str| statements(text).any(|line| line.contains(word));
    let stray = |(path, text): &&(String, String)| !path.starts_with(home) && names_it(text);
    sources.iter().filter(stray).map(|(path, _)| format!("{path} names {word}")).collect()
}

#[test]
fn platform_libraries_stay_in_their_place() {
    let sources = files("src", &["rs"]);
    for (library, home) in [
        ("wgpu::", "src/executor/gpu/"),
        ("web_sys", "src/executor/gpu/"),
        ("wasm_bindgen::", "src/web/"),
        ("JsValue", "src/web/"),
        ("tokenizers::", "src/text.rs"),
        ("safetensors::tensor", "src/weights/safetensors.rs"),
    ] {
        let strays = strays(&sources, library, home);
        assert!(strays.is_empty(), "{} outside {home}", strays.join(", "));
    }
    let planted = [("src/ops/x.rs".to_string(), "use wgpu::Buffer;".to_string())];
    assert_eq!(strays(&planted, "wgpu::", "src/executor/gpu/").len(), 1);
}

#[test]
fn every_file_opens_with_its_job() {
    for (path, text) in code() {
        let first = text.lines().next().unwrap_or_default();
        let opens = ["//", "/*", "<!--", "\"\"\"", "#"].iter().any(|mark| first.starts_with(mark));
        assert!(opens, "{path} begins with `{first}`, not with a comment that says its job");
    }
}

#[test]
fn no_file_is_longer_than_a_reader_bears() {
    let long: Vec<String> = code()
        .iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(path, lines)| format!("{path}: {lines} lines"))
        .collect();
    assert!(long.is_empty(), "more than {LONGEST} lines:\n{}", long.join("\n"));
}

/// No number is drawn that nobody computed, and no text becomes HTML.
#[test]
fn the_page_draws_no_random_numbers_and_no_html() {
    let page = [files("www/src", &["ts", "js", "svelte"]), files("npm/src", &["ts"])].concat();
    assert!(!page.is_empty(), "the page has moved");
    for word in ["Math.random", "innerHTML", "outerHTML", "insertAdjacentHTML", "{@html"] {
        let strays = strays(&page, word, "nowhere");
        assert!(strays.is_empty(), "{}", strays.join(", "));
    }
}
