//! Rows that are left out, cut, held out, or made.

use super::*;
use crate::data::ledger::Count;

#[test]
fn a_long_row_is_an_error_with_its_place_or_dropped_or_cut_as_the_recipe_says() {
    let fixture = Fixture::new().questions("q", &[3, 50, 4]);
    let with = |too_long, no_target| {
        let mut training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
        (training.too_long, training.no_target) = (too_long, no_target);
        fixture.open(&training).inspect(|stream| check_shape(stream, &training))
    };
    let error = with(TooLong::Error, NoTarget::Error).unwrap_err().to_string();
    assert!(error.contains("source q: ") && error.contains("q.jsonl:2  the row's length is 59 tokens"), "{error}");
    let dropped = with(TooLong::Drop, NoTarget::Error).unwrap();
    assert_eq!(dropped.ledger().sources[0].too_long, Count { rows: 1, tokens: 59 });
    assert_eq!(dropped.ledger().sources[0].usable.rows, 2);
    let cut = with(TooLong::Truncate, NoTarget::Error).unwrap();
    assert_eq!(cut.ledger().sources[0].truncated, Count { rows: 1, tokens: 27 });
    assert_eq!(all_steps(&cut).into_iter().flatten().map(|sequence| sequence.len()).max(), Some(32));
}

