//! Sending to the small Hub: in order, and with everything that can go wrong; never half a repository.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use emakeel::error::{Kind, Result};
use emakeel::hub::environment::Environment;
use emakeel::hub::upload::{OutFile, Sent, Upload, send};
use emakeel::hub::{Client, Name};
use emakeel::progress::Progress;

use crate::server::Server;
use crate::store::WHOLE;
use crate::wire::Order;
use crate::{client, environment, rows, text, with_token};

const TOKEN: &str = "hf_right";
const MODEL: &str = "models/keel/adapter";
/// What a new repository has.
const BEGUN: [&str; 1] = [".gitattributes"];

/// A Hub on which `keel` may write, and a folder: two small files, a large one and one of several parts.
fn place() -> (Server, tempfile::TempDir) {
    let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
    server.writer(TOKEN, "keel");
    let at = folder.path();
    std::fs::write(at.join("README.md"), "---\nlicense: mit\n---\nõ\n").unwrap();
    std::fs::write(at.join("adapter_config.json"), "{\"r\": 8}\n").unwrap();
    std::fs::write(at.join("small.safetensors"), vec![7; 100]).unwrap();
    std::fs::write(at.join("large.safetensors"), rows(0, 1500)).unwrap();
    assert!(rows(0, 1500).len() > 3 * WHOLE);
    (server, folder)
}

fn upload(folder: &Path) -> Upload {
    let mut names: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    let file = |name: std::ffi::OsString| OutFile::read(name.to_str().unwrap(), &folder.join(&name)).unwrap();
    let files = names.into_iter().map(file).collect();
    Upload { files, summary: "Add the adapter".into(), private: false, create_pr: false }
}

fn try_send(client: &Client, upload: &Upload) -> Result<Sent> {
    send(client, &Name::new("keel/adapter").unwrap(), upload, Progress::silent(), &|| false)
}

fn owner(server: &Server, folder: &Path) -> Client {
    with_token(server, folder, TOKEN)
}

/// The error, which never says the token.
fn refused(client: &Client, upload: &Upload) -> String {
    let error = try_send(client, upload).expect_err("an error");
    assert!(!format!("{error} {error:?}").contains("hf_"), "{error:?}");
    error.to_string()
}

/// Whether the repository has exactly what the folder has, beside what it had.
fn is_whole(server: &Server, folder: &Path, branch: &str) -> bool {
    let Some(mut files) = server.files(MODEL, branch) else { return false };
    files.retain(|path, _| !BEGUN.contains(&path.as_str()));
    let expected = upload(folder).files;
    files.len() == expected.len()
        && expected.iter().all(|file| files.get(&file.path) == Some(&std::fs::read(&file.place).unwrap()))
}

/// Nothing, or what a new repository has.
fn is_untouched(server: &Server) -> bool {
    server.files(MODEL, "main").is_none_or(|files| files.keys().eq(BEGUN))
}

#[test]
fn a_folder_becomes_a_repository_in_one_commit_and_the_second_time_nothing_is_sent() {
    let (server, folder) = place();
    let (client, wanted) = (owner(&server, folder.path()), upload(folder.path()));
    let sent = try_send(&client, &wanted).unwrap();
    assert!(is_whole(&server, folder.path(), "main"));
    assert_eq!(server.commits(MODEL), 2, "the one of a new repository, and ours");
    assert_eq!(sent.changed.len(), 4);
    assert_eq!(sent.bytes, 100 + rows(0, 1500).len() as u64);
    assert_eq!(sent.page, format!("{}/keel/adapter/commit/{}", server.endpoint, sent.commit));
    let puts = server.requests();
    assert!(puts.iter().filter(|it| it.method == "PUT").all(|it| it.token.is_none()), "other hosts get no token");
    let again = try_send(&client, &wanted).unwrap();
    assert_eq!((again.commit, again.changed.len(), again.bytes), (sent.commit, 0, 0));
    assert!(server.requests().iter().all(|request| request.method == "GET"));

    std::fs::write(folder.path().join("README.md"), "another card\n").unwrap();
    let changed = try_send(&client, &upload(folder.path())).unwrap();
    assert_eq!((changed.changed, changed.bytes), (vec!["README.md".to_owned()], 0));
    assert!(is_whole(&server, folder.path(), "main"));
}

#[test]
fn large_files_that_arrived_are_not_sent_again() {
    let (server, folder) = place();
    let client = owner(&server, folder.path());
    server.order("POST /api/models/keel/adapter/commit", 100, Order::Status(503, ""));
    let error = refused(&client, &upload(folder.path()));
    assert!(error.contains("making the commit: the Hub answers 503, 4 times in a row"), "{error}");
    assert!(error.contains("nothing was changed there"), "{error}");
    assert!(is_untouched(&server));
    server.forget_orders();
    server.requests();
    let sent = try_send(&client, &upload(folder.path())).unwrap();
    assert_eq!(sent.bytes, 0);
    assert!(!server.requests().iter().any(|request| request.method == "PUT"));
    assert!(is_whole(&server, folder.path(), "main"));
}

