//! The library against the small Hub.

use emakeel::hub::environment::Environment;
use emakeel::hub::{Client, Dataset, Files, Wanted};
use emakeel::progress::Progress;

use crate::server::{LARGE, Server};
use crate::wire::Order;
use crate::{WORDS, client, contents, data_requests, environment, rows, wanted, with_token};

/// A data set of two large files, and a cache for it.
fn two_files() -> (Server, tempfile::TempDir, Vec<Vec<u8>>) {
    let server = Server::start();
    let files = vec![rows(0, 300), rows(300, 200)];
    assert!(files.iter().all(|bytes| bytes.len() > LARGE));
    server.commit(
        WORDS,
        &[
            ("README.md", b"---\nlicense: mit\n---\nWords.\n"),
            ("data/train-00000-of-00002.jsonl", &files[0]),
            ("data/train-00001-of-00002.jsonl", &files[1]),
            ("data/test-00000-of-00001.jsonl", &rows(500, 3)),
        ],
    );
    (server, tempfile::tempdir().expect("a folder"), files)
}

fn error(client: &Client, wanted: &Wanted) -> String {
    Dataset::open(client, wanted).expect_err("an error").to_string()
}

#[test]
fn a_data_set_is_fetched_once_and_lies_where_python_looks_for_it() {
    let (server, cache, files) = two_files();
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(dataset.bytes(), files.iter().map(|bytes| bytes.len() as u64).sum::<u64>());
    assert_eq!(contents(&dataset).unwrap(), files);
    let first = data_requests(&server.requests());
    assert_eq!(first.len(), 3, "the README and two files: {first:?}");
    let folder = cache.path().join("datasets--keel--words");
    assert_eq!(std::fs::read_to_string(folder.join("refs/main")).unwrap(), dataset.commit());
    let link = folder.join("snapshots").join(dataset.commit()).join("data/train-00000-of-00002.jsonl");
    let target = std::fs::read_link(link).unwrap();
    assert_eq!(target.to_str().unwrap(), format!("../../../blobs/{}", crate::server::sha256(&files[0])));

    let again = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&again).unwrap(), files);
    assert_eq!(again.fingerprint(), dataset.fingerprint());
    let second = server.requests();
    assert_eq!(second.len(), 1, "only where main is now: {second:?}");

    let known = Wanted { commit: Some(dataset.commit().to_owned()), ..wanted() };
    contents(&Dataset::open(&client(&server, cache.path()), &known).unwrap()).unwrap();
    assert!(server.requests().is_empty(), "a known commit asks for nothing");
}

#[test]
fn after_a_cut_only_the_rest_is_asked_for() {
    let (server, cache, files) = two_files();
    server.order("GET /cdn", 1, Order::Cut(5000));
    server.order("GET /cdn", 1, Order::Cut(1000));
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&dataset).unwrap(), files);
    let of_first: Vec<Option<u64>> = data_requests(&server.requests())
        .into_iter()
        .filter(|(name, _)| name.contains("00000"))
        .map(|it| it.1)
        .collect();
    assert_eq!(of_first, [None, Some(5000), Some(6000)]);
}

#[test]
fn what_an_earlier_process_left_is_gone_on_from() {
    let (server, cache, files) = two_files();
    let name = crate::server::sha256(&files[0]);
    let blobs = cache.path().join("datasets--keel--words/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{name}.incomplete")), &files[0][..7000]).unwrap();
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&dataset).unwrap(), files);
    let requests = data_requests(&server.requests());
    assert!(requests.contains(&("train-00000-of-00002.jsonl".into(), Some(7000))), "{requests:?}");
    assert!(!blobs.join(format!("{name}.incomplete")).exists());
}

#[test]
fn a_damaged_beginning_is_noticed_and_all_is_fetched_again() {
    let (server, cache, files) = two_files();
    let name = crate::server::sha256(&files[0]);
    let blobs = cache.path().join("datasets--keel--words/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join(format!("{name}.incomplete")), vec![b'x'; 7000]).unwrap();
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&dataset).unwrap(), files);
    let of_first: Vec<Option<u64>> = data_requests(&server.requests())
        .into_iter()
        .filter(|(name, _)| name.contains("00000"))
        .map(|it| it.1)
        .collect();
    assert_eq!(of_first, [Some(7000), None]);
}

