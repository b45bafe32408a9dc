//! Which rows make which step.

use std::collections::HashMap;

use super::*;

#[test]
fn an_epoch_of_one_source_reads_each_document_once_and_another_epoch_in_another_order() {
    let fixture = Fixture::new().documents("a", &(0..100).map(|row| 9 + row * 7 % 60).collect::<Vec<_>>());
    let training = training(&[("a", 1.0)], Packing::Concat, Budget::Epochs(2.0));
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    let ids: Vec<u32> = all_steps(&stream).into_iter().flatten().flat_map(|sequence| sequence.ids).collect();
    let read = documents(&fixture.tokenizer, &ids);
    let (first, second) = read.split_at(100);
    assert_ne!(first, second);
    let sorted = |list: &[String]| {
        let mut list = list.to_vec();
        list.sort();
        list
    };
    let mut expected: Vec<String> =
        std::fs::read_to_string(fixture.folder.path().join("a.txt")).unwrap().lines().map(str::to_owned).collect();
    expected.sort();
    assert_eq!((sorted(first), sorted(second)), (expected.clone(), expected));
    assert_eq!(stream.ledger().sources[0].epochs, 2.0);
    assert_eq!(stream.ledger().sources[0].rows_read, 200.0);
}

#[test]
fn a_small_budget_is_the_beginning_of_a_large_one_and_each_beginning_has_the_right_shares() {
    let fixture = Fixture::new().documents("a", &[40; 90]).documents("b", &[11; 70]).documents("c", &[300; 3]);
    let weights = [("a", 0.7), ("b", 0.25), ("c", 0.05)];
    let plan = |tokens| fixture.open(&training(&weights, Packing::Concat, Budget::Tokens(tokens))).unwrap();
    let (small, large) = (plan(10_000), plan(50_000));
    check_shape(&large, &training(&weights, Packing::Concat, Budget::Tokens(50_000)));
    assert_eq!((small.steps(), large.steps()), (79, 391), "as many steps of 128 tokens as reach the budget");
    let (small, large_steps) = (all_steps(&small), all_steps(&large));
    assert_eq!(small[..], large_steps[..small.len()]);
    // Every sequence is of one source, told by the first digit of the documents in it.
    let mut counts = [0.0; 3];
    let mut source_of_line: [Vec<u32>; 3] = Default::default();
    let Plan::Concat(plan) = &large.plan else { panic!() };
    for (index, sequence) in large_steps.into_iter().flatten().enumerate() {
        let source = usize::from(plan.sources()[index]);
        counts[source] += 1.0;
        source_of_line[source].extend(sequence.ids);
        for (count, (_, weight)) in counts.iter().zip(&weights) {
            assert!((count - weight * (index + 1) as f64).abs() <= 1.0, "{counts:?} of {index}");
        }
    }
    for (source, line) in source_of_line.iter().enumerate() {
        let last = line.iter().rposition(|id| *id == fixture.tokenizer.bos()).unwrap();
        let whole = documents(&fixture.tokenizer, &line[..last]);
        assert!(whole.iter().all(|document| document.starts_with(&(source + 1).to_string())), "{whole:?}");
    }
}

#[test]
fn small_weights_show_other_rows_each_epoch_and_no_row_comes_twice_in_one() {
    let answers: Vec<usize> = (0..60).map(|row| 3 + row % 9).collect();
    let fixture = Fixture::new().questions("small", &answers[..20]).questions("large", &answers);
    let mut training = training(&[("small", 0.5), ("large", 0.5)], Packing::BestFit, Budget::Epochs(3.0));
    training.batch = 1;
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    let Plan::BestFit(plan) = &stream.plan else { panic!() };
    let mut seen: HashMap<String, usize> = HashMap::new();
    for round in 0..3 {
        let mut now: HashMap<String, usize> = HashMap::new();
        for index in plan.rounds()[round]..plan.rounds()[round + 1] {
            for sequence in stream.step(index).unwrap() {
                for bounds in sequence.bounds.windows(2) {
                    let ids = &sequence.ids[bounds[0] as usize..bounds[1] as usize];
                    let text = fixture.tokenizer.decode(ids);
                    *now.entry(text.lines().next().unwrap().to_owned()).or_default() += 1;
                }
            }
        }
        assert!(now.values().all(|count| *count == 1), "round {round}: {now:?}");
        assert_eq!(now.keys().filter(|row| row.starts_with('1')).count(), 20, "the source that runs out is read whole");
        let large = now.keys().filter(|row| row.starts_with('2')).count();
        // As many tokens as the other source; rows have 3 to 11 and their question.
        assert!((17..=23).contains(&large), "{large}");
        now.keys().for_each(|row| *seen.entry(row.clone()).or_default() += 1);
    }
    let large = seen.iter().filter(|(row, _)| row.starts_with('2')).map(|(_, count)| *count);
    assert!(large.clone().all(|count| count == 1) && large.count() >= 55, "three epochs of a third each");
    for ledger in &stream.ledger().sources {
        assert!((ledger.realised_share - 0.5).abs() < 0.02, "{ledger:?}");
    }
}

