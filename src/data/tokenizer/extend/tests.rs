//! Extended tokenizers against the old ones, against a slow trainer, and against SentencePiece's format.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::super::tests::{byte_level, byte_level_of_llama_3};
use super::units::missing_character;
use super::*;

/// A file of the shared test data; `None`, loudly, where it is absent.
fn shared(name: &str) -> Option<PathBuf> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data"));
    if !folder.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return None;
    }
    Some(folder.join(name))
}

/// Sentences in which the same words come again and again.
fn sentences() -> Vec<String> {
    let nouns = ["kass", "koer", "lapsed", "õpetaja", "žürii", "raamatukogu", "maja-alune", "öötöö", "ქალი", "ёлка"];
    let verbs = ["magab", "jookseb", "loeb", "kirjutab", "vaatab", "ootab kella 1984. aastal"];
    let places = ["majas", "õues", "koolis", "(raamatukogus)", "“metsas”", "linnas\nja maal"];
    let mut sentences = Vec::new();
    for (i, noun) in nouns.iter().enumerate() {
        for (j, verb) in verbs.iter().enumerate() {
            for place in places.iter().skip((i + j) % 3) {
                sentences.push(format!("{noun} {verb} {place}. 😀 {noun}, {place}!"));
            }
        }
    }
    sentences
}

/// One tokenizer of each kind that can be extended.
fn olds() -> Vec<(&'static str, Tokenizer)> {
    let words: Vec<String> = (0..400).map(|n| format!("The cat {n} sleeps in the house, and the dog reads.")).collect();
    vec![
        ("spaces", Tokenizer::train(&words, 315).unwrap()),
        (
            "bytes",
            Tokenizer::from_bytes(&byte_level_of_llama_3(&["e r", "Ġ t", "Ġt h", "a s", "Ġ k", "Ġk as"])).unwrap(),
        ),
    ]
}

/// The old ids in the place of new ones.
fn spelled_out(extended: &Extended, ids: &[u32]) -> Vec<u32> {
    let old = |id: &u32| match id.checked_sub(extended.first) {
        Some(new) => extended.spelled[new as usize].clone(),
        None => vec![*id],
    };
    ids.iter().flat_map(old).collect()
}

#[test]
fn any_text_keeps_its_old_ids_in_the_place_of_its_new_ones_and_comes_back_whole() {
    for (name, old) in olds() {
        let extended = old.extend(sentences(), 60).unwrap();
        let texts = "([a-zõäöüžš ]{0,6}|kass|koer|raamatukogu|maja|öö| loeb| õpetaja|ქალი|ё|\\PC{0,3}|\n|  ){0,10}";
        let outcome = TestRunner::default().run(&texts, |text| {
            let (before, after) = (old.encode(&text).unwrap(), extended.tokenizer.encode(&text).unwrap());
            prop_assert_eq!(&spelled_out(&extended, &after), &before, "{}", name);
            // What has no new pair has the ids that it had; what has one gets shorter.
            prop_assert_eq!(after.iter().all(|id| *id < extended.first), after == before);
            let seen = if name == "spaces" { text.replace('▁', " ") } else { text.clone() };
            prop_assert_eq!(extended.tokenizer.decode(&after), seen);
            Ok(())
        });
        outcome.unwrap();
    }
}

#[test]
fn english_with_no_new_pair_is_tokenized_as_before() {
    for (name, old) in olds() {
        let extended = old.extend(sentences(), 60).unwrap();
        // The words of the first are pieces of the one, and letters of Estonian pairs to the other.
        let english = "The cat 12 sleeps in the house, and the dog reads.";
        let texts = [english, "x = {y: 3}\n\n\tz  ", "THE END???"];
        for text in texts.into_iter().filter(|text| name == "spaces" || *text != english) {
            assert_eq!(extended.tokenizer.encode(text).unwrap(), old.encode(text).unwrap(), "{name}: {text}");
        }
        let all = sentences().join(" ");
        assert!(extended.tokenizer.encode(&all).unwrap().len() < old.encode(&all).unwrap().len());
        let (new, old) = (&extended.tokenizer, &old);
        assert_eq!((new.bos(), new.eos(), new.unknown()), (old.bos(), old.eos(), old.unknown()));
        assert_eq!(new.vocabulary(), old.vocabulary() + 60);
    }
}

/// The texts of new pieces.
fn new_texts(extended: &Extended) -> Vec<String> {
    let ids = extended.first..extended.tokenizer.vocabulary() as u32;
    ids.map(|id| String::from_utf8_lossy(extended.tokenizer.pieces.get(id).unwrap()).into_owned()).collect()
}

/// As many new pieces as the sentences give.
fn all_there_are(old: &Tokenizer) -> Extended {
    let rules = Rules::new(old).unwrap();
    let units = Units::count(old, &rules, sentences()).unwrap();
    let all = Learner::new(old, &rules, units).learn(usize::MAX).len();
    old.extend(sentences(), all).unwrap()
}

