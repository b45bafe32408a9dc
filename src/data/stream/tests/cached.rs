//! The file of tokens: kept while it fits, made anew when it does not, by one process at a time.

use std::time::Duration;

use super::*;

fn questions() -> (Fixture, Training) {
    let fixture = Fixture::new().questions("q", &[3; 50]);
    (fixture, training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0)))
}

#[test]
fn the_cache_is_kept_while_it_matches_and_another_file_is_made_when_inputs_change() {
    let (mut fixture, mut training) = questions();
    let steps = all_steps(&fixture.open(&training).unwrap());
    let [path] = &fixture.cached()[..] else { panic!() };
    let stamp = || std::fs::metadata(path).unwrap().modified().unwrap();
    let (bytes, first) = (std::fs::read(path).unwrap(), stamp());
    training.sequence_length = 40;
    fixture.open(&training).unwrap();
    assert_eq!(stamp(), first, "what does not change the tokens does not rebuild the file");
    training.sequence_length = 32;
    let open = fixture.open(&training).unwrap();
    let text = std::fs::read_to_string(fixture.folder.path().join("q.jsonl")).unwrap();
    std::fs::write(fixture.folder.path().join("q.jsonl"), text.replace("777", "888")).unwrap();
    assert_ne!(all_steps(&fixture.open(&training).unwrap()), steps);
    assert_eq!(all_steps(&open), steps, "a run that has the old file open goes on with it");
    fixture.tokenizer = Tokenizer::train(["0123456789 ab ab tere tere hästi"; 3], 290).unwrap();
    let other = fixture.open(&training).unwrap();
    assert_eq!(all_steps(&other).len(), steps.len());
    assert_eq!(fixture.cached().len(), 3);
    assert_eq!(std::fs::read(path).unwrap(), bytes);
    assert_eq!(other.ledger().sources[0].cache.len(), 64);
    assert!(fixture.cached().iter().any(|p| p.file_stem().unwrap() == &*other.ledger().sources[0].cache));
}

#[test]
fn a_damaged_file_is_never_read_but_made_anew() {
    let (fixture, training) = questions();
    let steps = all_steps(&fixture.open(&training).unwrap());
    let [path] = &fixture.cached()[..] else { panic!() };
    let bytes = std::fs::read(path).unwrap();
    let mut broken: Vec<Vec<u8>> = Vec::new();
    for at in (0..bytes.len()).step_by(41) {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1 << (at % 8);
        broken.push(damaged);
    }
    broken.extend([0, 10, 79, 80, bytes.len() - 1].map(|end| bytes[..end].to_vec()));
    broken.push([&bytes[..], b"more"].concat());
    for (number, damaged) in broken.into_iter().enumerate() {
        std::fs::write(path, damaged).unwrap();
        assert_eq!(all_steps(&fixture.open(&training).unwrap()), steps, "{number}");
        assert!(std::fs::read(path).unwrap() == bytes, "{number}");
    }
}

#[test]
fn damage_found_after_opening_stops_the_work_and_the_next_start_makes_the_file_anew() {
    let (fixture, training) = questions();
    let stream = fixture.open(&training).unwrap();
    let steps = all_steps(&stream);
    let [path] = &fixture.cached()[..] else { panic!() };
    let bytes = std::fs::read(path).unwrap();
    // Cut short in place, as a failing disk or a careless person would.
    std::fs::write(path, &bytes[..100]).unwrap();
    let error = stream.step(0).unwrap_err().to_string();
    assert!(
        error.contains("the token cache is damaged") && error.contains("hint: run the same command again"),
        "{error}"
    );
    std::fs::write(path, &bytes).unwrap();
    let before = std::time::SystemTime::UNIX_EPOCH;
    std::fs::File::options().write(true).open(path).unwrap().set_modified(before).unwrap();
    assert_eq!(all_steps(&fixture.open(&training).unwrap()), steps);
    assert!(path.metadata().unwrap().modified().unwrap() > before, "what was damaged once is not trusted again");
    assert!(files_of(path.parent().unwrap()).iter().all(|file| file.extension().unwrap() != "damaged"));
}