#[test]
fn bytes_that_are_not_those_promised_are_an_error_and_are_not_kept() {
    let (server, cache, _) = two_files();
    server.order("GET /cdn", 9, Order::Damage);
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    let error = contents(&dataset).unwrap_err().to_string();
    assert!(error.contains("the hash differs"), "{error}");
    assert!(error.contains("file data/train-00000-of-00002.jsonl"), "{error}");
    let blobs = cache.path().join("datasets--keel--words/blobs");
    let names: Vec<String> = std::fs::read_dir(blobs)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.metadata().unwrap().len() > 100)
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    assert!(names.is_empty(), "{names:?}");
}

#[test]
fn a_server_that_knows_no_ranges_sends_all_again() {
    let (server, cache, files) = two_files();
    server.order("GET /cdn", 1, Order::Cut(5000));
    server.order("GET /cdn", 1, Order::Whole);
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&dataset).unwrap(), files);
}

#[test]
fn refusals_that_pass_are_waited_for_and_the_others_are_not() {
    let (server, cache, files) = two_files();
    server.order("GET /api/datasets", 1, Order::Status(429, "Retry-After: 0"));
    server.order("GET /api/datasets", 2, Order::Status(500, ""));
    server.order("HEAD /datasets", 2, Order::Status(503, ""));
    server.order("GET /cdn", 2, Order::Status(502, ""));
    // The address of a large file grows old; asking the Hub anew gives another one.
    server.order("GET /cdn", 1, Order::Status(403, ""));
    let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    assert_eq!(contents(&dataset).unwrap(), files);

    let other = tempfile::tempdir().unwrap();
    server.requests();
    server.order("GET /api/datasets", 100, Order::Status(503, "X-Error-Message: down for repair"));
    let error = error(&client(&server, other.path()), &wanted());
    assert!(error.contains("data set keel/words at main  the Hub answers 503, 4 times in a row"), "{error}");
    assert!(error.contains("down for repair"), "{error}");
    assert_eq!(server.requests().len(), 4);
}

#[test]
fn no_connection_is_an_error_that_says_what_to_do() {
    let cache = tempfile::tempdir().unwrap();
    let (server, _, _) = two_files();
    let endpoint = "http://127.0.0.1:1".to_owned();
    let client = Client::new(Environment { endpoint, ..environment(&server, cache.path()) });
    let error = error(&client, &wanted());
    assert!(error.contains("no connection to http://127.0.0.1:1") && error.contains("4 times in a row"), "{error}");
    assert!(error.contains("HF_HUB_OFFLINE=1"), "{error}");
}

#[test]
fn who_may_not_read_is_told_why_and_the_token_is_not_told() {
    let (server, cache, _) = two_files();
    let at = |client: Client, name: &str| {
        let error = error(&client, &Wanted { name: emakeel::hub::Name::new(name).unwrap(), ..wanted() });
        assert!(!error.contains("hf_") && !error.contains("stolen"), "{error}");
        error
    };
    let missing = at(client(&server, cache.path()), "keel/none");
    assert!(missing.contains("not there, or not for everyone") && missing.contains("set HF_TOKEN"), "{missing}");
    let missing = at(with_token(&server, cache.path(), "hf_right"), "keel/none");
    assert!(missing.contains("the data set keel/none is not there") && missing.contains("check the name"), "{missing}");
    let wrong = at(with_token(&server, cache.path(), "stolen"), "keel/words");
    assert!(wrong.contains("the token was refused") && wrong.contains("(HF_TOKEN)"), "{wrong}");

    server.private(WORDS, "hf_right");
    let private = at(client(&server, cache.path()), "keel/words");
    assert!(private.contains("for a private or gated one set HF_TOKEN"), "{private}");
    contents(&Dataset::open(&with_token(&server, cache.path(), "hf_right"), &wanted()).unwrap()).unwrap();
    let sent: Vec<bool> =
        server.requests().iter().filter(|it| it.path.starts_with("/cdn")).map(|it| it.token.is_some()).collect();
    assert_eq!(sent, [false, false], "other hosts get no token");

    let server = Server::start();
    server.commit(WORDS, &[("train.jsonl", b"{}\n")]);
    server.gated(WORDS);
    let gated = at(client(&server, cache.path()), "keel/words");
    assert!(gated.contains("is gated") && gated.contains("/datasets/keel/words, then set HF_TOKEN"), "{gated}");
    let gated = at(with_token(&server, cache.path(), "hf_other"), "keel/words");
    assert!(gated.contains("is gated") && gated.contains("signed in as the owner of the token"), "{gated}");
}

