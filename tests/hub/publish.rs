//! The program: a small study on a base of the small Hub is trained, published there, and fetched again.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::server::Server;
use crate::wire::Order;
use crate::{WORDS, program, rows, text};

const TOKEN: &str = "hf_thetokenofkeelthatnobodyprints";
const BASE: &str = "models/keel/small";

/// A Hub with a base and words, and a finished run on them: two adapters.
struct Place {
    server: Server,
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        Self::of(
            "adapters:\n  defaults: { tokens: 512, sequence_length: 64, batch: 4, rank: 2, mixture: { words: 1 } }\n  \
             one: {}\n  two: { alpha: 4 }\n",
        )
    }

    /// A finished run of a recipe with those stages.
    fn of(stages: &str) -> Self {
        let (server, folder) = (Server::start(), tempfile::tempdir().expect("a folder"));
        server.writer(TOKEN, "keel");
        let files = crate::program::model(&folder.path().join("model"));
        let files: Vec<(&str, &[u8])> = files.iter().map(|(path, bytes)| (path.as_str(), bytes.as_slice())).collect();
        server.commit(BASE, &files);
        server.commit(WORDS, &[("train.jsonl", &rows(0, 80))]);
        let recipe = format!(
            "name: study\nbase: {{ model: keel/small }}\nsources:\n  words: {{ hub: keel/words, clean: {{ decontaminate: false }} }}\n\
             {stages}compare: {{ limit: 2, tasks: [ {{ task: perplexity, data: world, language: Estonian }} ] }}\n"
        );
        std::fs::write(folder.path().join("study.yaml"), recipe).unwrap();
        let place = Self { server, folder };
        let output = place.study();
        assert!(output.status.success(), "{}", text(&output));
        place
    }

    fn study(&self) -> Output {
        let mut command = self.command(&["run"]);
        command.arg(self.folder.path().join("study.yaml")).arg("--runs").arg(self.folder.path());
        command.output().expect("the program runs")
    }

    fn run(&self) -> PathBuf {
        self.folder.path().join("study")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&self.server.endpoint, &self.folder.path().join("cache"));
        command.env("EMAKEEL_CACHE", self.folder.path().join("tokens")).args(arguments);
        command
    }

    /// `publish RUN …` with the token; whatever comes, the token is not in it.
    fn publish(&self, arguments: &[&str]) -> Output {
        let run = self.run();
        let mut command = self.command(&["publish", run.to_str().unwrap()]);
        let output = command.args(arguments).env("HF_TOKEN", TOKEN).output().expect("the program runs");
        assert!(!text(&output).contains(TOKEN), "{}", text(&output));
        output
    }

    fn refused(&self, arguments: &[&str]) -> String {
        let output = self.publish(arguments);
        assert!(!output.status.success(), "{}", text(&output));
        text(&output)
    }
}

/// Every file below a folder, by its path.
fn all_files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let (mut folders, mut files) = (vec![folder.to_owned()], Vec::new());
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap().flatten() {
            match entry.path().is_dir() {
                true => folders.push(entry.path()),
                false => files.push((entry.path(), std::fs::read(entry.path()).unwrap())),
            }
        }
    }
    files.sort();
    files
}

