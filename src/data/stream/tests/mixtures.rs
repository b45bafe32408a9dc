//! How much a round takes of each source, and that nothing of it is lost.

use std::collections::BTreeMap;

use super::*;
use crate::data::ledger::Count;

fn with_amounts(amounts: &[(&str, Amount)], packing: Packing, budget: Budget) -> Training {
    let mut training = training(&[], packing, budget);
    let part = |(source, amount): &(&str, Amount)| MixturePart {
        source: (*source).into(),
        amount: *amount,
        forward_share: 0.5,
    };
    training.mixture.parts = amounts.iter().map(part).collect();
    training
}

fn rows_read(stream: &Stream) -> Vec<f64> {
    stream.ledger().sources.iter().map(|ledger| ledger.rows_read).collect()
}

#[test]
fn amounts_are_taken_exactly_in_each_round() {
    let fixture =
        Fixture::new().documents("rows", &[20; 50]).documents("all", &[25; 30]).documents("tokens", &[10; 90]);
    let amounts = [
        ("rows", Amount::Rows(20)),
        ("all", Amount::Epochs(2.0)),
        ("tokens", Amount::Tokens(601)),
        ("rows", Amount::Rows(120)),
    ];
    for packing in [Packing::Concat, Packing::BestFit] {
        let training = with_amounts(&amounts, packing, Budget::Epochs(2.0));
        let stream = fixture.open(&training).unwrap();
        check_shape(&stream, &training);
        // 601 tokens are 60 rows and a tenth; twice that is 120 and a fifth.
        assert_eq!(rows_read(&stream), [40.0, 120.0, 120.0, 240.0], "{packing:?}");
        let asked: Vec<f64> = stream.ledger().sources.iter().map(|ledger| ledger.asked_share).collect();
        let per_round = [400.0, 1500.0, 601.0, 2400.0];
        for (asked, tokens) in asked.iter().zip(per_round) {
            assert!((asked - tokens / 4901.0).abs() < 1e-12, "{asked} {tokens}");
        }
        assert_eq!(stream.ledger().sources[1].epochs, 4.0);
    }
}

#[test]
fn a_round_ends_with_the_first_source_or_with_the_last() {
    let fixture = Fixture::new().documents("small", &[20; 30]).documents("large", &[20; 90]);
    let with = |stopping, packing, budget| {
        let mut training = training(&[("small", 0.5), ("large", 0.5)], packing, budget);
        training.mixture.stopping = stopping;
        let stream = fixture.open(&training).unwrap();
        check_shape(&stream, &training);
        stream
    };
    for packing in [Packing::Concat, Packing::BestFit] {
        for (stopping, rows) in [
            (StoppingStrategy::FirstExhausted, [30.0, 30.0]),
            (StoppingStrategy::AllExhausted, [90.0, 90.0]),
            (StoppingStrategy::AllExhaustedWithoutReplacement, [30.0, 90.0]),
        ] {
            let once = with(stopping, packing, Budget::Epochs(1.0));
            let twice = with(stopping, packing, Budget::Epochs(2.0));
            assert_eq!(rows_read(&once), rows, "{stopping:?}, {packing:?}");
            assert_eq!(rows_read(&twice), rows.map(|rows| 2.0 * rows), "{stopping:?}, {packing:?}");
        }
    }
    // Shares hold until the first ends, then the other goes on alone, and then it begins anew.
    let stream = with(StoppingStrategy::AllExhaustedWithoutReplacement, Packing::Concat, Budget::Tokens(5000));
    let Plan::Concat(plan) = &stream.plan else { panic!() };
    let of_small = |range: std::ops::Range<usize>| plan.sources()[range].iter().filter(|source| **source == 0).count();
    // 600 tokens are 19 sequences that begin in the round, 1800 are 57.
    assert_eq!((of_small(0..36), of_small(0..38), of_small(38..76), of_small(76..112)), (18, 19, 0, 18));
}