#[test]
fn packed_conversations_unpack_to_exactly_their_rows() {
    let fixture = Fixture::new().questions("q", &[1, 2, 3, 5, 8, 12, 1, 1, 20]);
    let training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    let rows = crate::data::read::Rows::open(&fixture.sources[0], 0).unwrap();
    let template = crate::data::template::Template::open(&training.template, &fixture.tokenizer).unwrap();
    let mut expected: Vec<(Vec<u32>, Vec<bool>)> = rows
        .map(|read| match read.unwrap().row {
            crate::data::read::Row::Conversation(talk) => {
                let encoded = template.encode(&talk, &mut fixture.tokenizer.encoder()).unwrap();
                (encoded.ids, encoded.trained)
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let mut unpacked = Vec::new();
    for sequence in all_steps(&stream).into_iter().flatten() {
        for bounds in sequence.bounds.windows(2) {
            let range = bounds[0] as usize..bounds[1] as usize;
            unpacked.push((sequence.ids[range.clone()].to_vec(), sequence.trained[range].to_vec()));
        }
    }
    expected.sort();
    unpacked.sort();
    assert_eq!(unpacked, expected);
    assert!(unpacked.iter().all(|(ids, _)| ids.iter().filter(|id| **id == fixture.tokenizer.bos()).count() == 1));
}

#[test]
fn shares_of_rows_count_rows() {
    let fixture = Fixture::new().documents("long", &[60; 50]).documents("short", &[12; 50]);
    for packing in [Packing::Concat, Packing::BestFit] {
        let mut training = training(&[("long", 0.5), ("short", 0.5)], packing, Budget::Epochs(1.0));
        training.mixture.by = MixtureUnit::Rows;
        training.sequence_length = 64;
        let stream = fixture.open(&training).unwrap();
        check_shape(&stream, &training);
        for ledger in &stream.ledger().sources {
            assert_eq!((ledger.rows_read, ledger.realised_share), (50.0, 0.5), "{packing:?}");
        }
    }
}

#[test]
fn part_of_an_epoch_reads_part_of_each_source() {
    let fixture = Fixture::new().questions("a", &[4; 40]).questions("b", &[4; 40]);
    let training = training(&[("a", 0.5), ("b", 0.5)], Packing::BestFit, Budget::Epochs(1.25));
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    assert_eq!(stream.ledger().sources.iter().map(|ledger| ledger.rows_read).collect::<Vec<_>>(), [50.0, 50.0]);
    let none = Training { budget: Budget::Epochs(0.001), ..training };
    assert!(fixture.open(&none).unwrap_err().to_string().contains("does not reach the first row"));
}

#[test]
fn a_budget_of_tokens_fills_every_step_of_conversations() {
    let fixture = Fixture::new().questions("a", &[4; 10]);
    let training = training(&[("a", 1.0)], Packing::BestFit, Budget::Tokens(2000));
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    let steps = stream.steps();
    assert!(stream.tokens_after(steps) >= 2000 && stream.tokens_after(steps - 1) < 2000);
}

#[test]
fn steps_do_not_depend_on_threads_or_on_what_was_asked_before() {
    let lengths: Vec<usize> = (0..300).map(|row| 9 + row * 13 % 90).collect();
    let answers: Vec<usize> = (0..300).map(|row| 1 + row * 13 % 17).collect();
    let named = |path: PathBuf| (path.file_name().unwrap().to_owned(), std::fs::read(path).unwrap());
    let run = |threads: usize, backwards: bool| {
        let fixture = Fixture::new().documents("a", &lengths).questions("q", &answers);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let concat = fixture.open(&training(&[("a", 1.0)], Packing::Concat, Budget::Tokens(60_000))).unwrap();
            let fit = fixture.open(&training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(4.0))).unwrap();
            let mut steps = Vec::new();
            for stream in [concat, fit] {
                let mut order: Vec<u64> = (0..stream.steps()).collect();
                if backwards {
                    order.reverse();
                }
                let mut part: Vec<(u64, Vec<Sequence>)> =
                    order.into_iter().map(|step| (step, stream.step(step).unwrap())).collect();
                part.sort_by_key(|(step, _)| *step);
                steps.push(part);
            }
            // The folder differs from run to run, names of files do not: they are hashes of content.
            let caches: Vec<(_, Vec<u8>)> = fixture.cached().into_iter().map(named).collect();
            assert_eq!(caches.len(), 2);
            (steps, caches)
        })
    };
    let (one, four) = (run(1, false), run(4, true));
    assert!(one == four);
}

