//! What was measured: as JSON and for people.

use crate::train::Plan;
use std::collections::BTreeMap;
use std::fmt::Write;

use serde::Serialize;

use super::flops::Amount;
use super::timing::Timing;
use crate::progress::short_count;

/// What was measured, and how. Times are in seconds; a field that does not go with the method is absent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Figures {
    /// What was measured: lora, full, generate or adapters.
    pub method: String,
    /// The folder or the shape.
    pub model: String,
    /// Parameters of the model, without adapters.
    pub parameters: usize,
    /// Parameters that are trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trainable: Option<usize>,
    /// Where it ran.
    pub device: String,
    /// What weights and activations were stored as.
    pub dtype: String,
    /// Threads of the pool.
    pub threads: usize,
    /// How the work was asked for.
    #[serde(flatten)]
    pub work: Work,
    /// Repetitions, the one not counted included.
    pub steps: usize,
    /// Tokens through the layers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tokens_per_s: Option<f64>,
    /// Rows of given lengths.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_s: Option<f64>,
    /// Tokens generated.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tokens_per_s: Option<f64>,
    /// The median step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_s: Option<f64>,
    /// The shortest step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_min_s: Option<f64>,
    /// The longest step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub step_max_s: Option<f64>,
    /// The parts of one step, in seconds: forward, head, backward, update.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub parts_s: BTreeMap<&'static str, f64>,
    /// The median repetition of the whole: all prompts answered, all adapters compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<f64>,
    /// Reading all adapters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub load_s: Option<f64>,
    /// Adapters compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub adapters: Option<usize>,
    /// Operations of a step or of the whole, in 10⁹, as `flops` counts them; the mean where steps differ.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflop: Option<f64>,
    /// The same a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gflops: Option<f64>,
    /// The share of the time inside matrix products; not known on a device, where they only start inside.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub matmul_share: Option<f64>,
    /// What the matrix product reaches on large matrices, in GFLOP/s.
    pub peak_gflops: f64,
    /// `gflops / peak_gflops`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_share: Option<f64>,
    /// `gflops` as a share of what the device's maker says, for devices whose data sheet is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mfu: Option<f64>,
    /// The most memory at one time, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub peak_mb: Option<f64>,
    /// The same as planned from the shapes alone, in MiB.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned_mb: Option<f64>,
    /// Layers that were computed again in the backward pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recomputed_layers: Option<usize>,
    /// Mean loss over the last step's targets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<f64>,
}

/// How the work was asked for; another program's figures must be of the same work.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Work {
    /// Rank of the adapter that is trained.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
    /// Sequences, or rows of given lengths, in a step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub batch: Option<usize>,
    /// Sequences in a micro-step.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub micro_batch: Option<usize>,
    /// Tokens in a sequence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sequence_length: Option<usize>,
    /// Whether layers are computed again in the backward pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recompute: Option<bool>,
    /// Prompts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompts: Option<usize>,
    /// Tokens of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prompt_tokens: Option<usize>,
    /// New tokens of each.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub new_tokens: Option<usize>,
}

/// Training steps that were timed.
pub struct Steps {
    /// Their times.
    pub timing: Timing,
    /// Whether all have the same work, so that the median stands for each.
    pub alike: bool,
    /// The work of all that count.
    pub amount: Amount,
    /// The rows of all that count.
    pub rows: usize,
}

impl Figures {
    /// Records steps and their operations, all together.
    pub fn record_steps(&mut self, steps: &Steps, operations: f64) {
        let timing = &steps.timing;
        let count = timing.count() as f64;
        let all = if steps.alike { timing.median() * count } else { timing.total() };
        let (shortest, longest) = timing.range();
        self.steps = timing.count() + 1;
        self.step_s = Some(timing.median());
        (self.step_min_s, self.step_max_s) = (Some(shortest), Some(longest));
        self.tokens_per_s = Some(steps.amount.tokens / all);
        self.rows_per_s = (!steps.alike).then(|| steps.rows as f64 / all);
        self.matmul_share = Some(timing.matmul_share());
        self.record_operations(operations / count, all / count);
    }

    /// Records repetitions of a whole.
    pub fn record_whole(&mut self, timing: &Timing) {
        self.steps = timing.count() + 1;
        self.seconds = Some(timing.median());
        self.matmul_share = Some(timing.matmul_share());
    }

    /// Records how many operations were done in how many seconds.
    pub fn record_operations(&mut self, operations: f64, seconds: f64) {
        self.gflop = Some(operations / 1e9);
        self.gflops = Some(operations / 1e9 / seconds);
    }

