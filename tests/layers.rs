//! Imports point down only, and modules of one layer do not import each other.
//!
//! `hub` stands in layer 1: `data` reads the files that it fetches, and it needs nothing of recipes or rows itself. `judge` reads what candidates answered and knows no
//! study; a study foresees what it will ask.

use std::path::{Path, PathBuf};

/// The layers, lowest first; a module may use those of lower lines only.
const LAYERS: [&[&str]; 9] = [
    &["error"],
    &["device", "progress", "files", "random", "markup"],
    &["recipe", "kernels", "hub"],
    &["data", "model"],
    &["adapter"],
    &["train", "eval", "export"],
    &["judge"],
    &["study", "report", "serve"],
    &["commands", "cli", "main"],
];

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the source folder can be read") {
        let path = entry.expect("the entry can be read").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

/// Modules named in `crate::…` or `emakeel::…` paths of a text, comments left out, with line numbers.
fn imports(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or("");
        for prefix in ["crate::", "emakeel::"] {
            for (at, _) in code.match_indices(prefix) {
                let rest = &code[at + prefix.len()..];
                let names: Vec<&str> = match rest.strip_prefix('{') {
                    Some(group) => group.split([',', '}']).map(|n| n.trim().split("::").next().unwrap_or("")).collect(),
                    None => vec![rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or("")],
                };
                found.extend(names.into_iter().filter(|n| !n.is_empty()).map(|n| (index + 1, n.to_owned())));
            }
        }
    }
    found
}

/// Every import that does not point down, as `file:line module → module`.
fn violations(source: &Path) -> Vec<String> {
    let mut files = Vec::new();
    rust_files(source, &mut files);
    let mut wrong = Vec::new();
    for file in files {
        let inside = file.strip_prefix(source).expect("the file is inside");
        let own = inside.components().next().expect("a name").as_os_str().to_string_lossy().replace(".rs", "");
        if own == "lib" {
            continue;
        }
        let Some(layer) = layer_of(&own) else {
            wrong.push(format!("{}: module {own} has no layer", inside.display()));
            continue;
        };
        let text = std::fs::read_to_string(&file).expect("the file can be read");
        for (line, module) in imports(&text) {
            match layer_of(&module) {
                _ if module == own => {}
                Some(other) if other < layer || (layer == LAYERS.len() - 1 && other == layer) => {}
                Some(_) => wrong.push(format!("{}:{line} {own} → {module}", inside.display())),
                None => {}
            }
        }
    }
    wrong.sort();
    wrong
}

#[test]
fn imports_point_down_only() {
    let wrong = violations(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src"));
    assert!(wrong.is_empty(), "imports that do not point down:\n{}", wrong.join("\n"));
}

#[test]
fn an_upward_import_is_seen() {
    let place = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(place.path().join("kernels")).expect("a folder");
    std::fs::write(place.path().join("kernels/rope.rs"), "use crate::{error::Result, model::Llama};\n")
        .expect("a file");
    std::fs::write(place.path().join("data.rs"), "// crate::train is not an import\nuse crate::model::Config;\n")
        .expect("a file");
    assert_eq!(violations(place.path()), ["data.rs:2 data → model", "kernels/rope.rs:1 kernels → model"]);
}
