//! A study whose adapters stand on a base in 8 bits, and one whose factors are shared: trained, shown, merged.

use serde_json::Value;

use crate::support::{Place, emakeel};

/// What the program prints, where it must succeed.
#[track_caller]
fn ok(arguments: &[&str]) -> String {
    let output = emakeel(arguments);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{arguments:?}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned() + &said
}

#[test]
fn adapters_on_8_bits_and_of_shared_factors_are_trained_by_a_recipe() {
    let place = Place::new();
    let model = place.model("model").display().to_string();
    place.write("rows.json", r#"[{"instruction": "Tõlgi: cat", "input": "", "output": "kass"}]"#);
    let root = place.root().display();
    let recipe = place.write(
        "study.yaml",
        &format!(
            "name: made\nseed: 7\ndevice: cpu\nbase: {{ model: {model} }}\nsources:\n  rows: {{ path: {root}/rows.json, template: \
             alpaca }}\nadapters:\n  defaults: {{ rank: 4, sequence_length: 64, batch: 1, tokens: 600, quantization: int8, \
             optimizer: {{ learning_rate: 0.02 }}, mixture: {{ rows: 1 }} }}\n  eight: {{ alpha: 8 }}\n  \
             shared: {{ method: vera, rank: 16, targets: [q_proj, down_proj] }}\n"
        ),
    );
    let (recipe, runs) = (recipe.display().to_string(), place.path("runs").display().to_string());
    let plan: Value = serde_json::from_str(&ok(&["check", &recipe, "--json", "--quiet"])).expect("JSON");
    let plan = plan.to_string();
    assert!(plan.contains("eight") && plan.contains("shared"), "{plan}");
    ok(&["run", &recipe, "--quiet", "--runs", &runs]);
    let lines = std::fs::read_to_string(place.path("runs/made/log.jsonl")).expect("a log");
    for name in ["eight", "shared"] {
        let losses = lines.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let losses: Vec<f64> =
            losses.filter(|line| line["job"] == name).filter_map(|line| line["loss"].as_f64()).collect();
        let (Some(first), Some(last)) = (losses.first(), losses.last()) else { panic!("no losses of {name}: {lines}") };
        assert!(last < first, "{name}: {first} {last}");
        let adapter = place.path(&format!("runs/made/adapters/{name}")).display().to_string();
        let text = ok(&["adapter", "show", &adapter]);
        assert_eq!(text.contains("VeRA") && text.contains("rank        16"), name == "shared", "{text}");
        assert!(ok(&["adapter", "verify", &adapter, "--base", &model]).contains("fits"));
        let merged = place.path(&format!("{name}-merged")).display().to_string();
        ok(&["merge", &model, &adapter, "--out", &merged, "--quantize", "int8", "--quiet"]);
        // The adapter knows the base in 8 bits, and the merged model is that with the adapter in it.
        let answer = ok(&["generate", "--model", &merged, "--quiet", "--max-new-tokens", "4", "Tõlgi: cat"]);
        assert!(!answer.is_empty());
    }
}