#[test]
fn another_seed_or_stage_gives_another_order() {
    let mut fixture = Fixture::new().documents("a", &[20; 50]);
    let training = training(&[("a", 1.0)], Packing::Concat, Budget::Epochs(1.0));
    let first = all_steps(&fixture.open(&training).unwrap());
    assert_eq!(all_steps(&fixture.open(&training).unwrap()), first);
    let other = Stream::open(
        &fixture.study(),
        &training,
        &fixture.tokenizer,
        "other",
        &fixture.cache(),
        &Protected::default(),
        &Progress::silent(),
    );
    assert_ne!(all_steps(&other.unwrap()), first);
    fixture.seed = 12;
    assert_ne!(all_steps(&fixture.open(&training).unwrap()), first);
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(60))]
    /// Whatever the lengths, weights and budget: shapes hold, shares are as asked, and rounds repeat no row.
    #[test]
    fn any_mixture_keeps_its_promises(
        first in proptest::collection::vec(9usize..30, 1..60),
        second in proptest::collection::vec(9usize..30, 1..60),
        weight in 0.05f64..0.95,
        epochs in 0.5f64..4.0,
        by_rows in proptest::bool::ANY,
        concat in proptest::bool::ANY,
    ) {
        let fixture = Fixture::new().documents("a", &first).documents("b", &second);
        let packing = if concat { Packing::Concat } else { Packing::BestFit };
        let mut training = training(&[("a", weight), ("b", 1.0 - weight)], packing, Budget::Epochs(epochs));
        training.mixture.by = if by_rows { MixtureUnit::Rows } else { MixtureUnit::Tokens };
        match fixture.open(&training) {
            Err(error) => proptest::prop_assert!(error.to_string().contains("does not reach the first row")),
            Ok(stream) => {
                check_shape(&stream, &training);
                for (part, rotation) in stream.mixed.parts.iter().zip(&stream.mixed.rotations) {
                    for round in 0..4 {
                        let round = rotation.round(part, round);
                        let mut rows: Vec<u32> =
                            (0..round.len()).map(|index| rotation.row_of(part, &round, index)).collect();
                        let count = rows.len();
                        rows.sort_unstable();
                        rows.dedup();
                        proptest::prop_assert_eq!(rows.len(), count, "a row twice in a round");
                    }
                }
                // Each source is within half a row, and the one token that a cut may lose, of its share.
                let ledgers = &stream.ledger().sources;
                let unit = |ledger: &SourceLedger| if by_rows { ledger.rows_read } else { ledger.tokens_read as f64 };
                let (a, b) = (unit(&ledgers[0]), unit(&ledgers[1]));
                let tolerance = if by_rows { 1.1 } else { 17.0 };
                proptest::prop_assert!((a * (1.0 - weight) - b * weight).abs() <= tolerance, "{} {} {}", a, b, weight);
            }
        }
    }
}
