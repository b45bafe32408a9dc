//! Whole jobs: stopped, killed, damaged, changed, and started again.

use super::*;

fn done(outcome: Outcome) -> Summary {
    match outcome {
        Outcome::Done(summary) => summary,
        Outcome::Interrupted(summary) => panic!("interrupted: {summary:?}"),
    }
}

#[test]
fn a_job_learns_and_leaves_its_log() {
    let place = Place::new();
    let before = evaluate(&model(DType::F32), &place.data.held_out, 2).unwrap();
    assert!((before - (VOCABULARY as f64).ln()).abs() < 1.0, "{before}");
    let summary = done(place.start(None).unwrap().0);
    assert_eq!((summary.step, summary.tokens, summary.resumed_from), (10, 480, 0));
    let log = place.log();
    assert_eq!(log.iter().map(|line| line.0).collect::<Vec<_>>(), (1..=10).collect::<Vec<_>>());
    assert_eq!(log[0].4, 0.0, "warmup starts from zero");
    // Evaluated at every second step and at each checkpoint: 3, 6, 9 and the last.
    let evaluated: Vec<u64> = log.iter().filter(|line| line.5.is_some()).map(|line| line.0).collect();
    assert_eq!(evaluated, [2, 3, 4, 6, 8, 9, 10]);
    assert_eq!(*place.made.borrow(), [200, 480]);
}

#[test]
fn a_job_stopped_and_started_again_ends_with_the_same_bytes() {
    let whole = Place::new();
    let (_, parameters) = whole.start(None).unwrap();
    for stop_after in [1, 3, 5, 9] {
        let parts = Place::new();
        let Outcome::Interrupted(summary) = parts.start(Some(stop_after)).unwrap().0 else { panic!() };
        assert_eq!(summary.step, stop_after);
        let (outcome, resumed) = parts.start(None).unwrap();
        assert_eq!(done(outcome).resumed_from, stop_after);
        assert_eq!(values(&parameters), values(&resumed));
        assert_same_files(&whole, &parts);
    }
}

#[test]
fn a_job_killed_twice_ends_with_the_same_bytes() {
    let whole = Place::new();
    whole.start(None).unwrap();
    for deaths in [[4, 7], [2, 9], [1, 1], [8, 8]] {
        let parts = Place::new();
        for death in deaths {
            parts.data.dies_at.set(Some(death));
            let text = parts.start(None).unwrap_err().to_string();
            assert_eq!(text, format!("general, step {}  killed", death + 1));
        }
        parts.data.dies_at.set(None);
        assert_eq!(done(parts.start(None).unwrap().0).resumed_from, deaths[1] / 3 * 3);
        assert_same_files(&whole, &parts);
    }
}

fn assert_same_files(whole: &Place, parts: &Place) {
    for file in ["parameters.safetensors", "optimizer.safetensors", "state.json"] {
        let name = format!("checkpoint/10/{file}");
        assert!(whole.file(&name) == parts.file(&name), "{name} differs");
    }
    assert_eq!(whole.log(), parts.log());
}

#[test]
fn a_damaged_checkpoint_costs_work_but_no_byte() {
    let whole = Place::new();
    whole.start(None).unwrap();
    let parts = Place::new();
    // Beside it there is at most the one of step 3, if that was the best.
    parts.start(Some(5)).unwrap();
    let path = parts.folder.path().join("checkpoint/5/optimizer.safetensors");
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&path, bytes).unwrap();
    let resumed_from = done(parts.start(None).unwrap().0).resumed_from;
    assert!(resumed_from < 5, "{resumed_from}");
    assert_same_files(&whole, &parts);
}

#[test]
fn a_finished_job_started_again_does_nothing() {
    let place = Place::new();
    let (_, parameters) = place.start(None).unwrap();
    let log = place.file("log.jsonl");
    let (outcome, again) = place.start(None).unwrap();
    let summary = done(outcome);
    assert_eq!((summary.step, summary.resumed_from, summary.loss), (10, 10, None));
    assert_eq!(values(&parameters), values(&again));
    assert_eq!(log, place.file("log.jsonl"));
    // The caller sees whether the snapshot is complete.
    assert_eq!(*place.made.borrow(), [200, 480, 480]);
}

#[test]
fn a_changed_recipe_is_refused_but_memory_and_intervals_may_change() {
    let mut place = Place::new();
    place.start(Some(4)).unwrap();
    place.training.optimizer.learning_rate = 2e-2;
    let text = place.start(None).unwrap_err().to_string();
    assert!(text.contains("optimizer.learning_rate was 0.01, is now 0.02"), "{text}");
    place.training.optimizer.learning_rate = 1e-2;
    place.inputs = json!({ "base": "other" });
    let text = place.start(None).unwrap_err().to_string();
    assert!(text.contains("others.base was \"random\", is now \"other\""), "{text}");
    place.inputs = json!({ "base": "random" });
    place.training.recompute = Recompute::All;
    place.training.checkpoint_every = 4;
    assert_eq!(done(place.start(None).unwrap().0).resumed_from, 4);
}

#[test]
fn the_best_checkpoint_is_kept_and_can_be_read() {
    let mut place = Place::new();
    // Far too high a rate: the held-out loss goes up at some point.
    place.training.optimizer.learning_rate = 0.3;
    let summary = done(place.start(None).unwrap().0);
    let best = summary.best.unwrap();
    let at_checkpoints: Vec<(u64, f64)> =
        place.log().iter().filter(|l| l.0 % 3 == 0 || l.0 == 10).map(|l| (l.0, l.5.unwrap())).collect();
    let lowest = at_checkpoints.iter().copied().reduce(|low, next| if next.1 < low.1 { next } else { low }).unwrap();
    assert_eq!((best.step, best.loss), lowest);
    assert!(best.step < 10, "the test wants a best checkpoint that is not the last");
    let mut model = model(DType::F32);
    let parameters = attach(&mut model);
    place.with_job(|job| load_best(&parameters, job, Progress::silent())).unwrap();
    let loss = evaluate(&model, &place.data.held_out, place.training.micro_batch).unwrap();
    assert!((loss - best.loss).abs() <= 1e-9, "{loss} is not {}", best.loss);

    let path = place.folder.path().join(format!("checkpoint/{}/parameters.safetensors", best.step));
    let mut bytes = std::fs::read(&path).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(place.with_job(|job| load_best(&parameters, job, Progress::silent())).is_err(), "damage is seen");
}

#[test]
fn a_number_that_is_not_finite_names_its_parameter_and_step() {
    for clip in [None, Some(1.0)] {
        let mut model = model(DType::F32);
        let parameters = model.train_all().unwrap();
        let place = Place::new();
        let mut training = Training { micro_batch: 4, ..training() };
        training.optimizer.clip = clip;
        let broken = parameters.entries().iter().position(|e| e.name == "model.layers.1.mlp.up_proj.weight").unwrap();
        let view = parameters.view(parameters.value(), broken).unwrap().flatten_all().unwrap();
        view.slice_set(&Tensor::new(&[f32::NAN], &Device::Cpu).unwrap(), 0, 3).unwrap();
        let text = place.with_job(|job| {
            let job = Job { training: &training, ..*job };
            run(&model, &parameters, &job, &mut |_, _| Ok(()), &|| false, Progress::silent()).unwrap_err().to_string()
        });
        assert!(
            text.contains("general, step 1: parameters that are not finite: model.layers.1.mlp.up_proj.weight"),
            "{text}"
        );
        assert!(!place.folder.path().join("checkpoint").exists(), "nothing of it is written");
    }
}
