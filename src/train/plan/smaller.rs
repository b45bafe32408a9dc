//! What would fit, where a job does not.

use super::{Plan, Setup, Trained};
use crate::recipe::{OptimizerKind, Quantization, Recompute, Rounding, Training};

/// A job that needs less.
#[derive(Debug, Clone, PartialEq)]
pub struct Smaller {
    /// The changes of the recipe, key by key.
    pub changes: Vec<String>,
    /// What it needs then.
    pub plan: Plan,
}

/// What can be changed, and how much it is felt: what costs speed alone comes before what changes numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    Recompute,
    MicroBatch,
    Offload,
    EightBit,
    Stochastic,
    FourBit,
    InBackward,
}

const CHANGES: [(Change, u32); 7] = [
    (Change::Recompute, 1),
    (Change::MicroBatch, 2),
    (Change::Offload, 8),
    (Change::EightBit, 12),
    (Change::Stochastic, 13),
    (Change::FourBit, 14),
    (Change::InBackward, 20),
];

/// The least felt changes that bring a job within so many bytes, if any do.
pub fn smaller(setup: Setup<'_>, length: Option<(u64, u64)>, allowed: u64) -> Option<Smaller> {
    let possible: Vec<(Change, u32)> = CHANGES.into_iter().filter(|(change, _)| change.is_possible(setup)).collect();
    let mut sets: Vec<(u32, Vec<Change>)> = (1..1u32 << possible.len())
        .map(|set| {
            let chosen = possible.iter().enumerate().filter(|(bit, _)| set >> bit & 1 == 1).map(|(_, change)| change);
            (chosen.clone().map(|(_, felt)| felt).sum(), chosen.map(|(change, _)| *change).collect())
        })
        .collect();
    sets.sort_by_key(|(felt, _)| *felt);
    sets.into_iter().find_map(|(_, changes)| {
        let (mut training, mut trained) = (setup.training.clone(), setup.trained);
        let texts = changes.iter().map(|change| change.make(&mut training, &mut trained)).collect();
        let plan = Plan::new(Setup { training: &training, trained, ..setup }, length, Some(allowed));
        (plan.memory.safely() <= allowed).then_some(Smaller { changes: texts, plan })
    })
}

impl Change {
    fn is_possible(self, setup: Setup<'_>) -> bool {
        let Setup { training, trained, on_gpu, dtype, .. } = setup;
        let (optimizer, all) = (&training.optimizer, matches!(trained, Trained::All));
        match self {
            Self::Recompute => training.recompute == Recompute::Nothing,
            Self::MicroBatch => training.micro_batch > 1,
            Self::Offload => on_gpu && !optimizer.offload,
            Self::EightBit => optimizer.kind == OptimizerKind::Adamw,
            Self::Stochastic => all && dtype == candle_core::DType::BF16 && optimizer.rounding == Rounding::Master,
            Self::FourBit => {
                matches!(trained, Trained::Lora { quantization: Quantization::None | Quantization::Int8, .. })
            }
            Self::InBackward => all && (training.batch > training.micro_batch || optimizer.clip.is_some()),
        }
    }

    /// Makes the change; returns it as it is written in the recipe.
    fn make(self, training: &mut Training, trained: &mut Trained<'_>) -> String {
        match self {
            Self::Recompute => {
                training.recompute = Recompute::ToFit(None);
                "leave out recompute: false".to_owned()
            }
            Self::MicroBatch => {
                training.micro_batch = 1;
                "micro_batch: 1".to_owned()
            }
            Self::Offload => {
                training.optimizer.offload = true;
                "optimizer.offload: true".to_owned()
            }
            Self::EightBit => {
                training.optimizer.kind = OptimizerKind::Adamw8bit;
                "optimizer.kind: adamw-8bit".to_owned()
            }
            Self::Stochastic => {
                training.optimizer.rounding = Rounding::Stochastic;
                "optimizer.rounding: stochastic".to_owned()
            }
            Self::FourBit => {
                if let Trained::Lora { quantization, .. } = trained {
                    *quantization = Quantization::Nf4;
                }
                "quantization: nf4".to_owned()
            }
            Self::InBackward => {
                training.batch = training.micro_batch;
                training.optimizer.clip = None;
                format!("optimizer.clip: 0 and batch: {}, one micro-step", training.batch)
            }
        }
    }
}