#[test]
fn a_revision_a_subset_or_a_split_that_is_not_there_is_named_with_those_that_are() {
    let (server, cache, _) = two_files();
    let client = client(&server, cache.path());
    let revision = error(&client, &Wanted { revision: "v9".into(), ..wanted() });
    assert!(revision.contains("has no revision \"v9\""), "{revision}");
    let split = error(&client, &Wanted { split: "validation".into(), ..wanted() });
    assert!(split.contains("no split \"validation\"\n  hint: it has train, test"), "{split}");
    let subset = error(&client, &Wanted { subset: Some("et".into()), ..wanted() });
    assert!(subset.contains("no subset \"et\"\n  hint: it has data"), "{subset}");
}

#[test]
fn another_branch_is_another_commit() {
    let server = Server::start();
    let cache = tempfile::tempdir().unwrap();
    let old = server.commit(WORDS, &[("et/train/0000.parquet", b"old"), ("en/train/0000.parquet", b"old")]);
    server.branch(WORDS, "refs/convert/parquet", &old);
    server.commit(WORDS, &[("words.py", b"import os")]);
    let client = client(&server, cache.path());
    assert!(error(&client, &wanted()).contains("revision: refs/convert/parquet"));
    let export = Wanted { revision: "refs/convert/parquet".into(), subset: Some("et".into()), ..wanted() };
    let dataset = Dataset::open(&client, &export).unwrap();
    assert_eq!(dataset.commit(), old);
    assert_eq!(contents(&dataset).unwrap(), [b"old".to_vec()]);
    let kept = cache.path().join("datasets--keel--words/refs/refs/convert/parquet");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), old);
}

#[test]
fn offline_what_is_cached_is_used_and_what_is_not_is_named() {
    let (server, cache, files) = two_files();
    let offline = || Client::new(Environment { offline: true, ..environment(&server, cache.path()) });
    let nothing = error(&offline(), &wanted());
    assert!(nothing.contains("revision main is not in the cache, and HF_HUB_OFFLINE"), "{nothing}");
    let online = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
    let mut some = online.files(false, Progress::silent());
    some.path(0).unwrap();
    server.requests();
    let dataset = Dataset::open(&offline(), &wanted()).unwrap();
    assert_eq!(dataset.fingerprint(), online.fingerprint());
    let part = contents(&dataset).unwrap_err().to_string();
    assert!(part.contains("file data/train-00001-of-00002.jsonl is not in the cache"), "{part}");
    // A cache that another program filled has no list of all files; their names say how many there are.
    let trees = cache.path().join("datasets--keel--words/trees");
    std::fs::remove_dir_all(trees).unwrap();
    let gap = error(&offline(), &wanted());
    assert!(gap.contains("file data/train-00001-of-00002.jsonl is not in the cache"), "{gap}");
    assert!(server.requests().is_empty());
    contents(&online).unwrap();
    assert_eq!(contents(&Dataset::open(&offline(), &wanted()).unwrap()).unwrap(), files);
}

#[test]
fn only_the_files_asked_for_are_fetched_and_with_ahead_one_more() {
    let (server, cache, _) = two_files();
    let fetched = |ahead: bool, cache: &std::path::Path| {
        let dataset = Dataset::open(&client(&server, cache), &wanted()).unwrap();
        server.requests();
        let mut files: Files = dataset.files(ahead, Progress::silent());
        files.path(0).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(300));
        data_requests(&server.requests()).len()
    };
    assert_eq!(fetched(false, cache.path()), 1);
    assert_eq!(fetched(true, tempfile::tempdir().unwrap().path()), 2);
}

#[test]
fn two_processes_fetch_a_file_once() {
    let (server, cache, files) = two_files();
    server.order("GET /cdn", 2, Order::Slow(500));
    let fetch = || {
        let dataset = Dataset::open(&client(&server, cache.path()), &wanted()).unwrap();
        assert_eq!(contents(&dataset).unwrap(), files);
    };
    std::thread::scope(|scope| {
        scope.spawn(fetch);
        scope.spawn(fetch);
    });
    let large = data_requests(&server.requests()).into_iter().filter(|(name, _)| name.ends_with("jsonl")).count();
    assert_eq!(large, 2);
}