#[test]
fn a_row_without_a_target_is_an_error_with_its_place_or_dropped() {
    let mut fixture = Fixture::new();
    let long = "7".repeat(40);
    let rows = format!(
        "{{\"instruction\": \"1\", \"output\": \"2\"}}\n{{\"instruction\": \"1\", \"output\": \" \"}}\n\
         {{\"instruction\": \"{long}\", \"output\": \"2\"}}\n"
    );
    fixture.add("q", "jsonl", &rows, RowTemplate::Alpaca);
    let mut training = training(&[("q", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    training.too_long = TooLong::Truncate;
    let error = fixture.open(&training).unwrap_err().to_string();
    assert!(error.contains("q.jsonl:2  the row has nothing to train on: the answer or text is empty"), "{error}");
    training.no_target = NoTarget::Drop;
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    assert_eq!(stream.ledger().sources[0].no_target.rows, 2, "one empty, one whose answer is cut off");
    assert_eq!(stream.ledger().sources[0].usable.rows, 1);
    fixture.add("none", "jsonl", "{\"instruction\": \"1\", \"output\": \"\"}\n", RowTemplate::Alpaca);
    training.mixture.parts[0].source = "none".into();
    let error = fixture.open(&training).unwrap_err().to_string();
    assert!(error.contains("source none has no row to train on") && error.contains("1 have nothing"), "{error}");
}

#[test]
fn held_out_rows_are_the_same_ones_whatever_the_seed_and_never_trained_on() {
    let lengths: Vec<usize> = (0..400).map(|row| 9 + row * 7 % 20).collect();
    let mut fixture = Fixture::new().documents("a", &lengths);
    for packing in [Packing::Concat, Packing::BestFit] {
        let mut training = training(&[("a", 1.0)], packing, Budget::Epochs(2.0));
        training.held_out = 0.1;
        let text = |sequences: &[Sequence]| {
            let ids: Vec<u32> = sequences.iter().flat_map(|sequence| sequence.ids.clone()).collect();
            documents(&fixture.tokenizer, &ids)
        };
        let stream = fixture.open(&training).unwrap();
        check_shape(&stream, &training);
        let mut held = text(stream.held_out());
        let trained = text(&all_steps(&stream).concat());
        // Five standard errors of a tenth of 400 rows: 30.
        assert!((10..=70).contains(&held.len()), "{}", held.len());
        assert!(held.iter().all(|document| !trained.contains(document)));
        assert_eq!(held.len() as u64, stream.ledger().sources[0].held_out.rows);
        assert_eq!(trained.len(), 2 * (400 - held.len()));
        fixture.seed += 1;
        let text = |sequences: &[Sequence]| {
            let ids: Vec<u32> = sequences.iter().flat_map(|sequence| sequence.ids.clone()).collect();
            documents(&fixture.tokenizer, &ids)
        };
        let mut again = text(fixture.open(&training).unwrap().held_out());
        held.sort();
        again.sort();
        assert_eq!(again, held);
    }
}

#[test]
fn equal_rows_are_held_out_together_wherever_they_stand() {
    let line = |row: u32| format!("{row:05}\n");
    let held = |text: &str| {
        let mut fixture = Fixture::new();
        fixture.add("a", "txt", text, RowTemplate::Plain);
        let mut training = training(&[("a", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
        training.held_out = 0.3;
        let stream = fixture.open(&training).unwrap();
        let ids: Vec<u32> = stream.held_out().iter().flat_map(|sequence| sequence.ids.clone()).collect();
        let mut documents = documents(&fixture.tokenizer, &ids);
        documents.sort();
        documents
    };
    let once = held(&(0..200).map(line).collect::<String>());
    let twice = held(&(0..200).rev().chain(0..200).map(line).collect::<String>());
    assert!(once.len() > 30 && once.len() < 100, "{}", once.len());
    assert_eq!(
        once.iter().flat_map(|document| [document, document]).collect::<Vec<_>>(),
        twice.iter().collect::<Vec<_>>()
    );
}

#[test]
fn ratios_are_those_of_the_directions_and_have_files_of_their_own() {
    let mut fixture = Fixture::new();
    let lines = |word: &str| (0..400).map(|row| format!("{word} {row:03}\n")).collect::<String>();
    fixture.add("pairs", "en", &lines("ab"), RowTemplate::Translation);
    fixture.add("other", "et", &lines("tere"), RowTemplate::Translation);
    let SourceOrigin::Files(second) = fixture.sources.pop().unwrap().origin else { panic!() };
    let SourceOrigin::Files(first) = &mut fixture.sources[0].origin else { panic!() };
    first.extend(second);
    let mut training = training(&[("pairs", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    training.sequence_length = 512;
    assert!(fixture.open(&training).unwrap_err().to_string().contains("source pairs has no languages"));
    fixture.sources[0].languages = Some(["English".into(), "Estonian".into()]);
    for (share, forward) in [(0.25, 100), (0.5, 200), (1.0, 400)] {
        training.mixture.parts[0].forward_share = share;
        let stream = fixture.open(&training).unwrap();
        let mut into_estonian = 0;
        for sequence in all_steps(&stream).into_iter().flatten() {
            for bounds in sequence.bounds.windows(2) {
                let answer = (bounds[0] as usize..bounds[1] as usize).filter(|at| sequence.trained[*at]);
                let answer: Vec<u32> = answer.map(|at| sequence.ids[at]).collect();
                into_estonian += usize::from(fixture.tokenizer.decode(&answer).starts_with("tere"));
            }
        }
        assert_eq!(into_estonian, forward, "{share}");
    }
    assert_eq!(fixture.cached().len(), 3);
}

#[test]
fn the_built_in_world_is_a_source_like_any_other() {
    let mut fixture = Fixture::new();
    for (generator, template) in [("english-text", RowTemplate::Plain), ("translation-pairs", RowTemplate::Translation)]
    {
        fixture.sources.push(Source {
            name: generator.into(),
            origin: SourceOrigin::World { generator: generator.into(), rows: 200 },
            template,
            languages: Some(["Estonian".into(), "English".into()]),
            reading: crate::recipe::Reading::default(),
            limit: None,
            clean: crate::recipe::Clean::default(),
        });
    }
    if crate::data::world::rows("english-text", 10, 1).unwrap().is_empty() {
        eprintln!("SKIPPED: the built-in world is not there yet");
        return;
    }
    let mut training =
        training(&[("english-text", 0.5), ("translation-pairs", 0.5)], Packing::BestFit, Budget::Epochs(1.0));
    training.sequence_length = 2048;
    let stream = fixture.open(&training).unwrap();
    check_shape(&stream, &training);
    assert_eq!(stream.ledger().sources[0].rows, 200);
}

#[test]
fn what_cannot_be_planned_is_refused() {
    let fixture = Fixture::new().documents("a", &[20; 5]);
    let error = |change: &dyn Fn(&mut Training)| {
        let mut training = training(&[("a", 1.0)], Packing::Concat, Budget::Epochs(1.0));
        change(&mut training);
        fixture.open(&training).unwrap_err().to_string()
    };
    assert!(error(&|training| training.sequence_length = 1).contains("sequence_length is 1"));
    assert!(error(&|training| training.batch = 0).contains("batch is 0"));
    assert!(error(&|training| training.budget = Budget::Tokens(0)).contains("0 tokens"));
    assert!(error(&|training| training.budget = Budget::Epochs(f64::NAN)).contains("NaN epochs"));
    assert!(error(&|training| training.mixture.parts[0].source = "b".into()).contains("no source named b"));
    assert!(error(&|training| training.mixture.parts.clear()).contains("the mixture has no source"));
}

#[test]
fn rows_count_as_much_as_they_say_and_not_at_all_at_0() {
    let mut fixture = Fixture::new().questions("plain", &[3; 4]);
    let row = |at: usize| format!("{{\"instruction\": \"2{at}\", \"output\": \"7\", \"w\": {}}}\n", at as f64 * 0.5);
    fixture.add("weighed", "jsonl", &(0..4).map(row).collect::<String>(), RowTemplate::Alpaca);
    fixture.sources[1].reading.fields = vec![("weight".into(), "w".into())];
    let mut training = training(&[("plain", 0.5), ("weighed", 0.5)], Packing::BestFit, Budget::Epochs(1.0));
    training.mixture.stopping = StoppingStrategy::AllExhaustedWithoutReplacement;
    training.no_target = NoTarget::Drop;
    for _ in 0..2 {
        // The second time the tokens are read from the cache.
        let stream = fixture.open(&training).unwrap();
        check_shape(&stream, &training);
        assert_eq!(stream.ledger().sources[1].no_target.rows, 1, "a row that counts nothing");
        let mut counted = 0;
        for sequence in all_steps(&stream).into_iter().flatten() {
            assert!(sequence.weights.is_empty() || sequence.weights.len() == sequence.documents());
            for (number, bounds) in sequence.bounds.windows(2).enumerate() {
                let text = fixture.tokenizer.decode(&sequence.ids[bounds[0] as usize..bounds[1] as usize]);
                let weight = sequence.weights.get(number).copied().unwrap_or(1.0);
                let at = text.trim_start().strip_prefix('2').map(|rest| rest.chars().next().unwrap());
                let expected = at.map_or(1.0, |at| at.to_digit(10).unwrap() as f32 * 0.5);
                assert_eq!(weight, expected, "{text}");
                counted += usize::from(at.is_some());
            }
        }
        assert_eq!(counted, 3);
    }
}

#[test]
fn held_out_texts_are_the_rows_that_a_stage_keeps_out() {
    let lengths: Vec<usize> = (0..300).map(|row| 9 + row * 7 % 20).collect();
    let fixture = Fixture::new().documents("a", &lengths);
    let mut training = training(&[("a", 1.0)], Packing::BestFit, Budget::Epochs(1.0));
    training.held_out = 0.1;
    let stream = fixture.open(&training).unwrap();
    let texts = |share: f64, most: usize| -> Vec<String> {
        let rows = held_out(&fixture.sources[0], share, most, 1).unwrap();
        rows.into_iter()
            .map(|row| match row {
                HeldOut::Text(text) => text,
                HeldOut::Conversation(conversation) => panic!("{conversation:?}"),
            })
            .collect()
    };
    let mut kept_out: Vec<String> =
        stream.held_out().iter().flat_map(|it| documents(&fixture.tokenizer, &it.ids)).collect();
    let mut found = texts(0.1, usize::MAX);
    assert!(found.len() > 10);
    assert_eq!(texts(0.1, 5), found[..5]);
    assert!(found.iter().all(|text| texts(0.2, usize::MAX).contains(text)));
    assert!(texts(0.0, usize::MAX).is_empty());
    let trained: Vec<String> =
        all_steps(&stream).iter().flatten().flat_map(|it| documents(&fixture.tokenizer, &it.ids)).collect();
    assert!(trained.len() > 200 && !found.iter().any(|text| trained.contains(text)));
    kept_out.sort();
    found.sort();
    assert_eq!(found, kept_out);
}
