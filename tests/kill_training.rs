//! A training process that is killed at any moment, again and again, ends with the bytes of one that was not.
//!
//! The test starts itself as the process to be killed.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use candle_core::{DType, Device};
use emakeel::data::Sequence;
use emakeel::error::Result;
use emakeel::model::{Config, Llama};
use emakeel::progress::Progress;
use emakeel::random::Stream;
use emakeel::recipe::{
    Budget, ChatTemplate, Mixture, MixtureUnit, NewModel, NoTarget, OptimizerSettings, Packing, Recompute, Schedule,
    ScheduleKind, TooLong, TrainOn, Training,
};
use emakeel::train::{Job, Outcome, Steps, run};

const FOLDER: &str = "EMAKEEL_TEST_KILL_FOLDER";
const STEPS: u64 = 60;

/// Random ids; which ones follows from the step alone.
struct Made(Vec<Sequence>);

fn sequence(number: u64) -> Sequence {
    let ids = (0..16).map(|i| Stream::new(5, "ids").child(number).below_at(i, 50) as u32).collect();
    Sequence { ids, trained: (0..16).map(|i| i > 0).collect(), bounds: vec![0, 16], weights: Vec::new() }
}

impl Steps for Made {
    fn steps(&self) -> u64 {
        STEPS
    }

    fn step(&self, index: u64) -> Result<Vec<Sequence>> {
        Ok(vec![sequence(2 * index), sequence(2 * index + 1)])
    }

    fn tokens_after(&self, steps: u64) -> u64 {
        32 * steps
    }

    fn held_out(&self) -> &[Sequence] {
        &self.0
    }
}

fn train(folder: &Path) -> Outcome {
    let shape = NewModel {
        hidden_size: 32,
        intermediate_size: 48,
        layers: 2,
        heads: 4,
        key_value_heads: 2,
        max_position_embeddings: 16,
        tie_word_embeddings: true,
        rope_theta: 10_000.0,
        initializer_range: 0.05,
    };
    let config = Config::new(&shape, 50, None, Vec::new()).unwrap();
    let mut model = Llama::random(config, 1, DType::BF16, &Device::Cpu).unwrap();
    let parameters = model.train_all().unwrap();
    let training = Training {
        sequence_length: 16,
        batch: 2,
        micro_batch: 1,
        budget: Budget::Tokens(32 * STEPS),
        packing: Packing::Concat,
        too_long: TooLong::Error,
        no_target: NoTarget::Error,
        optimizer: OptimizerSettings {
            learning_rate: 1e-3,
            weight_decay: 0.1,
            beta1: 0.9,
            beta2: 0.95,
            epsilon: 1e-8,
            clip: Some(1.0),
            ..OptimizerSettings::default()
        },
        schedule: Schedule { kind: ScheduleKind::Linear, warmup: 0.1, final_learning_rate: 0.0 },
        template: ChatTemplate::Plain,
        train_on: TrainOn::Assistant,
        mixture: Mixture { parts: Vec::new(), by: MixtureUnit::Tokens, stopping: Default::default() },
        checkpoint_every: 2,
        evaluate_every: 3,
        held_out: 0.1,
        neftune_alpha: 0.0,
        recompute: Recompute::Nothing,
    };
    let job = Job {
        name: "pretrain",
        seed: 9,
        recompute: 0,
        training: &training,
        data: &Made(vec![sequence(1_000_000)]),
        snapshots: &[],
        inputs: &serde_json::json!({}),
        checkpoints: &folder.join("checkpoint"),
        log: &folder.join("log.jsonl"),
        events: &folder.join("tb"),
    };
    run(&model, &parameters, &job, &mut |_, _| Ok(()), &|| false, Progress::silent()).unwrap()
}

/// The process that is killed; as a test of its own it does nothing.
#[test]
fn the_process_that_is_killed() {
    if let Some(folder) = std::env::var_os(FOLDER) {
        train(Path::new(&folder));
    }
}

/// The end of a job: its last checkpoint, and its log without what a clock says.
fn end(folder: &Path) -> Vec<Vec<u8>> {
    let files = ["parameters.safetensors", "optimizer.safetensors", "state.json"];
    let mut end: Vec<Vec<u8>> = files
        .map(|name| std::fs::read(folder.join(format!("checkpoint/{STEPS}/{name}"))).unwrap())
        .into_iter()
        .collect();
    for line in std::fs::read_to_string(folder.join("log.jsonl")).unwrap().lines() {
        let mut line: serde_json::Map<String, serde_json::Value> = serde_json::from_str(line).unwrap();
        line.retain(|key, _| key != "seconds" && key != "tokens_per_s");
        end.push(serde_json::to_vec(&line).unwrap());
    }
    end
}

#[test]
fn a_process_killed_again_and_again_ends_with_the_same_bytes() {
    let whole = tempfile::tempdir().unwrap();
    assert!(matches!(train(whole.path()), Outcome::Done(_)));
    let killed = tempfile::tempdir().unwrap();
    let program = std::env::current_exe().unwrap();
    let mut kills = 0;
    // Delays that fall into start-up, steps and checkpoints; each process gets further than none.
    for attempt in 0u64.. {
        let mut process = Command::new(&program)
            .args(["--exact", "the_process_that_is_killed"])
            .env(FOLDER, killed.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let delay = 30 + Stream::new(77, "delay").below_at(attempt, 100) + attempt;
        std::thread::sleep(Duration::from_millis(delay));
        match process.try_wait().unwrap() {
            Some(status) => {
                assert!(status.success(), "attempt {attempt} failed");
                break;
            }
            None => {
                process.kill().unwrap();
                process.wait().unwrap();
                kills += 1;
            }
        }
    }
    assert!(kills >= 2, "the process was killed {kills} times only");
    assert!(end(whole.path()) == end(killed.path()), "after {kills} kills the bytes differ");
    println!("{kills} kills");
}