#[test]
fn new_pieces_are_words_or_parts_of_words() {
    for (name, old) in olds() {
        let extended = all_there_are(&old);
        let texts = new_texts(&extended);
        for text in &texts {
            let word = text.strip_prefix(' ').unwrap_or(text);
            assert!(!word.is_empty() && !word.contains([' ', '\n']), "{name}: {text:?}");
            assert!(!word.chars().any(|c| c.is_numeric() || c.is_control()), "{name}: {text:?}");
            let alone = word.chars().count() == 1;
            let inside = word.chars().skip(1).all(|c| c.is_alphabetic() || c == char::REPLACEMENT_CHARACTER);
            assert!(alone || inside, "{name}: {text:?}");
        }
        assert!(texts.iter().any(|text| text == " raamatukogu"), "{name}: {texts:?}");
        assert!(texts.iter().any(|text| text.ends_with("ქალი")), "{name}: {texts:?}");
    }
    // A space model has no piece of a mark and letters; a byte-level one may have what its pattern leaves together.
    let [(_, spaces), (_, bytes)] = olds().try_into().unwrap();
    let mark = |old: &Tokenizer| new_texts(&all_there_are(old)).contains(&"-alune".to_owned());
    assert!(!mark(&spaces) && mark(&bytes));
}

#[test]
fn each_new_piece_is_found_in_its_own_text_and_spelled_as_the_old_tokenizer_has_it() {
    for (name, old) in olds() {
        let extended = old.extend(sentences(), 100).unwrap();
        for (text, id) in new_texts(&extended).iter().zip(extended.first..) {
            if text.contains(char::REPLACEMENT_CHARACTER) {
                continue;
            }
            // Text that goes on, so that the only space is the piece's own.
            assert_eq!(extended.tokenizer.encode_continuation(text).unwrap(), [id], "{name}: {text:?}");
            let spelled = &extended.spelled[(id - extended.first) as usize];
            assert_eq!(&old.encode_continuation(text).unwrap(), spelled, "{name}: {text:?}");
        }
    }
}

#[test]
fn the_same_texts_give_the_same_tokenizer_on_any_number_of_threads() {
    for (_, old) in olds() {
        let learn = || old.extend(sentences(), 100).unwrap().tokenizer.fingerprint().to_owned();
        let first = learn();
        for threads in [1, 3] {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
            assert_eq!(pool.install(learn), first);
        }
    }
}

#[test]
fn an_extended_tokenizer_is_saved_opened_and_extended_again() {
    for (name, old) in olds() {
        let once = old.extend(sentences(), 40).unwrap();
        let folder = tempfile::tempdir().unwrap();
        once.tokenizer.save(folder.path()).unwrap();
        let opened = Tokenizer::open(folder.path()).unwrap();
        let both = opened.extend(sentences(), 60).unwrap().tokenizer;
        let straight = old.extend(sentences(), 100).unwrap().tokenizer;
        for text in sentences() {
            assert_eq!(opened.encode(&text).unwrap(), once.tokenizer.encode(&text).unwrap(), "{name}");
            assert_eq!(both.encode(&text).unwrap(), straight.encode(&text).unwrap(), "{name}");
        }
    }
}

/// The pieces that training gives which counts all pairs anew each time.
fn slowly(old: &Tokenizer, rules: &Rules, units: Units, tokens: usize) -> Vec<(u32, u32)> {
    let mut runs: Vec<(Vec<u32>, u64)> = units.into_runs().collect();
    let mut texts: HashMap<u32, Vec<u8>> = HashMap::new();
    let mut made = Vec::new();
    for id in (old.size as u32..).take(tokens) {
        let text = |symbol: u32| match missing_character(symbol) {
            Some(character) => character.to_string().into_bytes(),
            None => texts.get(&symbol).cloned().unwrap_or_else(|| old.pieces.get(symbol).unwrap().to_vec()),
        };
        let mut counts: HashMap<(u32, u32), u64> = HashMap::new();
        for (run, count) in &runs {
            for (at, symbol) in run.iter().enumerate() {
                if missing_character(*symbol).is_some() {
                    *counts.entry((*symbol, u32::MAX)).or_default() += count;
                }
                if let Some(next) = run.get(at + 1)
                    && [*symbol, *next].iter().all(|symbol| missing_character(*symbol).is_none())
                    && rules.may_be(&[text(*symbol), text(*next)].concat())
                {
                    *counts.entry((*symbol, *next)).or_default() += count;
                }
            }
        }
        let best = counts.into_iter().max_by_key(|(pair, count)| (*count, std::cmp::Reverse(*pair)));
        let Some((pair, _)) = best.filter(|(_, count)| *count >= 2) else { break };
        let joined = if pair.1 == u32::MAX { text(pair.0) } else { [text(pair.0), text(pair.1)].concat() };
        texts.insert(id, joined);
        for (run, _) in &mut runs {
            let mut at = 0;
            while at < run.len() {
                if run[at] == pair.0 && (pair.1 == u32::MAX || run.get(at + 1) == Some(&pair.1)) {
                    let width = if pair.1 == u32::MAX { 1 } else { 2 };
                    run.splice(at..at + width, [id]);
                }
                at += 1;
            }
        }
        made.push(pair);
    }
    made
}

