//! How many floating-point operations a piece of work needs, counted from the model's shape.
//!
//! A product of `[m, k]` and `[k, n]` is `2·m·n·k` operations. Counted is every product that the method needs, once:
//!
//! - each linear module, forward: `2·t·in·out` for `t` tokens; its input's gradient, the same again; its weight's
//!   gradient, where the weight is trained, the same again;
//! - LoRA of rank `r` on it: `2·t·r·(in + out)` forward, the same for the gradients of both factors, and the same for
//!   the update's part of the input's gradient, of which `2·t·r·out` is the gradient of `x·Aᵀ` and needed in any case;
//! - below the lowest trained module nothing: with LoRA the queries, keys and values of the first layer have no
//!   gradient of their input;
//! - the head, on the rows that predict something only: `2·rows·hidden·vocabulary` forward, for the gradient of the
//!   rows, and for that of its weight if it is trained;
//! - attention: two products of `2·width·pairs` forward and four backward, where `width` is that of all query heads and
//!   `pairs` is `n·(n + 1)/2` for each document of `n` tokens, since a token sees itself and those before it.
//!
//! What is computed a second time to save memory is not counted: the scores in attention's backward, or whole layers with
//! `--recompute`. Neither are norms, activations, the softmax, and the optimizer.

use crate::data::Sequence;
use crate::model::{Config, LAYER_PROJECTIONS};

/// What is trained, as far as it decides which products there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trained {
    /// Every weight.
    All,
    /// Low-rank updates of all linear modules but the head.
    Lora {
        /// Their rank.
        rank: usize,
    },
}

/// How much work a step has.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Amount {
    /// Tokens that go through the layers.
    pub tokens: f64,
    /// Rows that go through the head.
    pub targets: f64,
    /// Pairs of a token and one that it sees.
    pub pairs: f64,
}

impl Amount {
    /// The amount in some sequences.
    pub fn of(sequences: &[Sequence]) -> Self {
        let lengths = sequences.iter().flat_map(|sequence| sequence.bounds.windows(2));
        let pairs = lengths.map(|bounds| match bounds {
            [from, to] => causal_pairs((to - from) as usize),
            _ => 0.0,
        });
        Self {
            pairs: pairs.sum(),
            tokens: sequences.iter().map(Sequence::len).sum::<usize>() as f64,
            targets: sequences.iter().map(Sequence::targets).sum::<usize>() as f64,
        }
    }
}

impl std::ops::AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.tokens += other.tokens;
        self.targets += other.targets;
        self.pairs += other.pairs;
    }
}

fn causal_pairs(tokens: usize) -> f64 {
    (tokens * (tokens + 1)) as f64 / 2.0
}

/// The operations of one training step, forward and backward.
pub fn training(config: &Config, trained: Trained, amount: Amount) -> f64 {
    let mut layers = 0.0;
    for (place, [out, input]) in layer_modules(config).enumerate() {
        let area = out * input;
        layers += match trained {
            Trained::All => 3.0 * area,
            Trained::Lora { rank } => {
                let rank = rank as f64;
                let input_gradient = if place < 3 { 0.0 } else { area + rank * input };
                area + 2.0 * rank * (input + out) + rank * out + input_gradient
            }
        };
    }
    let of_head = if trained == Trained::All { 3.0 } else { 2.0 };
    let head = of_head * amount.targets * head_area(config);
    2.0 * (amount.tokens * layers + head + 6.0 * attention_product(config) * amount.pairs)
}

/// The operations of generating `new` tokens after each of some prompts of one length.
///
/// The last token of a text is not read again, and the head works on the last token of a prompt only.
pub fn generation(config: &Config, prompts: usize, prompt: usize, new: usize) -> f64 {
    let layers: f64 = layer_modules(config).map(|[out, input]| out * input).sum();
    let read = prompt + new.saturating_sub(1);
    let rows = prompts as f64;
    let head = rows * new as f64 * head_area(config);
    // Attention sees as much as if the whole text had been read at once.
    2.0 * (rows * read as f64 * layers + head + 2.0 * attention_product(config) * rows * causal_pairs(read))
}

/// The shapes `[out, in]` of the layers' linear modules, in the order of the forward pass.
fn layer_modules(config: &Config) -> impl Iterator<Item = [f64; 2]> + '_ {
    let of_layer = move || (0..LAYER_PROJECTIONS.len()).map(|which| config.projection_shape(which).map(|n| n as f64));
    (0..config.layers).flat_map(move |_| of_layer())
}

fn head_area(config: &Config) -> f64 {
    (config.vocabulary * config.hidden_size) as f64
}

/// Multiplications for each pair in one product of attention, all layers together.
fn attention_product(config: &Config) -> f64 {
    (config.layers * config.query_width()) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::shape;

    /// One layer, one head: four modules of 4 × 4, two of 8 × 4, one of 4 × 8, and a head of 10 × 4.
    fn config() -> Config {
        Config::new(&shape::parse("4/1/1/8/10", 16).unwrap().0, 10, None, vec![]).unwrap()
    }

    /// One document of three tokens, of which two are targets: 1 + 2 + 3 pairs.
    fn amount() -> Amount {
        let sequence =
            Sequence { ids: vec![1, 2, 3], trained: vec![false, true, true], bounds: vec![0, 3], weights: Vec::new() };
        let amount = Amount::of(&[sequence]);
        assert_eq!(amount, Amount { tokens: 3.0, targets: 2.0, pairs: 6.0 });
        amount
    }

    #[test]
    fn a_full_step_counted_by_hand() {
        // Modules: 4·16 + 3·32 = 160 multiplications a token, three times: 2·3·160·3 = 2880.
        // Head: 2·2·40, three times: 480. Attention: 2·4·6 = 48, six times: 288.
        assert_eq!(training(&config(), Trained::All, amount()), (2880 + 480 + 288) as f64);
    }

    #[test]
    fn a_lora_step_counted_by_hand() {
        // Forward: modules 2·3·160 = 960; update 2·3·2·(32 + 36) = 816; head 160; attention 96.
        let forward = 960 + 816 + 160 + 96;
        // Gradient of the input but for q, k and v, whose inputs sum to 12: modules 2·3·(160 − 48) = 672 and the update's
        // 2·3·2·(32 − 12) = 240. Of x·Aᵀ: 2·3·2·36 = 432. Factors: A 2·3·2·32 = 384, B 432. Head 160. Attention 192.
        let backward = 672 + 240 + 432 + 384 + 432 + 160 + 192;
        assert_eq!(training(&config(), Trained::Lora { rank: 2 }, amount()), (forward + backward) as f64);
    }

    #[test]
    fn a_generation_counted_by_hand() {
        // Two prompts of three tokens, two new ones each, of which the first is read: 2·(3 + 1) tokens through the layers,
        // 2·8·160; the head 4 times, 4·2·40; attention sees 1 + 2 + 3 + 4 pairs twice: 2 products · 2·4 · 20.
        assert_eq!(generation(&config(), 2, 3, 2), (2560 + 320 + 320) as f64);
    }

    #[test]
    fn a_packed_sequence_has_the_pairs_of_its_documents() {
        let sequence =
            Sequence { ids: vec![0; 5], trained: vec![false; 5], bounds: vec![0, 2, 5], weights: Vec::new() };
        assert_eq!(Amount::of(&[sequence.clone(), sequence]).pairs, 2.0 * (3.0 + 6.0));
    }
}
