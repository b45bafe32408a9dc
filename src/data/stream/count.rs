//! The ledger of a plan: what each source gives to the whole run.

use super::part::Part;
use super::rotation::Rotation;
use super::{Mixed, Plan};
use crate::data::ledger::{Ledger, SourceLedger};
use crate::recipe::{Amount, MixtureUnit, Training};

/// Completes the ledgers of the sources, which so far count their rows, with what the plan reads from each.
pub(super) fn ledger(
    stage: &str,
    training: &Training,
    mixed: &Mixed,
    plan: &Plan,
    tokens: &[u64],
    mut sources: Vec<SourceLedger>,
    held_out: usize,
) -> Ledger {
    for (source, ledger) in sources.iter_mut().enumerate() {
        match plan {
            Plan::Concat(plan) => {
                let (tokens, sequences, rows) = plan.read_from(mixed, source);
                ledger.tokens_read = tokens;
                ledger.trained_tokens = tokens - sequences;
                ledger.rows_read = rows;
            }
            Plan::BestFit(plan) => {
                let read = plan.read_from(source);
                ledger.tokens_read = read.tokens;
                ledger.trained_tokens = read.trained;
                ledger.rows_read = read.rows as f64;
            }
        }
        ledger.masked_tokens = ledger.tokens_read - ledger.trained_tokens;
        ledger.epochs = ledger.tokens_read as f64 / ledger.usable.tokens.max(1) as f64;
    }
    let measure = |ledger: &SourceLedger| match training.mixture.by {
        MixtureUnit::Tokens => ledger.tokens_read as f64,
        MixtureUnit::Rows => ledger.rows_read,
    };
    let all: f64 = sources.iter().map(measure).sum();
    for (ledger, asked) in sources.iter_mut().zip(asked(training.mixture.by, mixed)) {
        ledger.asked_share = asked;
        ledger.realised_share = measure(ledger) / all;
    }
    Ledger {
        stage: stage.to_owned(),
        by: training.mixture.by,
        steps: tokens.len() as u64 - 1,
        sequences: match plan {
            Plan::Concat(plan) => plan.sequences(),
            Plan::BestFit(plan) => plan.sequences(),
        },
        held_out_sequences: held_out as u64,
        sequence_length: training.sequence_length as u64,
        tokens: sources.iter().map(|ledger| ledger.tokens_read).sum(),
        trained_tokens: sources.iter().map(|ledger| ledger.trained_tokens).sum(),
        sources,
    }
}

/// The share that the recipe asks for of each source; amounts have that of one time through the mixture.
fn asked(by: MixtureUnit, mixed: &Mixed) -> Vec<f64> {
    let per_round = |rotation: &Rotation| match by {
        MixtureUnit::Tokens => rotation.tokens_per_round(),
        MixtureUnit::Rows => rotation.rows_per_round(),
    };
    let all: f64 = mixed.rotations.iter().map(per_round).sum();
    let of = |(part, rotation): (&Part, &Rotation)| match part.amount {
        Amount::Share(share) => share,
        Amount::Rows(_) | Amount::Tokens(_) | Amount::Epochs(_) => per_round(rotation) / all,
    };
    mixed.parts.iter().zip(&mixed.rotations).map(of).collect()
}