#[test]
fn what_a_run_made_is_published_and_fetched_again() {
    let place = Place::new();
    let (server, run) = (&place.server, place.run());
    let cards: Vec<_> = all_files(&run).into_iter().filter(|(path, _)| path.ends_with("README.md")).collect();
    assert_eq!(cards.len(), 2, "each adapter has its card at the end of the study");
    assert!(String::from_utf8_lossy(&cards[0].1).contains("model-index:"));
    assert!(place.study().status.success());
    let again: Vec<_> = all_files(&run).into_iter().filter(|(path, _)| path.ends_with("README.md")).collect();
    assert_eq!(again, cards, "a study that is run again leaves them as they are");

    server.requests();
    let dry = place.publish(&["one", "--to", "keel/adapter", "--license", "mit", "--dry-run"]);
    assert!(dry.status.success(), "{}", text(&dry));
    for part in
        ["one → ", "keel/adapter (public if it is new)", "adapter_model.safetensors", "card: ", "nothing was sent"]
    {
        assert!(text(&dry).contains(part), "{part}: {}", text(&dry));
    }
    assert!(server.requests().iter().all(|request| request.method != "POST" && request.method != "PUT"));
    assert!(server.files("models/keel/adapter", "main").is_none());

    let sent = place.publish(&["one", "--to", "keel/adapter", "--license", "mit"]);
    assert!(sent.status.success(), "{}", text(&sent));
    assert!(text(&sent).contains("one: 3 files at "), "{}", text(&sent));
    let files = server.files("models/keel/adapter", "main").unwrap();
    let names: Vec<&str> = files.keys().map(String::as_str).collect();
    assert_eq!(names, [".gitattributes", "README.md", "adapter_config.json", "adapter_model.safetensors"]);
    let card = String::from_utf8(files["README.md"].clone()).unwrap();
    for part in [
        "base_model: keel/small\nbase_model_relation: adapter\nlicense: mit\n",
        "datasets:\n- keel/words\n",
        "interval_95_low",
    ] {
        assert!(card.contains(part), "{part}: {card}");
    }
    let config = String::from_utf8(files["adapter_config.json"].clone()).unwrap();
    assert!(config.contains("\"base_model_name_or_path\": \"keel/small\""), "{config}");
    let again = place.publish(&["one", "--to", "keel/adapter", "--license", "mit", "--json"]);
    let again: serde_json::Value = serde_json::from_slice(&again.stdout).expect("JSON");
    assert_eq!(again["published"][0]["changed"], serde_json::json!([]), "{again}");

    let to = place.folder.path().join("got");
    let fetched =
        place.command(&["fetch", "keel/adapter", "--with-base", "--to", to.to_str().unwrap()]).output().unwrap();
    assert!(fetched.status.success(), "{}", text(&fetched));
    for name in &names[1..] {
        assert_eq!(std::fs::read(to.join(name)).unwrap(), files[*name], "{name}");
    }
    assert!(place.folder.path().join("got-base/model.safetensors").is_file());
    let token = |files: Vec<(PathBuf, Vec<u8>)>| {
        let has = |bytes: &[u8]| bytes.windows(TOKEN.len()).any(|window| window == TOKEN.as_bytes());
        files.into_iter().filter(|(_, bytes)| has(bytes)).map(|(path, _)| path).collect::<Vec<_>>()
    };
    assert_eq!(token(all_files(place.folder.path())), Vec::<PathBuf>::new(), "the token is in no file");
    check_card(&run.join("publish/one/README.md"), "keel/small");
}

/// The Hub's own Python client reads the card: its header, and each score as an `EvalResult`.
fn check_card(card: &Path, base: &str) {
    let Some(python) = std::env::var_os("EMAKEEL_PYTHON") else {
        return eprintln!("SKIPPED: EMAKEEL_PYTHON names no Python with huggingface_hub");
    };
    let script = "import sys; from huggingface_hub import ModelCard; card = ModelCard.load(sys.argv[1]).data\n\
        print(card.base_model, card.license, len(card.eval_results), card.eval_results[0].metric_args)";
    let mut command = Command::new(python);
    let output = command.args(["-c", script]).arg(card).env("HF_HUB_OFFLINE", "1").output().expect("Python runs");
    assert!(text(&output).starts_with(&format!("{base} mit ")), "{}", text(&output));
    assert!(text(&output).contains("interval_95_low"), "{}", text(&output));
}

#[test]
fn all_adapters_go_together_and_name_each_other_and_a_merged_model_goes_whole() {
    let place = Place::new();
    let server = &place.server;
    let sent = place.publish(&["--all", "--to", "keel", "--license", "mit", "--private"]);
    assert!(sent.status.success(), "{}", text(&sent));
    for name in ["study-one", "study-two"] {
        let files = server.files(&format!("models/keel/{name}"), "main").unwrap();
        let card = String::from_utf8_lossy(&files["README.md"]).into_owned();
        for sibling in ["keel/study-one", "keel/study-two"] {
            assert!(card.contains(&format!("(https://huggingface.co/{sibling})")), "{card}");
        }
    }
    let one = place.refused(&["--all", "--to", "keel/one", "--license", "mit"]);
    assert!(one.contains("a user or an organisation alone"), "{one}");
    let merged = place.publish(&["two+merged", "--to", "keel/whole", "--license", "mit"]);
    assert!(merged.status.success(), "{}", text(&merged));
    let files = server.files("models/keel/whole", "main").unwrap();
    for name in ["config.json", "model.safetensors", "tokenizer.json", "README.md"] {
        assert!(files.contains_key(name), "{name}: {:?}", files.keys());
    }
    assert!(!files.contains_key("stage.json"));
    let card = String::from_utf8_lossy(&files["README.md"]).into_owned();
    assert!(card.contains("library_name: transformers") && card.contains("base_model_relation: finetune"), "{card}");
}

