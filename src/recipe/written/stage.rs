//! The keys of `pretrain` and of an entry of `adapters`: some of their own, and those that all training has.

use std::fmt;

use schemars::JsonSchema;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::super::count::Count;
use super::super::shapes::{Named, Words};
use super::super::training::{
    ChatTemplate, MixtureUnit, NoTarget, OptimizerKind, Packing, Quantization, Rounding, ScheduleKind,
    StoppingStrategy, TooLong, TrainOn,
};
use super::tokens::Tokens;

/// Declares the keys of a stage: those given, and those of every run of training.
///
/// One list of the shared keys, because serde cannot both flatten a struct and say where in it a mistake is.
macro_rules! stage {
    ($(#[$about:meta])* $stage:ident { $($(#[$doc:meta])* $key:ident: $kind:ty,)* }) => {
        $(#[$about])*
        #[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
        #[serde(deny_unknown_fields)]
        pub(crate) struct $stage {
            $($(#[$doc])* pub(crate) $key: Option<$kind>,)*
            /// What is trained on: a weight for each source, or for each an amount for one time through the mixture,
            /// such as `{ rows: 10K }`, `{ tokens: 1B }` or `{ epochs: 2 }`. Weights need not sum to 1. A part whose
            /// source is bitext may have a ratio: `{ weight: 0.2, ratio: "1:3" }`.
            pub(crate) mixture: Option<Named<Part>>,
            /// What a weight is a share of. Default: tokens.
            pub(crate) mixture_by: Option<MixtureUnit>,
            /// When one time through a mixture of weights ends: with the first source that has been read whole for its
            /// weight, or with the last, the others beginning again or not. Default: first-exhausted.
            pub(crate) stopping_strategy: Option<StoppingStrategy>,
            /// Tokens in a sequence. Default: 1024.
            pub(crate) sequence_length: Option<Count>,
            /// Sequences in a step, that is in one update of the parameters. Default: 256 for pretraining, 128 for
            /// adapters.
            pub(crate) batch: Option<Count>,
            /// Sequences in a micro-step, that is in one forward and backward pass; divides `batch`. Changes memory
            /// and speed, not the result. Default: the most that keep a micro-step within 8192 tokens.
            pub(crate) micro_batch: Option<Count>,
            /// How documents fill sequences. Default: concat for pretraining, best-fit for adapters.
            pub(crate) packing: Option<Packing>,
            /// What to do with a row that is longer than a sequence (`packing: best-fit`). Default: drop.
            pub(crate) too_long: Option<TooLong>,
            /// What to do with a row that has no token to train on. Default: error.
            pub(crate) no_target: Option<NoTarget>,
            /// How conversations become text: a format by name, `model` for the chat template of the base's own
            /// tokenizer, or the path of a `.jinja` file. Default: plain for pretraining, llammas-chat for adapters.
            pub(crate) template: Option<ChatTemplate>,
            /// Whose words are trained on: all that the `assistant` says, only the `last` of it, or `all` tokens but
            /// BOS. Default: assistant.
            pub(crate) train_on: Option<TrainOn>,
            /// The optimizer.
            pub(crate) optimizer: Option<Optimizer>,
            /// The learning rate over the steps.
            pub(crate) schedule: Option<Schedule>,
            /// Steps between checkpoints: what an interrupted run loses at most. Default: 100.
            pub(crate) checkpoint_every: Option<Count>,
            /// Share of the rows of each source that is held out of training and used for the evaluation loss, at
            /// most 0.5. Default: 0; 0.01 where `evaluate_every` is given.
            pub(crate) held_out: Option<f64>,
            /// Steps between evaluations of the held-out loss; 0 never evaluates. Default: 0; 100 where `held_out` is
            /// given.
            pub(crate) evaluate_every: Option<Count>,
            /// Noise on the embeddings while training (NEFTune): uniform in ±alpha/√(tokens of the document · hidden
            /// size). 5 to 15 are common. Default: 0, none.
            pub(crate) neftune_alpha: Option<f64>,
            /// Recompute the activations of all layers in the backward pass instead of keeping them: less memory, a
            /// third more work, the same result. Default: of as many layers as `memory` asks for.
            pub(crate) recompute: Option<bool>,
            /// Memory that training may take, such as 2GiB: as few layers as that takes are computed again. Default:
            /// what is free when the stage begins.
            pub(crate) memory: Option<Count>,
        }
    };
}

/// Takes the shared keys out of a stage and puts them back.
macro_rules! shared_keys {
    ($stage:ident) => {
        impl $stage {
            /// The keys that all training has.
            pub(crate) fn training(&self) -> Training {
                Training {
                    mixture: self.mixture.clone(),
                    mixture_by: self.mixture_by,
                    stopping_strategy: self.stopping_strategy,
                    sequence_length: self.sequence_length,
                    batch: self.batch,
                    micro_batch: self.micro_batch,
                    packing: self.packing,
                    too_long: self.too_long,
                    no_target: self.no_target,
                    template: self.template.clone(),
                    train_on: self.train_on,
                    optimizer: self.optimizer.clone(),
                    schedule: self.schedule.clone(),
                    checkpoint_every: self.checkpoint_every,
                    held_out: self.held_out,
                    evaluate_every: self.evaluate_every,
                    neftune_alpha: self.neftune_alpha,
                    recompute: self.recompute,
                    memory: self.memory,
                }
            }

            /// Takes over the keys that all training has.
            pub(crate) fn with_training(mut self, training: Training) -> Self {
                self.mixture = training.mixture;
                self.mixture_by = training.mixture_by;
                self.stopping_strategy = training.stopping_strategy;
                self.sequence_length = training.sequence_length;
                self.batch = training.batch;
                self.micro_batch = training.micro_batch;
                self.packing = training.packing;
                self.too_long = training.too_long;
                self.no_target = training.no_target;
                self.template = training.template;
                self.train_on = training.train_on;
                self.optimizer = training.optimizer;
                self.schedule = training.schedule;
                self.checkpoint_every = training.checkpoint_every;
                self.held_out = training.held_out;
                self.evaluate_every = training.evaluate_every;
                self.neftune_alpha = training.neftune_alpha;
                self.recompute = training.recompute;
                self.memory = training.memory;
                self
            }
        }
    };
}

stage! {
    /// The keys that all training has, by themselves.
    Training {}
}

stage! {
    /// Continued pretraining of all parameters.
    Pretrain {
        /// Tokens to read in all, such as 5B. Required.
        tokens: Count,
        /// Token counts at which the model is kept, ascending; adapters can stand on each (`on: pretrain@1B`), and
        /// each is compared. The end of training is always one. Default: only the end.
        snapshots: Vec<Count>,
    }
}

stage! {
    /// One adapter, or one for each model that it is trained on.
    Adapter {
        /// The model it is trained on: `base`, `pretrain` (the last snapshot), `pretrain@1B`, or a list of them: one
        /// adapter each. Default: pretrain if the recipe has it, else base.
        on: Words,
        /// The adapter it goes on from, by name; that one must be trained on the same model. Default: none.
        start_from: String,
        /// What is trained: an adapter of one of these kinds, or all parameters (`full`). Default: lora.
        method: MethodWord,
        /// Rank of the update. Default: 64; 256 for `method: vera`.
        rank: Count,
        /// The update is multiplied by alpha / rank. Default: 16.
        alpha: f64,
        /// Probability that an input of the adapter is set to zero while training. Default: 0.1; 0 for
        /// `method: vera`.
        dropout: f64,
        /// The modules that get an adapter, as PEFT has it: `all-linear`, a list of names such as `[q_proj, v_proj]`,
        /// which may have `embed_tokens`, or one text, a regular expression for the whole path. Default: all-linear.
        targets: Words,
        /// Modules that get no adapter though `targets` has them, in the same forms. Default: none.
        exclude: Words,
        /// The layers whose modules get an adapter, numbered from 0, such as `[0, 1, 30, 31]`. Default: all.
        layers: Vec<Count>,
        /// With `method: ia3`, the modules whose inputs are scaled instead of their outputs, by name. Default:
        /// down_proj.
        feedforward: Words,
        /// Modules that are trained whole beside the adapter and saved with it, by the ends of their paths, as PEFT has it:
        /// `[embed_tokens, lm_head]` for a new vocabulary, or norms, or linear modules. Default: none.
        modules_to_save: Words,
        /// Token ids whose rows of the embedding are trained and saved with the adapter: a list of ids and ranges such
        /// as `[5, "32000-32999"]`, or `{ embed_tokens: [5], lm_head: [5] }` for those of the head as well. Default:
        /// none.
        trainable_tokens: Tokens,
        /// Ranks of some modules, by a name or a regular expression for the end of the path: `{ down_proj: 16 }`.
        rank_pattern: Named<Count>,
        /// Alphas of some modules, likewise.
        alpha_pattern: Named<f64>,
        /// Multiply by alpha / √rank instead. Default: false.
        rslora: bool,
        /// What the factors begin as: `kaiming`, `gaussian`, `pissa`, `pissa_niter_16`, `olora`, `loftq` or
        /// `loftq_iter_5`. Default: kaiming.
        init: String,
        /// The learning rate of the factors B is this times that of A (LoRA+), such as 16. Default: 1.
        lora_plus_ratio: f64,
        /// How the weights of the model's linear modules are kept while the adapter is trained on them: as they are
        /// (`none`), in 4 bits (`nf4`, QLoRA), which is about a quarter of bf16, or in 8 bits (`int8`, the weights of
        /// LLM.int8), which is about a half. Default: none.
        quantization: Quantization,
        /// Times through the mixture. Default: 3, unless `tokens` is given.
        epochs: f64,
        /// Tokens to read in all, instead of `epochs`.
        tokens: Count,
    }
}

shared_keys!(Pretrain);
shared_keys!(Adapter);

/// What is trained.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum MethodWord {
    /// Low-rank adapters; the model itself stays as it is.
    Lora,
    /// Low-rank adapters of which only the second factor is trained.
    LoraFa,
    /// Low-rank adapters, and the length of each row of the weights.
    Dora,
    /// A factor for each output of some modules, and for each input of others: (IA)³.
    Ia3,
    /// Two vectors for each module, of an update whose random factors all modules share.
    Vera,
    /// All parameters.
    Full,
}

/// A part of a mixture: a weight, or a map with it or an amount.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(untagged)]
pub(crate) enum Part {
    /// The weight.
    Weight(f64),
    /// The weight or an amount, and for bitext the ratio.
    Keys(PartKeys),
}

/// A part of a mixture, key by key. One of `weight`, `rows`, `tokens` and `epochs` is required.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PartKeys {
    /// Its share of the mixture.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) weight: Option<f64>,
    /// Rows for one time through the mixture; where the source has fewer, it begins again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rows: Option<Count>,
    /// Tokens for one time through the mixture, to the nearest row.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tokens: Option<Count>,
    /// Times through the source for one time through the mixture, such as 2 or 0.5.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) epochs: Option<f64>,
    /// Translation instructions from the first language to the second : from the second to the first, such as
    /// `"1:3"`. Of a list, each ratio makes an adapter of its own, named by the entry and the ratio. Default: 1:1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Words")]
    pub(crate) ratio: Option<String>,
}

impl<'de> Deserialize<'de> for Part {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PartVisitor;

        impl<'de> Visitor<'de> for PartVisitor {
            type Value = Part;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a weight such as 0.5, or a map with keys of weight, rows, tokens, epochs, ratio")
            }

            fn visit_u64<E>(self, weight: u64) -> Result<Part, E> {
                Ok(Part::Weight(weight as f64))
            }

            fn visit_i64<E>(self, weight: i64) -> Result<Part, E> {
                Ok(Part::Weight(weight as f64))
            }

            fn visit_f64<E>(self, weight: f64) -> Result<Part, E> {
                Ok(Part::Weight(weight))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Part, A::Error> {
                PartKeys::deserialize(MapAccessDeserializer::new(map)).map(Part::Keys)
            }
        }

        deserializer.deserialize_any(PartVisitor)
    }
}

/// The optimizer and its numbers.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Optimizer {
    /// `adamw` keeps both moments in f32, `adamw-8bit` in a quarter of that. Default: adamw.
    pub(crate) kind: Option<OptimizerKind>,
    /// How parameters of bf16 follow updates smaller than their own steps: rounded from a `master` copy in f32, or
    /// without one and by chance (`stochastic`). LoRA's factors are f32 and need neither. Default: master.
    pub(crate) rounding: Option<Rounding>,
    /// Keep the optimizer's state in the host's memory and bring each part to the GPU for its update only. With
    /// `clip: 0` and one micro-step a step, that happens beside the backward pass. Default: false.
    pub(crate) offload: Option<bool>,
    /// The highest learning rate. Default: 2e-5 where all parameters are trained, 2e-4 for LoRA.
    pub(crate) learning_rate: Option<f64>,
    /// Decoupled weight decay, on matrices only. Default: 0.1 for pretraining, 0 for adapters.
    pub(crate) weight_decay: Option<f64>,
    /// Decay of the first moment. Default: 0.9.
    pub(crate) beta1: Option<f64>,
    /// Decay of the second moment. Default: 0.95 for pretraining, 0.999 for adapters.
    pub(crate) beta2: Option<f64>,
    /// Added to the root of the second moment. Default: 1e-8.
    pub(crate) epsilon: Option<f64>,
    /// Largest norm of the gradient of a step; longer ones are scaled down to it. 0 does not clip. Default: 1.
    pub(crate) clip: Option<f64>,
}

