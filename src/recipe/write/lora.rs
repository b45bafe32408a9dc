//! What an adapter trains, written out. Keys of the rarer kinds are written only where they say something.

use super::super::method::{AdapterKind, Initial, LoraSettings, Targets};
use super::super::shapes::{Named, Words};
use super::super::written::{Adapter, MethodWord, TokenIds, Tokens};
use super::{Count, count};

/// Writes the settings into an entry.
pub(super) fn keys(settings: &LoraSettings, written: &mut Adapter) {
    let default = LoraSettings::default();
    written.method = Some(match settings.kind {
        AdapterKind::Lora => MethodWord::Lora,
        AdapterKind::LoraFa => MethodWord::LoraFa,
        AdapterKind::Dora => MethodWord::Dora,
        AdapterKind::Ia3 => MethodWord::Ia3,
        AdapterKind::Vera => MethodWord::Vera,
    });
    written.targets = Some(words(&settings.targets));
    written.exclude = settings.exclude.as_ref().map(words);
    written.layers = settings.layers.as_ref().map(|layers| layers.iter().map(|layer| count(*layer)).collect());
    written.quantization = Some(settings.quantization);
    let modules = &settings.modules_to_save;
    written.modules_to_save = (!modules.is_empty()).then(|| Words::Many(modules.clone()));
    written.trainable_tokens = tokens(&settings.trainable_tokens);
    if settings.kind == AdapterKind::Ia3 {
        written.feedforward = Some(Words::Many(settings.feedforward.clone()));
        return;
    }
    written.rank = Some(count(settings.rank));
    written.dropout = Some(settings.dropout);
    if settings.kind == AdapterKind::Vera {
        return;
    }
    written.alpha = Some(settings.alpha);
    written.rslora = Some(settings.rslora);
    let ranks = settings.rank_pattern.iter().map(|(name, rank)| (name.clone(), Count(*rank as u64)));
    written.rank_pattern = (!settings.rank_pattern.is_empty()).then(|| Named(ranks.collect()));
    written.alpha_pattern = (!settings.alpha_pattern.is_empty()).then(|| Named(settings.alpha_pattern.clone()));
    written.init = (settings.init != Initial::Kaiming).then(|| settings.init.to_string());
    let ratio = settings.lora_plus_ratio;
    written.lora_plus_ratio = (ratio != default.lora_plus_ratio).then_some(ratio);
}

/// A bare list where it is all of the embedding's.
fn tokens(rows: &[(String, Vec<u32>)]) -> Option<Tokens> {
    match rows {
        [] => None,
        [(name, ids)] if name == "embed_tokens" => Some(Tokens::Embedding(TokenIds::of(ids))),
        rows => Some(Tokens::Of(Named(rows.iter().map(|(name, ids)| (name.clone(), TokenIds::of(ids))).collect()))),
    }
}

fn words(targets: &Targets) -> Words {
    match targets {
        Targets::AllLinear(_) => Words::One("all-linear".to_owned()),
        Targets::Names(names) => Words::Many(names.clone()),
        Targets::Pattern(pattern) => Words::One(pattern.clone()),
    }
}