#[test]
fn snapshots_and_full_tunes_are_published_as_models() {
    let place = Place::of(
        "pretrain: { tokens: 512, sequence_length: 64, batch: 4, mixture: { words: 1 } }\n\
         adapters:\n  whole: { on: base, method: full, tokens: 512, sequence_length: 64, batch: 4, mixture: { words: 1 } }\n",
    );
    for (candidate, name, sentence) in [
        ("pretrain@512", "keel/snapshot", "after 512 more tokens of pretraining"),
        ("whole", "keel/tune", "The full tune `whole`"),
    ] {
        let sent = place.publish(&[candidate, "--to", name, "--license", "mit"]);
        assert!(sent.status.success(), "{}", text(&sent));
        let files = place.server.files(&format!("models/{name}"), "main").unwrap();
        let card = String::from_utf8_lossy(&files["README.md"]).into_owned();
        assert!(
            card.contains("base_model: keel/small\nbase_model_relation: finetune\n") && card.contains(sentence),
            "{card}"
        );
        let to = place.folder.path().join(candidate);
        let fetched = place.command(&["fetch", name, "--to", to.to_str().unwrap()]).output().unwrap();
        assert!(fetched.status.success(), "{}", text(&fetched));
        let said = place.command(&[
            "generate",
            "--model",
            to.to_str().unwrap(),
            "--max-new-tokens",
            "4",
            "--raw",
            "sõna7 loeb",
        ]);
        let said = { said }.output().unwrap();
        assert!(said.status.success(), "{}", text(&said));
    }
}

#[test]
fn the_gate_lets_nothing_through_that_is_not_right() {
    let place = Place::new();
    let (run, server) = (place.run(), &place.server);
    let wanted = ["one", "--to", "keel/adapter", "--license", "mit"];
    let none = place.refused(&wanted[..3]);
    assert!(none.contains("no licence is said") && none.contains("--license NAME"), "{none}");
    let unknown = place.refused(&["one", "--to", "keel/adapter", "--license", "mine"]);
    assert!(unknown.contains("the licence is \"mine\""), "{unknown}");
    let other = place.refused(&["three", "--to", "keel/adapter", "--license", "mit"]);
    assert!(other.contains("it has one, two"), "{other}");
    let nowhere = place.refused(&["one", "--license", "mit"]);
    assert!(nowhere.contains("--to is missing"), "{nowhere}");

    let recipe = run.join("recipe.yaml");
    let kept = std::fs::read_to_string(&recipe).unwrap();
    std::fs::write(&recipe, format!("{kept}# {TOKEN}\n# from /home/mari/data\n")).unwrap();
    let secret = place.refused(&wanted);
    assert!(secret.contains("README.md has the token itself"), "{secret}");
    assert!(secret.contains("README.md has a path of this machine (/home/mari…)"), "all at once: {secret}");
    std::fs::write(&recipe, &kept).unwrap();

    let weights = run.join("adapters/one/adapter_model.safetensors");
    let whole = std::fs::read(&weights).unwrap();
    let mut changed = whole.clone();
    let end = changed.len();
    changed[end - 400..].chunks_exact_mut(4).for_each(|four| four.copy_from_slice(&3.0f32.to_le_bytes()));
    std::fs::write(&weights, &changed).unwrap();
    let differs = place.refused(&wanted);
    assert!(differs.contains("the largest difference between the logits"), "{differs}");
    changed[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    std::fs::write(&weights, &changed).unwrap();
    let broken = place.refused(&wanted);
    assert!(broken.contains("NaN or infinite"), "{broken}");
    std::fs::write(&weights, &whole).unwrap();

    std::fs::rename(run.join("adapters/two/stage.json"), run.join("kept.json")).unwrap();
    let unfinished = place.refused(&["--all", "--to", "keel", "--license", "mit"]);
    assert!(unfinished.contains("publish two  it is not finished"), "{unfinished}");
    assert!(server.files("models/keel/study-one", "main").is_none(), "one fails, none is sent");
    assert!(server.files("models/keel/adapter", "main").is_none());
    let sent = place.publish(&wanted);
    assert!(sent.status.success(), "what is right again goes: {}", text(&sent));
}

#[test]
fn a_fetch_that_was_cut_goes_on_and_what_is_no_model_is_said_so() {
    let place = Place::new();
    place.server.order("GET /cdn", 3, Order::Cut(2000));
    let to = place.folder.path().join("got");
    let cache = place.folder.path().join("other-cache");
    let fetch = |name: &str| {
        let mut command = program(&place.server.endpoint, &cache);
        command.args(["fetch", name, "--to", to.to_str().unwrap()]).output().unwrap()
    };
    let output = fetch("keel/small");
    assert!(output.status.success(), "each try goes on where the last one ended: {}", text(&output));
    let files = place.server.files(BASE, "main").unwrap();
    assert_eq!(std::fs::read(to.join("model.safetensors")).unwrap(), files["model.safetensors"]);
    place.server.commit("models/keel/nothing", &[("README.md", b"x")]);
    let nothing = fetch("keel/nothing");
    assert_eq!(nothing.status.code(), Some(1));
    assert!(text(&nothing).contains("neither adapter_config.json nor config.json"), "{}", text(&nothing));
    let missing = fetch("keel/none");
    assert!(text(&missing).contains("the model keel/none is not there"), "{}", text(&missing));
}