#[test]
fn failures_that_pass_are_tried_again_at_every_step() {
    let steps = [
        "GET /api/models/keel/adapter/revision",
        "GET /api/models/keel/adapter/tree",
        "POST /api/repos/create",
        "POST /api/models/keel/adapter/preupload",
        "info/lfs/objects/batch",
        "PUT /lfs/",
        "POST /lfs-complete",
        "POST /lfs-verify",
        "POST /api/models/keel/adapter/commit",
    ];
    let failures = [
        Order::Status(429, "Retry-After: 0"),
        Order::Status(500, ""),
        Order::Status(502, ""),
        Order::Status(503, ""),
        Order::Mute,
        Order::Deaf(10),
    ];
    for step in steps {
        for failure in &failures {
            let (server, folder) = place();
            if matches!(failure, Order::Deaf(_)) && step.starts_with("GET") {
                continue;
            }
            server.order(step, 1, failure.clone());
            try_send(&owner(&server, folder.path()), &upload(folder.path()))
                .unwrap_or_else(|error| panic!("{step} {failure:?}: {error}"));
            assert!(is_whole(&server, folder.path(), "main"), "{step} {failure:?}");
            assert_eq!(server.commits(MODEL), 2, "{step} {failure:?}: never two commits");
        }
    }
}

#[test]
fn failures_that_stay_are_errors_and_the_repository_is_as_it_was() {
    for (step, order, expected) in [
        (
            "POST /api/repos/create",
            Order::Status(500, ""),
            "making the repository: the Hub answers 500, 4 times in a row",
        ),
        ("preupload", Order::Status(429, "Retry-After: 0"), "asks for fewer requests (429)"),
        ("objects/batch", Order::Status(413, ""), "asking where large files go: the Hub finds it too large (413)"),
        ("PUT /lfs/", Order::Deaf(50), "no connection to"),
        ("PUT /lfs/", Order::Status(403, ""), "the Hub's storage answers 403"),
        ("POST /lfs-verify", Order::Status(500, ""), "having "),
        ("/commit/main", Order::Deaf(50), "making the commit: no connection to"),
        ("/commit/main", Order::Status(400, "X-Error-Message: bad hf_right"), "it says: bad (the token)"),
    ] {
        let (server, folder) = place();
        server.order(step, 100, order);
        let error = refused(&owner(&server, folder.path()), &upload(folder.path()));
        assert!(error.contains(expected), "{step}: {error}");
        assert!(error.contains("model keel/adapter"), "{error}");
        assert!(is_untouched(&server), "{step}");
    }
}

#[test]
fn who_may_not_write_is_told_why() {
    let (server, folder) = place();
    let wanted = upload(folder.path());
    let none = refused(&client(&server, folder.path()), &wanted);
    assert!(none.contains("there is no token") && none.contains("set HF_TOKEN"), "{none}");
    assert!(server.requests().is_empty());
    let wrong = with_token(&server, folder.path(), "stolen");
    let error = try_send(&wrong, &wanted).unwrap_err().to_string();
    assert!(error.contains("the token was refused (401)") && !error.contains("stolen"), "{error}");
    server.writer("hf_other", "somebody");
    let other = refused(&with_token(&server, folder.path(), "hf_other"), &wanted);
    assert!(other.contains("may not write to keel/adapter (403)") && other.contains("--create-pr"), "{other}");
    let offline = Environment { offline: true, ..environment(&server, folder.path()) };
    assert!(refused(&Client::new(offline), &wanted).contains("HF_HUB_OFFLINE"));
    assert!(server.files(MODEL, "main").is_none());
}

#[test]
fn what_is_private_does_not_go_where_everybody_reads_it() {
    let (server, folder) = place();
    server.commit(MODEL, &[(".gitattributes", b"")]);
    let wanted = Upload { private: true, ..upload(folder.path()) };
    let error = refused(&owner(&server, folder.path()), &wanted);
    assert!(error.contains("the repository is there, and public"), "{error}");
    assert!(is_untouched(&server));
    let (server, folder) = place();
    try_send(&owner(&server, folder.path()), &Upload { private: true, ..upload(folder.path()) }).unwrap();
    assert!(is_whole(&server, folder.path(), "main"));
    server.writer("hf_other", "somebody");
    let other = refused(&with_token(&server, folder.path(), "hf_other"), &upload(folder.path()));
    assert!(other.contains("(403)"), "nobody else sees it: {other}");
}

