//! GGUF files of ours, read by llama.cpp: the same tokens, the same answers, nearly the same perplexity.
//!
//! llama.cpp comes from npm (`.ci/gguf` installs it into `tests/gguf`); where it is absent the tests skip and say so.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use candle_core::{DType, Device};
use emakeel::adapter::Adapter;
use emakeel::data::Tokenizer;
use emakeel::export::{FileType, Source, write_folder, write_gguf, write_lora};
use emakeel::model::{Config, Llama, Sampling};
use emakeel::progress::Progress;
use serde_json::{Value, json};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// Tokens of an answer.
const ANSWER: usize = 24;

/// llama.cpp keeps keys and values in 16 bits, so that of two tokens this near either may be taken, in nats.
const TIE: f64 = 0.01;

/// How far a perplexity of q8_0 may be from that of f16.
const NEAR: f64 = 0.005;

const ESTONIAN: [&str; 20] = [
    "Mis värvi on taevas?",
    "Tõlgi inglise keelde: Koer jookseb metsas.",
    "<|user|>\nMis on 2 + 3?\n<|assistant|>\n",
    "<|user|>\nKus elab karu?\n<|assistant|>\n",
    "<|user|>\nTranslate into Estonian: The cat sleeps.\n<|assistant|>\n",
    "<|user|>\nWhat colour is the grass?\n<|assistant|>\n",
    "Koer jookseb metsas.",
    "Tere  hommikust!",
    "Ema",
    "Õun on punane ja",
    "Laps loeb raamatut, sest",
    "The boy reads a book",
    "A cow eats",
    "Talvel on külm.\nSuvel on",
    "Kolm kassi ja üks",
    "žürii šokolaad ÄÖÜ",
    "1984. aastal",
    "emoji 🙂 on üks märk",
    "See lause on veidi pikem kui teised ja räägib linnust, kes lendab üle järve.",
    "Where does the bear live?",
];

const STORIES: [&str; 20] = [
    "Once upon a time",
    "The little dog was",
    "Lily and Tom went to the park.",
    "One day, a girl named Sue",
    "The sun was warm and",
    "Ben had a red ball. He",
    "\"Mom, look!\" said",
    "There was a big tree",
    "The cat did not like",
    "Tim wanted to help",
    "It was a rainy day.",
    "A bird sat on",
    "She was very happy because",
    "They played all day and",
    "The bear was hungry",
    "In the morning, Mia",
    "He saw a small boat",
    "\"Can I play with you?\"",
    "The flower was blue.",
    "At the end of the day, the two friends went home. They had a cake and some milk, and then",
];

/// What Llama 3's pattern cuts in its own way.
const MANY_SCRIPTS: [&str; 12] = [
    "Mis värvi on taevas? Sinine, ütles Õie.",
    "Numbers: 1, 12, 123, 1234, 12345 and 3.14159",
    "  two spaces before,  two within, three after   ",
    "line\nnext\n\nparagraph\r\n\ttab",
    "It's we'll they'RE I'd 'quoted'",
    "Привет, как дела? Всё хорошо!",
    "今日はいい天気ですね。",
    "안녕하세요, 반갑습니다",
    "emoji 🙂🙃 and 👩‍👩‍👧 joined",
    "fn main() { println!(\"{}\", x[0] + 1); }",
    "e\u{301}tude, cafe\u{301}, ﬁne",
    "שלום עולם، مرحبا بالعالم",
];

/// Where llama.cpp is, if it is anywhere.
fn llama_cpp() -> Option<PathBuf> {
    let folder = Path::new(ROOT).join("tests/gguf");
    if folder.join("node_modules/node-llama-cpp").exists() {
        return Some(folder);
    }
    assert!(std::env::var_os("EMAKEEL_NEED_LLAMA").is_none(), "llama.cpp is absent and must not be");
    eprintln!("SKIPPED: llama.cpp is absent; .ci/gguf installs it");
    None
}

/// Asks llama.cpp, see `tests/gguf/llama.mjs`.
fn ask(folder: &Path, question: &Value) -> Value {
    let mut node = Command::new("node")
        .arg("llama.mjs")
        .current_dir(folder)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node starts");
    serde_json::to_writer(node.stdin.take().expect("a pipe"), question).expect("it listens");
    let output = node.wait_with_output().expect("it ends");
    assert!(output.status.success(), "llama.cpp refused {}", question["model"]);
    serde_json::from_slice(&output.stdout).expect("it answers in JSON")
}

fn ids(value: &Value) -> Vec<Vec<u32>> {
    serde_json::from_value(value.clone()).expect("lists of ids")
}

