//! What a recipe says of sources: how they are read and cleaned, and how much of each is taken.

use super::meaning::round_trip;
use super::*;

#[test]
fn how_files_are_read_is_kept_and_written_back() {
    let study = round_trip(
        "name: x\nbase: { model: m }\nsources:
  a: { path: 'a/*.jsonl.zst', template: alpaca, fields: { instruction: juhis, output: vastus }, on_bad_row: skip }
  b: { path: b.txt, documents: file, format: text }
  c: { path: c, text: keha.tekst }
  d: { path: d.jsonl, template: translation, languages: [A, B], fields: { first: translation.en, second: second } }
  e: { path: [e.tsv.gz, f.csv], template: translation, languages: [A, B], header: false, quotes: false }
  g: { path: g.parquet, template: tokens, fields: { labels: targets } }
compare: { tasks: [{ task: choice, data: world, language: English }] }\n",
    )
    .study;
    let reading = |at: usize| study.sources[at].reading.clone();
    let default = Reading::default();
    let named =
        |names: &[(&str, &str)]| names.iter().map(|(a, b)| ((*a).to_owned(), (*b).to_owned())).collect::<Vec<_>>();
    let alpaca = named(&[("instruction", "juhis"), ("output", "vastus")]);
    assert_eq!(reading(0), Reading { fields: alpaca, on_bad_row: OnBadRow::Skip, ..default.clone() });
    let file = Reading { documents: Some(Documents::File), format: Some(FileFormat::Text), ..default.clone() };
    assert_eq!(reading(1), file);
    assert_eq!(reading(2), Reading { fields: named(&[("text", "keha.tekst")]), ..default.clone() });
    assert_eq!(reading(3).fields, named(&[("first", "translation.en"), ("second", "second")]));
    assert_eq!(reading(4), Reading { header: false, quotes: false, ..default.clone() });
    assert_eq!(reading(5).field("labels"), "targets");
    assert_eq!(reading(5).field("input_ids"), "input_ids");
    let written = round_trip(
        "name: x\nbase: { model: m }\nsources: { c: { path: c, text: text } }\n\
        compare: { tasks: [{ task: choice, data: world, language: English }] }\n",
    );
    assert_eq!(written.study.sources[0].reading, default, "the default said is the default");
    assert!(written.resolved_yaml().expect("YAML").contains("on_bad_row: error"));
}

#[test]
fn nothing_is_taken_out_of_a_source_but_what_the_tasks_ask_about() {
    let text = "
name: x
base: { model: m }
sources:
  file: { path: s.txt }
  world: { builtin: english-text, rows: 5 }
  all:
    path: s.txt
    clean: { duplicates: near, near: { hashes: 64 }, characters: { least: 1K }, words: { most: 9 }, longest_word: 40,
             letters: { least: 0.5 }, repeated_lines: { most: 0.25 }, language: { is: Estonian }, decontaminate: false }
  pairs: { path: [a, b], template: translation, languages: [English, Estonian],
           clean: { duplicates: exact, ratio: { most: 3 }, untranslated: true, language: 0.75 } }
pretrain: { tokens: 1B, mixture: { file: 1 } }
";
    let study = round_trip(text).study;
    let cleans: Vec<Clean> = study.sources.iter().map(|source| source.clean.clone()).collect();
    let [file, world, all, pairs] = <[Clean; 4]>::try_from(cleans).expect("four sources");
    assert_eq!(file, Clean { decontaminate: true, ..Clean::default() });
    assert!(world.keeps_everything() && !file.keeps_everything());
    let language = |is: Option<&str>, confidence| {
        Some(LanguageCheck { is: is.map(str::to_owned), confidence, least: LanguageCheck::LEAST })
    };
    let expected = Clean {
        duplicates: Duplicates::Near(Near { hashes: 64, ..Near::default() }),
        characters: Sizes { least: Some(1000), most: None },
        words: Sizes { least: None, most: Some(9) },
        longest_word: Some(40),
        letters: Some(0.5),
        repeated_lines: Some(0.25),
        language: language(Some("Estonian"), 0.5),
        ..Clean::default()
    };
    assert_eq!(all, expected);
    let expected = Clean {
        duplicates: Duplicates::Exact,
        ratio: Some(3.0),
        untranslated: true,
        language: language(None, 0.75),
        decontaminate: true,
        ..Clean::default()
    };
    assert_eq!(pairs, expected);
    assert_ne!(pairs.fingerprint(), all.fingerprint());
}

