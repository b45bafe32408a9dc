//! The learning rate at each step: up from zero during warmup, then down to the final rate.
//!
//! The shapes are those of the `get_scheduler` function of transformers, so that a recipe can be
//! compared with a run of `Trainer` step by step. As there, the final rate is the one *after* the last
//! step: the last step itself still runs at a rate a little above it.

use crate::recipe::{Schedule, ScheduleKind};

/// A learning rate for each step of a run of known length.
#[derive(Debug, Clone)]
pub struct LearningRate {
    kind: ScheduleKind,
    peak: f64,
    last: f64,
    warmup: u64,
    steps: u64,
}

impl LearningRate {
    /// The schedule of a run of `steps` steps that goes up to `peak`.
    ///
    /// # Units
    /// Warmup lasts `⌈schedule.warmup × steps⌉` steps, as the `warmup_ratio` of `Trainer` does.
    pub fn new(schedule: &Schedule, peak: f64, steps: u64) -> Self {
        let warmup = (schedule.warmup * steps as f64).ceil() as u64;
        Self { kind: schedule.kind, peak, last: schedule.final_learning_rate, warmup, steps }
    }

    /// The rate at a step, counted from 0.
    pub fn at(&self, step: u64) -> f64 {
        if step < self.warmup {
            return self.peak * step as f64 / self.warmup as f64;
        }
        let length = self.steps.saturating_sub(self.warmup).max(1) as f64;
        let done = ((step - self.warmup) as f64 / length).min(1.0);
        let share = match self.kind {
            ScheduleKind::Constant => return self.peak,
            ScheduleKind::Linear => 1.0 - done,
            ScheduleKind::Cosine => 0.5 * (1.0 + (std::f64::consts::PI * done).cos()),
        };
        self.last + (self.peak - self.last) * share
    }

    /// Steps that go up.
    pub fn warmup_steps(&self) -> u64 {
        self.warmup
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(kind: ScheduleKind, warmup: f64, last: f64, steps: u64) -> Vec<f64> {
        let schedule = Schedule { kind, warmup, final_learning_rate: last };
        let rate = LearningRate::new(&schedule, 2e-4, steps);
        (0..steps).map(|step| rate.at(step)).collect()
    }

    /// Golden values: `transformers.get_scheduler` 5.23, read from the optimizer before each step.
    fn assert_golden(rates: &[f64], golden: &[f64]) {
        assert_eq!(rates.len(), golden.len());
        for (step, (rate, golden)) in rates.iter().zip(golden).enumerate() {
            assert!((rate - golden).abs() <= 1e-15, "step {step}: {rate} is not {golden}");
        }
    }

    #[test]
    fn linear_is_that_of_transformers() {
        let golden = [
            0.0,
            6.666666666666667e-05,
            0.00013333333333333334,
            0.0002,
            0.00017142857142857143,
            0.00014285714285714287,
            0.00011428571428571428,
            8.571428571428571e-05,
            5.714285714285714e-05,
            2.857142857142857e-05,
        ];
        assert_golden(&rates(ScheduleKind::Linear, 0.3, 0.0, 10), &golden);
        assert_golden(&rates(ScheduleKind::Linear, 0.0, 0.0, 7), &golden[3..]);
    }

    #[test]
    fn cosine_is_that_of_transformers() {
        let golden = [
            0.0,
            6.666666666666667e-05,
            0.00013333333333333334,
            0.0002,
            0.0001900968867902419,
            0.00016234898018587337,
            0.00012225209339563145,
            7.774790660436858e-05,
            3.7651019814126654e-05,
            9.903113209758096e-06,
        ];
        assert_golden(&rates(ScheduleKind::Cosine, 0.3, 0.0, 10), &golden);
        // cosine_with_min_lr, 2 warmup steps of 8, min_lr 2e-5
        let with_floor = [
            0.0,
            0.0001,
            0.0002,
            0.0001879422863405995,
            0.000155,
            0.00011000000000000002,
            6.500000000000002e-05,
            3.205771365940052e-05,
        ];
        assert_golden(&rates(ScheduleKind::Cosine, 0.25, 2e-5, 8), &with_floor);
    }

    #[test]
    fn constant_stays_at_the_peak_after_warmup() {
        let golden = [0.0, 6.666666666666667e-05, 0.00013333333333333334, 0.0002, 0.0002, 0.0002];
        assert_golden(&rates(ScheduleKind::Constant, 0.5, 0.0, 6), &golden);
    }

    #[test]
    fn linear_ends_one_step_above_the_final_rate() {
        let rates = rates(ScheduleKind::Linear, 0.0, 2e-5, 100);
        assert_eq!(rates[0], 2e-4);
        assert!((rates[99] - (2e-5 + 1.8e-4 / 100.0)).abs() < 1e-15);
    }

    #[test]
    fn warmup_rounds_up_and_a_run_of_one_step_has_a_rate() {
        let schedule = Schedule { kind: ScheduleKind::Linear, warmup: 0.03, final_learning_rate: 0.0 };
        assert_eq!(LearningRate::new(&schedule, 1.0, 101).warmup_steps(), 4);
        let no_warmup = Schedule { warmup: 0.0, ..schedule };
        assert_eq!(LearningRate::new(&no_warmup, 1.0, 1).at(0), 1.0);
        assert_eq!(LearningRate::new(&no_warmup, 1.0, 0).at(0), 1.0);
    }
}