#[test]
fn long_documents_are_split_into_sequences_and_conversations_are_not() {
    let fixture = Fixture::new().documents("a", &[20, 32, 33, 65, 129, 500]).questions("q", &[3, 50]);
    let mut training = training(&[("a", 0.5), ("q", 0.5)], Packing::BestFit, Budget::Epochs(1.0));
    training.too_long = TooLong::Split;
    training.mixture.stopping = StoppingStrategy::AllExhaustedWithoutReplacement;
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    let [a, q] = &stream.ledger().sources[..] else { panic!() };
    assert_eq!(
        (a.split, a.too_long, a.usable),
        (Count { rows: 4, tokens: 727 }, Count::default(), Count { rows: 6, tokens: 779 })
    );
    assert_eq!((q.split, q.too_long.rows, q.usable.rows), (Count::default(), 1, 1));
    assert_eq!((a.rows_read, a.tokens_read), (6.0, 779));
    // Of each piece the first token is no target: 1, 1, 2, 3, 5 and 16 pieces.
    assert_eq!(a.masked_tokens, 28);
    assert_eq!(stream.mixed.parts[0].pieces(2).collect::<Vec<_>>(), [0..31, 31..33], "no token alone");
}

#[test]
fn a_span_names_the_line_whose_tokens_it_has() {
    let fixture = Fixture::new().documents("a", &[40, 12, 90, 25, 33, 70, 18]);
    let text = std::fs::read_to_string(fixture.folder.path().join("a.txt")).unwrap();
    let rows: Vec<Vec<u32>> = text
        .lines()
        .map(|line| {
            let ids = fixture.tokenizer.encode(line).unwrap();
            [&[fixture.tokenizer.bos()][..], &ids, &[fixture.tokenizer.eos()]].concat()
        })
        .collect();
    for packing in [Packing::Concat, Packing::BestFit] {
        let mut training = training(&[("a", 1.0)], packing, Budget::Epochs(1.0));
        training.too_long = TooLong::Split;
        let stream = fixture.open(&training).unwrap();
        for step in 0..stream.steps() {
            for (spans, sequence) in stream.spans(step).unwrap().iter().zip(stream.step(step).unwrap()) {
                let mut ids: Vec<u32> = Vec::new();
                for span in spans {
                    let (file, line) = span.place.rsplit_once(':').unwrap();
                    assert!(file.ends_with("a.txt") && span.source == "a", "{span:?}");
                    let row = &rows[line.parse::<usize>().unwrap() - 1];
                    assert_eq!(span.length, row.len() as u64);
                    ids.extend(&row[span.start as usize..span.end as usize]);
                }
                assert_eq!(ids, sequence.ids, "{packing:?} {spans:?}");
            }
        }
    }
}

/// A piece of a row: the token that it begins with, its ids, and which of them are targets.
type Piece = (u32, Vec<u32>, Vec<bool>);

