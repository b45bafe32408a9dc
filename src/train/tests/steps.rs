//! Single steps: what may differ in how they are computed, and what may not.

use super::*;

/// Trains a fresh model on the first steps and returns the parameters and what each step said.
fn steps(training: &Training, dtype: DType, count: u64) -> (Vec<f32>, Vec<StepReport>) {
    let mut model = model(dtype);
    let parameters = model.train_all().unwrap();
    let mut trainer = Trainer::new(&parameters, training, Stream::new(1, "test")).unwrap();
    let data = Made::new(count);
    let reports =
        (0..count).map(|index| trainer.step(&model, index, &data.step(index).unwrap(), 1e-3).unwrap()).collect();
    (values(&parameters), reports)
}

fn largest_difference(left: &[f32], right: &[f32]) -> f32 {
    assert_eq!(left.len(), right.len());
    left.iter().zip(right).map(|(l, r)| (l - r).abs()).fold(0.0, f32::max)
}

#[test]
fn accumulated_micro_steps_are_one_big_batch() {
    // AdamW divides by the root of the second moment, which turns rounding of tiny gradients into whole updates, so
    // what is compared is the loss and the norm, and parameters under a large epsilon.
    let with = |micro_batch| {
        let mut training = Training { micro_batch, ..training() };
        training.optimizer.epsilon = 1e-3;
        steps(&training, DType::F32, 3)
    };
    let (one, reports) = with(4);
    for micro_batch in [1, 2, 3] {
        let (apart, apart_reports) = with(micro_batch);
        assert!(largest_difference(&one, &apart) <= 1e-6, "{}", largest_difference(&one, &apart));
        for (report, other) in reports.iter().zip(&apart_reports) {
            assert_eq!(report.targets, other.targets);
            assert!((report.loss - other.loss).abs() <= 1e-6 * report.loss, "{report:?} {other:?}");
            assert!((report.gradient_norm - other.gradient_norm).abs() <= 1e-6 * report.gradient_norm);
        }
    }
}

#[test]
fn the_optimizer_in_the_backward_pass_is_the_separate_one_bit_by_bit() {
    for dtype in [DType::F32, DType::BF16] {
        let with = |clip| {
            let mut training = Training { micro_batch: 4, ..training() };
            training.optimizer.clip = clip;
            steps(&training, dtype, 4)
        };
        // A clip that is never reached takes the separate path.
        let ((inside, inside_reports), (separate, separate_reports)) = (with(None), with(Some(1e9)));
        assert_eq!(inside, separate);
        for (inside, separate) in inside_reports.iter().zip(&separate_reports) {
            assert_eq!(inside.loss, separate.loss);
            assert!((inside.gradient_norm - separate.gradient_norm).abs() <= 1e-9 * separate.gradient_norm);
        }
    }
}

#[test]
fn recomputed_activations_change_no_bit() {
    let plain = steps(&training(), DType::F32, 3);
    assert_eq!(plain, steps(&Training { recompute: Recompute::All, ..training() }, DType::F32, 3));
}

#[test]
fn a_step_without_a_target_is_an_error() {
    let mut model = model(DType::F32);
    let parameters = model.train_all().unwrap();
    let training = training();
    let mut trainer = Trainer::new(&parameters, &training, Stream::new(1, "test")).unwrap();
    let masked = Sequence { trained: vec![false; 12], ..sequence(0) };
    let text = trainer.step(&model, 0, &[masked], 1e-3).unwrap_err().to_string();
    assert!(text.contains("no token of the step is a target"), "{text}");
}