    /// Records how long the parts of a step took.
    pub fn record_parts(&mut self, parts: &[(&'static str, f64)]) {
        self.parts_s = parts.iter().copied().collect();
    }

    /// Records what was planned.
    pub fn record_plan(&mut self, plan: &Plan) {
        self.planned_mb = Some(plan.memory.total() as f64 / (1 << 20) as f64);
        self.recomputed_layers = Some(plan.recomputed);
    }

    /// Records what the machine can do.
    pub fn record_machine(&mut self, peak_gflops: f64, peak_mb: Option<f64>, data_sheet: Option<f64>) {
        self.peak_gflops = peak_gflops;
        self.peak_share = self.gflops.map(|gflops| gflops / peak_gflops);
        self.mfu = self.gflops.zip(data_sheet).map(|(gflops, peak)| gflops * 1e9 / peak);
        self.peak_mb = peak_mb;
    }

    /// The figures for people, a line each.
    pub fn to_text(&self) -> String {
        let mut text = format!("{}\n", self.title());
        let mut line = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                // Writing to a string does not fail.
                let _ = write!(text, "\n{name:<17}{value}");
            }
        };
        let rate = |rate: Option<f64>, unit: &str| rate.map(|rate| format!("{} {unit}", significant(rate)));
        line("training", self.tokens_per_s.filter(|_| self.step_s.is_some()).map(|r| format!("{r:.0} tokens/s")));
        line("scoring", self.tokens_per_s.filter(|_| self.step_s.is_none()).map(|r| format!("{r:.0} tokens/s")));
        line("rows", rate(self.rows_per_s, "rows/s"));
        line("generation", self.new_tokens_per_s.map(|r| format!("{r:.0} new tokens/s")));
        line("step", self.step_time());
        line("parts", self.parts());
        line("whole", rate(self.seconds, "s (median)"));
        line("reading adapters", rate(self.load_s, "s"));
        let of_step = self.gflop.map_or(String::new(), |gflop| format!(" ({} GFLOP each time)", significant(gflop)));
        line("arithmetic", self.gflops.map(|gflops| format!("{} GFLOP/s{of_step}", significant(gflops))));
        line("in matmul", self.matmul_share.map(|share| format!("{:.1} % of the time", 100.0 * share)));
        let reached = self.peak_share.map(|share| format!("; reached: {:.1} % of it", 100.0 * share));
        let peak =
            format!("{} GFLOP/s on large matrices{}", significant(self.peak_gflops), reached.unwrap_or_default());
        line("matmul peak", Some(peak));
        line("MFU", self.mfu.map(|share| format!("{:.1} % of the data sheet's peak", 100.0 * share)));
        line("peak memory", Some(self.peak_mb.map_or("not known on this system".into(), |mb| format!("{mb:.0} MiB"))));
        line(
            "planned",
            self.planned_mb
                .map(|mb| format!("{mb:.0} MiB, {} layers computed again", self.recomputed_layers.unwrap_or(0))),
        );
        text
    }

    fn title(&self) -> String {
        let Work { rank, batch, micro_batch, sequence_length, prompts, prompt_tokens, new_tokens, .. } = &self.work;
        let mut parts = vec![format!("{} on {}", self.method, self.model)];
        parts.extend(rank.map(|rank| format!("rank {rank}")));
        let parameters = short_count(self.parameters as u64);
        let trained = self.trainable.map(|count| format!(", {} trained", short_count(count as u64)));
        parts.push(format!("{parameters} parameters{}", trained.unwrap_or_default()));
        parts.extend(batch.zip(*sequence_length).map(|(batch, length)| match self.rows_per_s {
            Some(_) => format!("{batch} rows a step in sequences of {length} tokens"),
            None => format!("{batch} × {length} tokens"),
        }));
        parts.extend(micro_batch.filter(|size| Some(*size) != *batch).map(|size| format!("{size} at a time")));
        parts.extend(
            prompts.zip(*prompt_tokens).map(|(prompts, tokens)| format!("{prompts} prompts × {tokens} tokens")),
        );
        parts.extend(new_tokens.map(|tokens| format!("{tokens} new tokens each")));
        parts.extend(self.adapters.map(|count| format!("{count} adapters")));
        let threads = if self.threads == 1 { "1 thread".into() } else { format!("{} threads", self.threads) };
        format!(
            "{}, {} on {}, {threads}; {} times, the first not counted",
            parts.join(", "),
            self.dtype,
            self.device,
            self.steps
        )
    }

    fn parts(&self) -> Option<String> {
        let all: f64 = self.parts_s.values().sum();
        let share = |name: &str| {
            let seconds = self.parts_s.get(name)?;
            Some(format!("{name} {} s ({:.0} %)", significant(*seconds), 100.0 * seconds / all))
        };
        let parts: Vec<String> = ["forward", "head", "backward", "update"].into_iter().filter_map(share).collect();
        (all > 0.0).then(|| parts.join(", "))
    }

    fn step_time(&self) -> Option<String> {
        let (shortest, longest) = (self.step_min_s?, self.step_max_s?);
        let [median, shortest, longest] = [self.step_s?, shortest, longest].map(significant);
        Some(format!("{median} s (median; {shortest} to {longest})"))
    }
}

/// A number with three digits that count, without an exponent.
pub fn significant(value: f64) -> String {
    if !value.is_finite() || value == 0.0 {
        return format!("{value}");
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 9) as usize;
    format!("{value:.digits$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_digits_count() {
        let cases = [(0.001234, "0.00123"), (1.2345, "1.23"), (98.76, "98.8"), (1234.5, "1234"), (0.0, "0")];
        for (value, text) in cases {
            assert_eq!(significant(value), text);
        }
    }
}
