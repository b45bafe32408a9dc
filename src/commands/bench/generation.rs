//! Generation: prompts side by side, the likeliest token each time, without an end.

use super::figures::Figures;
use super::timing::Timing;
use super::{Place, flops, model, rows};
use crate::cli::BenchArgs;
use crate::error::Result;
use crate::model::Sampling;
use crate::progress::Progress;

/// How often all prompts are answered, if the flags do not say.
const TIMES: usize = 3;

/// Times generation.
///
/// # Errors
/// The model cannot be read; a logit is not a number.
pub fn run(args: &BenchArgs, place: &Place, figures: &mut Figures, progress: Progress) -> Result<()> {
    let model = model::open(args, place, args.prompt_tokens + args.new_tokens)?;
    figures.parameters = model.config.parameter_count();
    let prompts = rows::prompts(args.prompts, args.prompt_tokens, model.config.vocabulary);
    let sampling =
        Sampling { stop_ids: Vec::new(), rows_at_once: args.prompts, ..Sampling::greedy(&model, args.new_tokens) };
    let times = args.steps.unwrap_or(TIMES);
    let mut bar = progress.bar("bench", "prompts", 0, (times * args.prompts) as u64);
    let mut timing = Timing::default();
    for _ in 0..times {
        let texts = timing.time(|| model.generate(&prompts, &sampling, &|| false, &mut |_, _| {}))?;
        bar.advance(texts.len() as u64, "");
    }
    bar.finish("");
    let operations = flops::generation(&model.config, args.prompts, args.prompt_tokens, args.new_tokens);
    figures.record_whole(&timing);
    figures.new_tokens_per_s = Some((args.prompts * args.new_tokens) as f64 / timing.median());
    figures.record_operations(operations, timing.median());
    Ok(())
}