/// A model folder in several forms, and what is asked of them.
struct Bench {
    llama: PathBuf,
    place: tempfile::TempDir,
    folder: PathBuf,
    tokenizer: Tokenizer,
    prompts: Vec<Vec<u32>>,
    texts: Vec<String>,
}

impl Bench {
    fn new(llama: PathBuf, folder: &Path, texts: &[&str]) -> Self {
        let tokenizer = Tokenizer::open(folder).unwrap();
        let prompt = |text: &&str| [vec![tokenizer.bos()], tokenizer.encode(text).unwrap()].concat();
        let prompts = texts.iter().map(prompt).collect();
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        Self { llama, place: tempfile::tempdir().unwrap(), folder: folder.to_owned(), tokenizer, prompts, texts }
    }

    fn source(&self) -> Source<'_> {
        Source { folder: &self.folder, adapter: None, name: "test", template: None }
    }

    fn gguf(&self, name: &str, kind: FileType) -> PathBuf {
        let path = self.place.path().join(name);
        write_gguf(&self.source(), &path, kind, Progress::silent()).unwrap();
        path
    }

    /// Our own model, its weights rounded as those of an f16 file are.
    fn ours(&self) -> Llama {
        let folder = self.place.path().join("rounded");
        write_folder(&self.source(), &folder, DType::F16, Progress::silent()).unwrap();
        Llama::load(&folder, DType::F32, &Device::Cpu).unwrap()
    }

    /// Our answers, without the token that ends them.
    fn answers(&self, model: &Llama) -> Vec<Vec<u32>> {
        let sampling = Sampling { stop_ids: vec![self.tokenizer.eos()], ..Sampling::greedy(model, ANSWER) };
        model.generate(&self.prompts, &sampling, &|| false, &mut |_, _| {}).unwrap()
    }

    fn question(&self, model: &Path) -> Value {
        json!({ "model": model, "prompts": self.prompts, "count": ANSWER, "texts": self.texts })
    }

    /// llama.cpp's answers, without the token that ends them.
    fn theirs(&self, question: &Value) -> (Vec<Vec<u32>>, Vec<Vec<u32>>) {
        let said = ask(&self.llama, question);
        let mut answers = ids(&said["answers"]);
        answers
            .iter_mut()
            .filter(|ids| ids.last() == Some(&self.tokenizer.eos()))
            .for_each(|ids| ids.truncate(ids.len() - 1));
        (answers, ids(&said["tokens"]))
    }

    /// By how much llama.cpp prefers its own token where two answers part, in nats.
    fn gap(&self, model: &Path, prompt: &[u32], ours: &[u32], theirs: &[u32]) -> f64 {
        let same = ours.iter().zip(theirs).take_while(|(one, other)| one == other).count();
        let row =
            |answer: &[u32]| [prompt, &answer[..same], &[*answer.get(same).unwrap_or(&self.tokenizer.eos())]].concat();
        let rows = [row(ours), row(theirs)];
        let said = ask(&self.llama, &json!({ "model": model, "likelihood": rows }));
        let losses: Vec<f64> = serde_json::from_value(said["losses"].clone()).unwrap();
        (losses[0] - losses[1]).abs() * (rows[0].len() - 1) as f64
    }

    fn perplexity(&self, model: &Path, rows: &[Vec<u32>]) -> f64 {
        let said = ask(&self.llama, &json!({ "model": model, "likelihood": rows }));
        let losses: Vec<f64> = serde_json::from_value(said["losses"].clone()).unwrap();
        let targets = |row: &Vec<u32>| (row.len() - 1) as f64;
        let sum: f64 = rows.iter().zip(&losses).map(|(row, loss)| targets(row) * loss).sum();
        (sum / rows.iter().map(targets).sum::<f64>()).exp()
    }

    /// Same ids, same answers; q8_0 as good as f16, q4_k_m readable. Perplexities are of so many answers.
    fn check(&self, worst_of_4_bits: f64, answers_measured: usize) {
        let (f16, model) = (self.gguf("f16.gguf", FileType::F16), self.ours());
        let answers = self.answers(&model);
        let (theirs, tokens) = self.theirs(&self.question(&f16));
        let mut ties = 0;
        for (index, prompt) in self.prompts.iter().enumerate() {
            assert_eq!(tokens[index], prompt[1..], "the ids of {:?}", self.texts[index]);
            if theirs[index] != answers[index] {
                let gap = self.gap(&f16, prompt, &answers[index], &theirs[index]);
                eprintln!("two tokens are likely by turns in the answer to {:?}: {gap:.4} nats", self.texts[index]);
                assert!(gap < TIE, "the answer to {:?}: {:?}, {:?}", self.texts[index], theirs[index], answers[index]);
                ties += 1;
            }
        }
        assert!(ties <= 1, "{ties} answers of {} differ", self.prompts.len());
        let rows = self.prompts.iter().zip(&answers).take(answers_measured);
        let rows: Vec<Vec<u32>> = rows.map(|(p, a)| [p.clone(), a.clone()].concat()).collect();
        let plain = self.perplexity(&f16, &rows);
        let eight = self.perplexity(&self.gguf("q8.gguf", FileType::Q8_0), &rows);
        let four = self.perplexity(&self.gguf("q4.gguf", FileType::Q4KM), &rows);
        eprintln!(
            "perplexity: f16 {plain:.5}, q8_0 {eight:.5} ({:+.3} %), q4_k_m {four:.5}",
            (eight / plain - 1.0) * 100.0
        );
        assert!((eight / plain - 1.0).abs() < NEAR, "q8_0 {eight}, f16 {plain}");
        assert!((four / plain - 1.0).abs() < worst_of_4_bits, "q4_k_m {four}, f16 {plain}");
    }
}