#[test]
fn a_tokenizer_is_extended_from_one_source_or_several() {
    for (source, sources) in [("s", vec!["s"]), ("[s, t]", vec!["s", "t"])] {
        let text = format!(
            "name: x\nbase: {{ model: m, tokenizer: {{ extend: {{ source: {source}, tokens: 8K }} }} }}\n\
             sources: {{ s: {{ path: s.txt }}, t: {{ path: t.txt }}, u: {{ path: u.txt }} }}\n\
             pretrain: {{ tokens: 1B, mixture: {{ u: 1 }} }}\n"
        );
        let study = round_trip(&text).study;
        let sources: Vec<String> = sources.into_iter().map(str::to_owned).collect();
        // What pretraining makes follows from the texts that the pieces were learned from.
        let inputs = study.stage_inputs(Stage::Pretrain);
        assert!(sources.iter().all(|name| inputs["sources"][name].is_object()), "{inputs}");
        assert_eq!(study.base.tokenizer, Some(TokenizerOrigin::Extended { sources, tokens: 8000 }));
        assert_eq!(study.base.new_pieces(), 8000);
    }
}

#[test]
fn a_mixture_takes_shares_or_amounts() {
    let with = |keys: &str| {
        let text = format!("{HEAD}adapters: {{ a: {{ {keys} }} }}\n");
        round_trip(&text).study.adapters.remove(0).training.mixture
    };
    let amounts = |mixture: &Mixture| mixture.parts.iter().map(|part| part.amount).collect::<Vec<_>>();
    let given = with("mixture: { words: { rows: 10K }, chat: { epochs: 2 }, pairs: { tokens: 1M, ratio: '1:3' } }");
    assert_eq!(amounts(&given), [Amount::Rows(10_000), Amount::Epochs(2.0), Amount::Tokens(1_000_000)]);
    assert_eq!((given.parts[2].forward_share, given.stopping), (0.25, StoppingStrategy::FirstExhausted));
    let shares = with("mixture: { words: 3, pairs: { weight: 1 } }, stopping_strategy: all-exhausted");
    assert_eq!(amounts(&shares), [Amount::Share(0.75), Amount::Share(0.25)]);
    assert_eq!(shares.stopping, StoppingStrategy::AllExhausted);
}

#[test]
fn the_study_of_another_language_is_finnish_throughout() {
    let recipe = Recipe::parse(include_str!("../../../recipes/studies/another-language.yaml"), "r.yaml", &[]).unwrap();
    let pairs = recipe.study.sources.iter().find(|source| source.name == "bitext").unwrap();
    assert_eq!(pairs.languages, Some(["English".to_owned(), "Finnish".to_owned()]));
    let tasks = recipe.study.compare.as_ref().map(|compare| compare.tasks.as_slice()).unwrap_or_default();
    let in_world = tasks.iter().filter_map(|task| match &task.data {
        TaskData::World { language } => Some(language.as_str()),
        _ => None,
    });
    assert_eq!(in_world.collect::<Vec<_>>(), ["Finnish", "English", "Finnish", "Finnish", "Finnish", "English"]);
    let at_7b = include_str!("../../../recipes/studies/another-language-7b.yaml");
    assert_eq!(Recipe::parse(at_7b, "r.yaml", &[]).unwrap().study.name, "another-language-7b");
}