#[test]
fn a_parent_that_moved_with_other_files_is_an_error_and_with_the_same_ones_is_tried_again() {
    for status in [409, 412] {
        let (server, folder) = place();
        server.commit(MODEL, &[(".gitattributes", b"")]);
        // The Hub says that it moved, and it did not: the same files are there.
        server.order("/commit/main", 1, Order::Status(status, ""));
        try_send(&owner(&server, folder.path()), &upload(folder.path())).unwrap();
        assert!(is_whole(&server, folder.path(), "main"));
    }
    let (server, folder) = place();
    server.commit(MODEL, &[(".gitattributes", b""), ("README.md", b"old")]);
    let other = server.clone();
    server.before("/commit/main", move || {
        other.commit(MODEL, &[(".gitattributes", b""), ("README.md", b"somebody else's")]);
    });
    let error = refused(&owner(&server, folder.path()), &upload(folder.path()));
    assert!(error.contains("somebody else changed the repository meanwhile"), "{error}");
    assert!(error.contains("README.md"), "{error}");
    assert_eq!(server.files(MODEL, "main").unwrap()["README.md"], b"somebody else's");
    assert_eq!(server.files(MODEL, "main").unwrap().len(), 2);

    let (server, folder) = place();
    server.commit(MODEL, &[(".gitattributes", b"")]);
    server.order("/commit/main", 100, Order::Status(412, ""));
    let error = refused(&owner(&server, folder.path()), &upload(folder.path()));
    assert!(error.contains("it moves again and again"), "{error}");
}

#[test]
fn a_pull_request_leaves_main_alone_and_is_not_made_twice() {
    let (server, folder) = place();
    server.commit(MODEL, &[(".gitattributes", b"")]);
    server.writer("hf_other", "somebody");
    let other = with_token(&server, folder.path(), "hf_other");
    let wanted = Upload { create_pr: true, ..upload(folder.path()) };
    let sent = try_send(&other, &wanted).unwrap();
    assert_eq!(sent.page, format!("{}/keel/adapter/discussions/1", server.endpoint));
    assert!(is_untouched(&server));
    assert!(is_whole(&server, folder.path(), "refs/pr/1"));
    server.order("/commit/main", 1, Order::Mute);
    let error = refused(&other, &wanted);
    assert!(error.contains("may be there or not") && error.contains("/keel/adapter/discussions"), "{error}");
    server.order("/commit/main", 1, Order::Status(429, "Retry-After: 0"));
    try_send(&other, &wanted).unwrap();
    assert!(is_untouched(&server));
}

#[test]
fn a_person_can_stop_it_between_any_two_requests() {
    for after in [0, 3, 10, 40] {
        let (server, folder) = place();
        server.order("PUT /lfs/", 100, Order::Status(503, "Retry-After: 1"));
        let asked = AtomicUsize::new(0);
        let stop = || asked.fetch_add(1, Ordering::SeqCst) >= after;
        let name = Name::new("keel/adapter").unwrap();
        let client = owner(&server, folder.path());
        let error = send(&client, &name, &upload(folder.path()), Progress::silent(), &stop).unwrap_err();
        assert_eq!(error.kind(), Kind::Interrupted, "{error}");
        assert!(is_untouched(&server));
    }
}

#[test]
fn an_empty_file_is_a_small_one() {
    let (server, folder) = place();
    std::fs::write(folder.path().join("empty.safetensors"), "").unwrap();
    try_send(&owner(&server, folder.path()), &upload(folder.path())).unwrap();
    assert!(is_whole(&server, folder.path(), "main"));
}

/// The Hub's own Python client does the same to the small Hub, and finds what emakeel sent to be what it would send.
#[test]
fn huggingface_hub_sends_the_same_repository() {
    let Some(python) = std::env::var_os("EMAKEEL_PYTHON") else {
        return eprintln!("SKIPPED: EMAKEEL_PYTHON names no Python with huggingface_hub");
    };
    let (server, folder) = place();
    let sent = try_send(&owner(&server, folder.path()), &upload(folder.path())).unwrap();
    let cache = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hub/check_upload.py");
    let mut python = std::process::Command::new(&python);
    python.env("NO_PROXY", "127.0.0.1").env("HF_TOKEN", TOKEN).env_remove("HF_HUB_OFFLINE");
    python
        .arg(&script)
        .arg(&server.endpoint)
        .arg(cache.path())
        .arg(folder.path())
        .arg("keel/adapter")
        .arg("keel/python");
    let output = python.output().expect("Python runs");
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains(&format!("ours {}", sent.commit)), "{}", text(&output));
    assert_eq!(server.files("models/keel/python", "main"), server.files(MODEL, "main"));
    assert!(server.files("models/keel/python", "refs/pr/1").is_some(), "its pull request is there too");
}