#[test]
fn llama_cpp_says_what_we_say_of_the_built_in_model_and_of_adapters_on_it() {
    let Some(llama) = llama_cpp() else { return };
    let bench = Bench::new(llama, &Path::new(ROOT).join("assets/tiny-estonian"), &ESTONIAN);
    bench.check(0.2, ESTONIAN.len());
    let f16 = bench.place.path().join("f16.gguf");
    let mut model = bench.ours();
    let alone = bench.answers(&model);
    for name in ["general", "translation"] {
        let adapter = Adapter::load(&Path::new(ROOT).join("adapters").join(name)).unwrap();
        let lora = bench.place.path().join(format!("{name}.gguf"));
        write_lora(&adapter, &model.config, &lora, FileType::F32).unwrap();
        adapter.attach(&mut model).unwrap();
        let answers = bench.answers(&model);
        assert_ne!(answers, alone, "{name} changes nothing");
        let mut question = bench.question(&f16);
        question["lora"] = json!(lora);
        let (theirs, _) = bench.theirs(&question);
        for (index, text) in bench.texts.iter().enumerate() {
            assert_eq!(theirs[index], answers[index], "{name}'s answer to {text:?}");
        }
    }
}

#[test]
fn llama_cpp_says_what_we_say_of_a_checkpoint_from_elsewhere() {
    let Some(llama) = llama_cpp() else { return };
    let shared = Path::new(ROOT).join("../shared/data/checkpoints");
    if !shared.is_dir() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    for name in ["config.json", "model.safetensors"] {
        std::fs::copy(shared.join("stories260K_hf").join(name), place.path().join(name)).unwrap();
    }
    std::fs::copy(shared.join("stories260K/tok512.model"), place.path().join("tokenizer.model")).unwrap();
    Bench::new(llama, place.path(), &STORIES).check(0.2, STORIES.len());
}

/// A small Llama 3 of random weights, with its tokenizer, its longer rotary periods and grouped heads. Rows are of 256 and 512
/// values, so that 4 bits come in the large blocks.
fn write_llama3(folder: &Path, tokenizer: &Path) {
    let config = json!({
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 256, "intermediate_size": 512,
        "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 128_256,
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "initializer_range": 0.06, "tie_word_embeddings": false,
        "rope_theta": 500_000.0, "bos_token_id": 128_000, "eos_token_id": 128_001,
        // As in Llama 3.1, but with a first length so short that most periods are stretched.
        "rope_scaling": {
            "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    });
    let model = Llama::random(Config::from_json(&config).unwrap(), 5, DType::F16, &Device::Cpu).unwrap();
    model.save(folder, DType::F16).unwrap();
    std::fs::copy(tokenizer, folder.join("tokenizer.model")).unwrap();
}

#[test]
fn llama_cpp_says_what_we_say_of_a_llama_3() {
    let Some(llama) = llama_cpp() else { return };
    let tokenizer = Path::new(ROOT).join("../shared/data/tokenizers/llama3/tokenizer.model");
    if !tokenizer.is_file() {
        eprintln!("SKIPPED: ../shared is absent");
        return;
    }
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("llama-3");
    write_llama3(&folder, &tokenizer);
    // The probabilities of 128,256 tokens at each place take llama.cpp's JavaScript a while.
    Bench::new(llama, &folder, &MANY_SCRIPTS).check(0.2, 3);
}