/// Each row of an epoch's plan by its source, with the pieces of it that the sequences have.
fn placed(stream: &Stream) -> BTreeMap<(u16, u32), Vec<Piece>> {
    let Plan::BestFit(plan) = &stream.plan else { panic!() };
    let mut rows = BTreeMap::<_, Vec<_>>::new();
    for (index, sequence) in all_steps(stream).into_iter().flatten().enumerate() {
        let items = plan.items(&stream.mixed, index as u64);
        assert_eq!(items.len(), sequence.documents());
        for (item, bounds) in items.iter().zip(sequence.bounds.windows(2)) {
            let range = bounds[0] as usize..bounds[1] as usize;
            let piece = (item.start, sequence.ids[range.clone()].to_vec(), sequence.trained[range].to_vec());
            rows.entry((item.source, item.row)).or_default().push(piece);
        }
    }
    rows
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(40))]
    /// In an epoch each token of each source is trained on, masked, or counted as left out, exactly once; and what was
    /// packed unpacks to what was there.
    #[test]
    fn nothing_is_lost_and_nothing_comes_twice(
        lengths in proptest::collection::vec(9usize..120, 1..60),
        answers in proptest::collection::vec(0usize..45, 1..60),
        too_long in proptest::sample::select(vec![TooLong::Drop, TooLong::Truncate, TooLong::Split]),
        held_out in 0.0f64..0.4,
    ) {
        let fixture = Fixture::new().documents("a", &lengths).questions("q", &answers);
        let all = [("a", Amount::Epochs(1.0)), ("q", Amount::Epochs(1.0))];
        let mut training = with_amounts(&all, Packing::BestFit, Budget::Epochs(1.0));
        (training.too_long, training.no_target, training.held_out) = (too_long, NoTarget::Drop, held_out);
        let stream = match fixture.open(&training) {
            Ok(stream) => stream,
            Err(error) => {
                proptest::prop_assert!(error.to_string().contains("has no row to train on"), "{}", error);
                return Ok(());
            }
        };
        check_shape(&stream, &training);
        let mut trained = 0;
        let mut placed = placed(&stream);
        for (source, (part, ledger)) in stream.mixed.parts.iter().zip(&stream.ledger().sources).enumerate() {
            let left_out = [ledger.held_out, ledger.too_long, ledger.no_target, ledger.truncated];
            let lost: u64 = left_out.iter().map(|count| count.tokens).sum();
            proptest::prop_assert_eq!(ledger.trained_tokens + ledger.masked_tokens + lost, ledger.tokens);
            let rows = left_out[..3].iter().map(|count| count.rows).sum::<u64>() + ledger.usable.rows;
            proptest::prop_assert_eq!(rows, ledger.rows);
            for row in part.rows.iter() {
                let mut pieces = placed.remove(&(source as u16, row)).unwrap_or_default();
                pieces.sort();
                let ids: Vec<u32> = pieces.iter().flat_map(|piece| piece.1.clone()).collect();
                let marks: Vec<bool> = pieces.iter().flat_map(|piece| piece.2.clone()).collect();
                let (mut expected, mut expected_marks) = (Vec::new(), Vec::new());
                part.file.copy_ids(row, 0..part.length(row), &mut expected).unwrap();
                part.file.copy_trained(row, 0..part.length(row), &mut expected_marks).unwrap();
                pieces.iter().for_each(|piece| expected_marks[piece.0 as usize] = false);
                proptest::prop_assert_eq!(ids, expected);
                proptest::prop_assert_eq!(&marks, &expected_marks);
                trained += marks.iter().filter(|trained| **trained).count() as u64;
            }
        }
        proptest::prop_assert!(placed.is_empty(), "rows that are no rows to train on: {:?}", placed.keys());
        proptest::prop_assert_eq!(trained, stream.ledger().trained_tokens);
    }

    /// Whatever the weights, a million tokens have the shares that were asked for, to a thousandth.
    #[test]
    fn a_million_tokens_have_the_shares_asked_for(raw in proptest::collection::vec(0.05f64..1.0, 3)) {
        let fixture = million();
        let sum: f64 = raw.iter().sum();
        let names = ["a", "b", "c"];
        let weights: Vec<(&str, f64)> = names.iter().zip(&raw).map(|(name, weight)| (*name, weight / sum)).collect();
        let whole = weights.iter().map(|(_, weight)| 500_000.0 / weight).fold(f64::INFINITY, f64::min);
        for (packing, budget) in [
            (Packing::Concat, Budget::Tokens(1_000_000)),
            (Packing::BestFit, Budget::Epochs((1_000_000.0 / whole).ceil())),
        ] {
            let mut training = training(&weights, packing, budget);
            training.sequence_length = 512;
            let stream = fixture.open(&training).unwrap();
            proptest::prop_assert!(stream.ledger().tokens >= 990_000);
            for ledger in &stream.ledger().sources {
                let (asked, given) = (ledger.asked_share, ledger.realised_share);
                proptest::prop_assert!((asked - given).abs() <= 0.001, "{:?}: {} {}", packing, asked, given);
            }
        }
    }
}

/// Three sources of half a million tokens each, made once.
fn million() -> &'static Fixture {
    static MADE: std::sync::OnceLock<Fixture> = std::sync::OnceLock::new();
    MADE.get_or_init(|| {
        Fixture::new().documents("a", &[250; 2000]).documents("b", &[100; 5000]).documents("c", &[400; 1250])
    })
}

#[test]
fn a_small_budget_of_conversations_is_the_beginning_of_a_large_one() {
    let answers: Vec<usize> = (0..300).map(|row| 1 + row * 13 % 17).collect();
    let fixture = Fixture::new().questions("a", &answers).questions("b", &answers[..200]);
    let plan = |tokens| {
        let training = training(&[("a", 0.3), ("b", 0.7)], Packing::BestFit, Budget::Tokens(tokens));
        all_steps(&fixture.open(&training).unwrap())
    };
    let (small, large) = (plan(3000), plan(30_000));
    assert!(small.len() > 20 && large.len() > 8 * small.len());
    assert_eq!(small[..], large[..small.len()]);
}