impl Optimizer {
    /// Fills what is not given from the defaults.
    pub(crate) fn or(self, defaults: Self) -> Self {
        Self {
            kind: self.kind.or(defaults.kind),
            rounding: self.rounding.or(defaults.rounding),
            offload: self.offload.or(defaults.offload),
            learning_rate: self.learning_rate.or(defaults.learning_rate),
            weight_decay: self.weight_decay.or(defaults.weight_decay),
            beta1: self.beta1.or(defaults.beta1),
            beta2: self.beta2.or(defaults.beta2),
            epsilon: self.epsilon.or(defaults.epsilon),
            clip: self.clip.or(defaults.clip),
        }
    }
}

/// The learning rate over the steps.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Schedule {
    /// Its shape after warmup. Default: linear.
    pub(crate) kind: Option<ScheduleKind>,
    /// Share of all steps spent going up from zero, at least 0 and less than 1. Default: 0.03.
    pub(crate) warmup: Option<f64>,
    /// The rate at the last step. Default: a tenth of the learning rate for pretraining, 0 for adapters.
    pub(crate) final_learning_rate: Option<f64>,
}

impl Schedule {
    /// Fills what is not given from the defaults.
    pub(crate) fn or(self, defaults: Self) -> Self {
        Self {
            kind: self.kind.or(defaults.kind),
            warmup: self.warmup.or(defaults.warmup),
            final_learning_rate: self.final_learning_rate.or(defaults.final_learning_rate),
        }
    }
}