#[test]
fn quick_training_learns_what_slow_training_learns() {
    for (name, old) in olds() {
        let rules = Rules::new(&old).unwrap();
        let words = prop::collection::vec("[abkõჯ]{1,7}( [abkõ-]{1,5}){0,3}", 1..40);
        let outcome = TestRunner::default().run(&words, |texts| {
            let units = || Units::count(&old, &rules, &texts).unwrap();
            let quick = Learner::new(&old, &rules, units()).learn(25);
            let slow = slowly(&old, &rules, units(), 25);
            let quick: Vec<(u32, u32)> = quick
                .iter()
                .map(|piece| match piece.made {
                    Made::Of(left, right) => (left, right),
                    Made::Character(character) => (1 << 31 | u32::from(character), u32::MAX),
                })
                .collect();
            prop_assert_eq!(quick, slow, "{}", name);
            Ok(())
        });
        outcome.unwrap();
    }
}

#[test]
fn texts_and_tokenizers_that_will_not_do_are_refused() {
    for (_, old) in olds() {
        let few = old.extend(["kass kass kass kass"], 1000).unwrap_err().to_string();
        assert!(few.contains("the texts are too small") && few.contains("must be 1000"), "{few}");
        assert!(old.extend(["1 2 3 ..."], 5).unwrap_err().to_string().contains("no text to extend"));
    }
    let other = Tokenizer::from_bytes(&byte_level()).unwrap();
    let refused = other.extend(sentences(), 5).unwrap_err().to_string();
    assert!(refused.contains("cannot be extended: it prepares its text"), "{refused}");
}

#[test]
fn a_sentencepiece_model_with_new_pieces_gives_the_ids_of_the_json() {
    let Some(path) = shared("tokenizers/llama2/tokenizer.model") else { return };
    let old = Tokenizer::open(&path).unwrap();
    let text = std::fs::read_to_string(shared("text_et/ud_ewt_train.txt").unwrap()).unwrap();
    let extended = old.extend(text.lines(), 1000).unwrap();
    let model = extended.tokenizer.companions.get("tokenizer.model").expect("a model beside the json");
    let model = Tokenizer::from_sentencepiece(model).unwrap();
    assert_eq!(model.vocabulary(), 33_000);
    for file in ["text_et/ud_ewt_test.txt", "text_et/ud_ewt_train.txt", "text_et/tara_doku.txt"] {
        let text = std::fs::read_to_string(shared(file).unwrap()).unwrap();
        assert_eq!(model.encode(&text).unwrap(), extended.tokenizer.encode(&text).unwrap(), "{file}");
        let (mut ours, mut olds) = (extended.tokenizer.encoder(), old.encoder());
        for line in text.lines() {
            assert_eq!(spelled_out(&extended, &ours.encode(line).unwrap()), olds.encode(line).unwrap(), "{line}");
        }
    }
    // The tokenizer.json beside it gives the same pieces, and its tokenizer.model is extended as well.
    let json = Tokenizer::open(path.parent().unwrap()).unwrap().extend(text.lines(), 1000).unwrap();
    assert_eq!(json.spelled, extended.spelled);
    let beside = json.tokenizer.companions.get("tokenizer.model").expect("extended too");
    assert_eq!(Tokenizer::from_sentencepiece(beside).unwrap().vocabulary(), 33_000);
}

/// Estonian texts to learn from, and others to look at.
const LEARNED: [&str; 6] = [
    "estonian_law.txt",
    "evkk_academic.txt",
    "evkk_essays_school.txt",
    "evkk_essays_gymnasium.txt",
    "common_voice_10k.txt",
    "ud_ewt_train.txt",
];
const HELD_OUT: [&str; 4] = ["ud_ewt_test.txt", "estner_new_test.txt", "estner_v1_test.txt", "tara_doku.txt"];

#[test]
#[ignore = "half a minute: 18 MB of Estonian, 8000 pieces for each of Llama's tokenizers"]
fn eight_thousand_pieces_make_estonian_shorter() {
    for name in ["llama2/tokenizer.model", "llama3/tokenizer.model"] {
        let Some(path) = shared("tokenizers") else { return };
        let old = Tokenizer::open(&path.join(name)).unwrap();
        let read = |file: &&str| std::fs::read_to_string(shared("text_et").unwrap().join(file)).unwrap();
        let learned: String = LEARNED.iter().map(read).collect();
        let began = std::time::Instant::now();
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let extended = pool.install(|| old.extend(learned.lines(), 8000)).unwrap();
        println!("{name}: {:.1} s for {:.1} MB", began.elapsed().as_secs_f64(), learned.len() as f64 / 1e6);
        for file in HELD_OUT {
            let text = read(&file);
            let per =
                |tokenizer: &Tokenizer| text.chars().count() as f64 / tokenizer.encode(&text).unwrap().len() as f64;
            let (before, after) = (per(&old), per(&extended.tokenizer));
            println!("    {file:<24} {before:.2} → {after:.2} characters a token");
            assert!(after > before * 1.2, "{file}: {before} → {after}");
        }
        let texts = new_texts(&extended);
        println!("    {:?}\n    {:?}", &texts[..40], &texts[7960..]);
    }
}