#[test]
fn several_that_need_the_same_make_it_once() {
    let answers: Vec<usize> = (0..3000).map(|row| 1 + row % 17).collect();
    let fixture = Fixture::new().questions("q", &answers);
    let training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    let streams: Vec<Stream> = std::thread::scope(|scope| {
        let open = || fixture.open(&training).unwrap();
        let threads: Vec<_> = (0..4).map(|_| scope.spawn(open)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert_eq!(fixture.cached().len(), 1);
    assert!(streams.iter().all(|stream| all_steps(stream) == all_steps(&streams[0])));
}

#[test]
fn a_bad_row_leaves_nothing_behind_and_is_the_first_one_whatever_the_threads() {
    let mut fixture = Fixture::new();
    let row = |row: usize| match row {
        5000 => "{\"instruction\": \"a\"}\n".to_owned(),
        7000 => "{\n".to_owned(),
        _ => format!("{{\"instruction\": \"{row}\", \"output\": \"7\"}}\n"),
    };
    fixture.add("q", "jsonl", &(0..9000).map(row).collect::<String>(), RowTemplate::Alpaca);
    let training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    for threads in [1, 4] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let error = pool.install(|| fixture.open(&training)).unwrap_err().to_string();
        assert!(error.starts_with("source q: ") && error.contains("q.jsonl:5001  "), "{error}");
        assert_eq!(files_of(&fixture.cache().root().join("tokens")), [] as [PathBuf; 0]);
    }
}

#[test]
fn entries_are_listed_with_their_last_use_and_removed_unless_in_use() {
    let (fixture, training) = questions();
    let cache = fixture.cache();
    assert_eq!(cache.entries().unwrap(), []);
    assert_eq!(cache.clean(Duration::ZERO, false).unwrap(), Cleaned::default());
    let stream = fixture.open(&training).unwrap();
    let [entry] = &cache.entries().unwrap()[..] else { panic!() };
    assert_eq!((entry.source.as_deref(), entry.rows, entry.damaged), (Some("q"), 50, false));
    assert_eq!((entry.tokens, &entry.key), (stream.ledger().sources[0].tokens, &stream.ledger().sources[0].cache));
    let path = fixture.cached().remove(0);
    assert_eq!(entry.bytes, path.metadata().unwrap().len());
    let kept = cache.clean(Duration::ZERO, false).unwrap();
    assert_eq!((kept.removed.len(), kept.in_use.len(), kept.freed_bytes), (0, 1, 0));
    assert!(!all_steps(&stream).is_empty());
    drop(stream);
    assert_eq!(cache.clean(Duration::from_secs(3600), false).unwrap().removed, [], "used within the hour");
    // What a killed process leaves, of a key of its own.
    let left = path.with_file_name(format!(".{}.tokens.partial", "ab".repeat(32)));
    std::fs::write(&left, [0; 1000]).unwrap();
    let dry = cache.clean(Duration::ZERO, true).unwrap();
    assert!(path.exists() && left.exists() && dry.removed.len() == 1);
    let cleaned = cache.clean(Duration::ZERO, false).unwrap();
    assert_eq!((&cleaned, cleaned.freed_bytes), (&dry, entry.bytes + 1000));
    assert_eq!(files_of(path.parent().unwrap()), [] as [PathBuf; 0], "locks and notes go too");
}

#[test]
fn a_stream_opened_again_and_again_goes_on_in_the_middle_with_the_same_bytes() {
    let fixture = Fixture::new().documents("a", &(0..200).map(|row| 9 + row * 7 % 60).collect::<Vec<_>>());
    let training = training(&[("a", 1.0)], Packing::Concat, Budget::Tokens(9000));
    let whole = all_steps(&fixture.open(&training).unwrap());
    let third = whole.len() / 3;
    let mut parts = Vec::new();
    for range in [0..third, third..2 * third, 2 * third..whole.len()] {
        let stream = fixture.open(&training).unwrap();
        parts.extend(range.map(|step| stream.step(step as u64).unwrap()));
    }
    assert!(parts == whole);
}

#[test]
fn statistics_say_what_the_source_holds() {
    let mut fixture = Fixture::new();
    fixture.add("a", "txt", "tere hästi\nab\n0123456789\n", RowTemplate::Plain);
    let training = training(&[("a", 1.0)], Packing::Concat, Budget::Epochs(1.0));
    let stream = fixture.open(&training).unwrap();
    let stats = stream.mixed.parts[0].file.stats();
    assert_eq!((stats.rows, stats.characters, stats.bytes), (3, 22, 26));
    assert_eq!(stream.row_lengths(0).sum::<u64>(), stream.ledger().tokens);
    assert_eq!(stream.ledger().sources[0].characters, 22);
    assert_eq!((&stats.dropped, &stats.skipped), (&Default::default(), &Default::default()));
}
