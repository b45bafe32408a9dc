//! The keys of the kinds of adapters: what they mean, what is refused, and what is written out again.

use super::super::study::*;
use super::meaning::round_trip;
use super::mistakes_in_adapter;

fn adapter(keys: &str) -> AdapterPlan {
    let text = format!(
        "name: x\nbase: {{ model: m }}\nsources: {{ chat: {{ path: c.json, template: alpaca }} }}\n\
         adapters: {{ a: {{ mixture: {{ chat: 1 }}, {keys} }} }}\n"
    );
    round_trip(&text).study.adapters.remove(0)
}

fn lora(keys: &str) -> LoraSettings {
    match adapter(keys).method {
        Method::Lora(settings) => settings,
        Method::Full => panic!("all parameters are trained"),
    }
}

#[test]
fn keys_of_every_kind_come_back_from_the_resolved_recipe() {
    let names = |names: &[&str]| Targets::Names(names.iter().map(|name| (*name).to_owned()).collect());
    let some = lora(
        "method: dora, exclude: [mlp.up_proj], layers: [0, 1], rank_pattern: { down_proj: 16 }, \
         alpha_pattern: { down_proj: 32.5 }, init: gaussian, lora_plus_ratio: 16, neftune_alpha: 5",
    );
    let expected = LoraSettings {
        kind: AdapterKind::Dora,
        exclude: Some(names(&["mlp.up_proj"])),
        layers: Some(vec![0, 1]),
        rank_pattern: vec![("down_proj".into(), 16)],
        alpha_pattern: vec![("down_proj".into(), 32.5)],
        init: Initial::Gaussian,
        lora_plus_ratio: 16.0,
        ..LoraSettings::default()
    };
    assert_eq!(some, expected);
    assert_eq!(adapter("neftune_alpha: 5").training.neftune_alpha, 5.0);
    let scaled = lora("method: ia3");
    let targets = names(&["k_proj", "v_proj", "down_proj"]);
    assert_eq!(scaled, LoraSettings { kind: AdapterKind::Ia3, targets, dropout: 0.0, ..LoraSettings::default() });
    let shared = lora("method: vera, targets: [q_proj], exclude: [mlp.up_proj]");
    assert_eq!((shared.kind, shared.rank, shared.dropout), (AdapterKind::Vera, 256, 0.0));
    assert_eq!(lora("method: vera, rank: 16, dropout: 0.05").rank, 16);
    let words = [
        ("pissa", Initial::Pissa),
        ("pissa_niter_16", Initial::PissaRounds(16)),
        ("olora", Initial::Olora),
        ("loftq_iter_5, quantization: nf4", Initial::Loftq(5)),
        ("loftq, quantization: int8", Initial::Loftq(1)),
    ];
    for (word, init) in words {
        assert_eq!(lora(&format!("init: {word}, method: lora-fa")).init, init);
    }
    assert_eq!(lora("rank: 8, alpha: 4, init: pissa").saved(), (16, 8.0));
    assert_eq!(lora("quantization: int8").quantization, Quantization::Int8);
}

#[test]
fn whole_modules_and_rows_of_tokens_come_back_from_the_resolved_recipe() {
    let rows = |name: &str, ids: &[u32]| (name.to_owned(), ids.to_vec());
    assert_eq!(lora("modules_to_save: [embed_tokens, lm_head]").modules_to_save, ["embed_tokens", "lm_head"]);
    assert_eq!(lora("method: ia3, modules_to_save: norm").modules_to_save, ["norm"]);
    let some = lora("trainable_tokens: [7, \"100-103\", 5]").trainable_tokens;
    assert_eq!(some, [rows("embed_tokens", &[7, 100, 101, 102, 103, 5])]);
    let both = lora("trainable_tokens: { lm_head: [\"8 - 9\"], embed_tokens: [3] }").trainable_tokens;
    assert_eq!(both, [rows("lm_head", &[8, 9]), rows("embed_tokens", &[3])]);
    assert_eq!(lora("trainable_tokens: { lm_head: [3] }").trainable_tokens, [rows("lm_head", &[3])]);
}

#[test]
fn keys_that_do_not_go_together_are_refused() {
    for (keys, expected) in [
        ("method: ia3, rank: 8", "adapters.a.rank has no effect: method: ia3 has no low-rank update"),
        ("method: vera, alpha: 8", "adapters.a.alpha has no effect: method: vera has no scale"),
        ("method: vera, rank: 0", "adapters.a.rank is 0, must be at least 1"),
        ("method: vera, dropout: 1", "adapters.a.dropout is 1, must be at least 0 and less than 1"),
        ("feedforward: down_proj", "adapters.a.feedforward has no effect: only method: ia3 has it"),
        ("method: full, init: pissa", "adapters.a.init has no effect: method: full trains all parameters"),
        ("init: loftq", "adapters.a.init is loftq, must be another word where the model is not quantized"),
        ("init: olora, method: dora", "adapters.a.init is olora, must be kaiming or gaussian with method: dora"),
        ("init: pisa", "hint: did you mean pissa?"),
        ("lora_plus_ratio: 0", "adapters.a.lora_plus_ratio is 0, must be more than 0"),
        ("neftune_alpha: -1", "adapters.a.neftune_alpha is -1, must be at least 0"),
        ("modules_to_save: [norm, norm]", "adapters.a.modules_to_save.1 is norm, must be a module that is not there"),
        ("modules_to_save: [norm], method: full", "adapters.a.modules_to_save has no effect: method: full"),
        ("trainable_tokens: [5], method: ia3", "adapters.a.trainable_tokens has no effect: PEFT has it for LoRA only"),
        ("trainable_tokens: [5, \"4-6\"]", "adapters.a.trainable_tokens is the token id 5 twice, must be each id once"),
        ("trainable_tokens: { lm_head: [] }", "adapters.a.trainable_tokens.lm_head is empty, must be token ids"),
        ("trainable_tokens: [\"6-4\"]", "must be a token id such as 32000, or a range such as"),
        ("trainable_tokens: [\"0-4294967295\"]", "is 4294967296 token ids, must be those of some tokens"),
        ("trainable_tokens: 5", "adapters.a.trainable_tokens is 5, must be a list of token ids, or a map"),
        ("rank_pattern: { q_proj: 0 }", "adapters.a.rank_pattern.q_proj is 0, must be at least 1"),
    ] {
        let found = mistakes_in_adapter(keys);
        assert!(found.contains(expected), "{keys}: {found}");
    }
}
