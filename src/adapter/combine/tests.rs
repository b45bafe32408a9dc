//! What combined adapters compute, against PEFT's results (`tests/golden/make_combined.py`) and against the formulas.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};

use super::*;
use crate::adapter::ModuleRules;

type Matrices = BTreeMap<String, Vec<f64>>;

fn golden() -> Value {
    serde_json::from_str(include_str!("../../../tests/golden/combined.json")).unwrap()
}

fn adapter(modules: BTreeMap<String, LoraPair>, (rank, alpha, rslora): (usize, f64, bool)) -> Adapter {
    let rules = ModuleRules::only(Targets::Names(modules.keys().cloned().collect()));
    let config = PeftConfig {
        modules_to_save: Vec::new(),
        trainable_tokens: Vec::new(),
        ensure_weight_tying: false,
        kind: AdapterKind::Lora,
        feedforward: None,
        rank,
        alpha,
        dropout: 0.1,
        rslora,
        rules,
        rank_pattern: Vec::new(),
        alpha_pattern: Vec::new(),
        base_model: Some("someone/base".into()),
        other: Map::new(),
    };
    Adapter { config, modules, base_hash: None, copies: BTreeMap::new(), beside: Beside::default() }
}

fn read(value: &Value) -> Adapter {
    let factor = |value: &Value| -> Tensor {
        let rows: Vec<Vec<f32>> = serde_json::from_value(value.clone()).unwrap();
        Tensor::new(rows, &Device::Cpu).unwrap()
    };
    let modules = value["modules"].as_object().unwrap().iter();
    let modules = modules.map(|(path, pair)| (path.clone(), LoraPair { a: factor(&pair["a"]), b: factor(&pair["b"]) }));
    let shape = (value["rank"].as_u64().unwrap() as usize, value["alpha"].as_f64().unwrap());
    adapter(modules.collect(), (shape.0, shape.1, value["rslora"].as_bool().unwrap()))
}

fn drawn(seed: u64, (rows, columns, rank): (usize, usize, usize)) -> Adapter {
    let factor = |name: &str, shape: (usize, usize)| {
        let stream = crate::random::Stream::new(seed, name);
        let values = (0..(shape.0 * shape.1) as u64).map(|i| stream.unit_at(i) as f32 - 0.5).collect::<Vec<_>>();
        Tensor::from_vec(values, shape, &Device::Cpu).unwrap()
    };
    let pair = LoraPair { a: factor("a", (rank, columns)), b: factor("b", (rows, rank)) };
    adapter([("layers.0.q_proj".to_owned(), pair)].into(), (rank, 2.0 * rank as f64, false))
}

/// `scale·B·A` of every module.
fn deltas(adapter: &Adapter) -> Matrices {
    let each = adapter.modules.iter().map(|(path, pair)| {
        let wide = |factor: &Tensor| factor.to_dtype(DType::F64).unwrap();
        let product = wide(&pair.b).matmul(&wide(&pair.a)).unwrap();
        let product = (product * adapter.config.scale_of(path).unwrap()).unwrap();
        (path.clone(), product.flatten_all().unwrap().to_vec1().unwrap())
    });
    each.collect()
}

fn sum(adapters: &[Adapter], weights: &[f64]) -> Matrices {
    let mut sum = Matrices::new();
    for (adapter, weight) in adapters.iter().zip(weights) {
        for (path, values) in deltas(adapter) {
            let entry = sum.entry(path).or_insert_with(|| vec![0.0; values.len()]);
            entry.iter_mut().zip(values).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    sum
}

/// `‖got − expected‖ / ‖expected‖` over all modules.
fn far(got: &Matrices, expected: &Matrices) -> f64 {
    assert!(got.keys().eq(expected.keys()));
    let pairs = || got.values().flatten().zip(expected.values().flatten());
    let norm: f64 = pairs().map(|(_, expected)| expected * expected).sum();
    (pairs().map(|(got, expected)| (got - expected).powi(2)).sum::<f64>() / norm).sqrt()
}

fn run(adapters: &[Adapter], weights: &[f64], settings: &Settings) -> Combined {
    try_run(adapters, weights, settings).unwrap()
}

fn try_run(adapters: &[Adapter], weights: &[f64], settings: &Settings) -> Result<Combined> {
    let names = ["one", "two", "three"];
    let parts = adapters.iter().zip(weights).zip(names);
    let parts: Vec<Part<'_>> = parts.map(|((adapter, weight), name)| Part { name, adapter, weight: *weight }).collect();
    combine(&parts, settings)
}

fn with_density(method: Method, density: f64) -> Settings {
    Settings { density: Some(density), ..Settings::new(method) }
}

#[test]
fn results_are_pefts_where_pefts_are_right() {
    let golden = golden();
    let density = golden["density"].as_f64().unwrap();
    let mut compared = 0;
    for (name, set) in golden["sets"].as_object().unwrap() {
        let adapters: Vec<Adapter> = set["adapters"].as_array().unwrap().iter().map(read).collect();
        let weights: Vec<f64> = serde_json::from_value(set["weights"].clone()).unwrap();
        for (word, method) in [
            ("cat", Method::Cat),
            ("svd", Method::Svd),
            ("ties_svd", Method::TiesSvd),
            ("magnitude_prune_svd", Method::MagnitudePruneSvd),
        ] {
            // PEFT keeps use_rslora of the first adapter, and so multiplies its result by the root of the rank; and with
            // a negative weight its signs are elected before the weights are applied.
            if name == "rslora" || (name == "minus" && word == "ties_svd") {
                continue;
            }
            let settings = Settings { density: method.has_density().then_some(density), ..Settings::new(method) };
            let expected: Matrices = serde_json::from_value(set["results"][word].clone()).unwrap();
            let got = deltas(&run(&adapters, &weights, &settings).adapter);
            assert!(far(&got, &expected) < 1e-5, "{name} {word}: {:.2e}", far(&got, &expected));
            compared += 1;
        }
    }
    assert_eq!(compared, 11);
}

#[test]
fn linear_is_the_sum_of_the_updates_and_pefts_is_far_from_it() {
    let golden = golden();
    for (name, set) in golden["sets"].as_object().unwrap() {
        let adapters: Vec<Adapter> = set["adapters"].as_array().unwrap().iter().map(read).collect();
        let weights: Vec<f64> = serde_json::from_value(set["weights"].clone()).unwrap();
        let expected = sum(&adapters, &weights);
        for method in [Method::Linear, Method::Cat] {
            let combined = run(&adapters, &weights, &Settings::new(method));
            let off = far(&deltas(&combined.adapter), &expected);
            assert!(off < 1e-6, "{name}: {off:.2e}");
            assert!(combined.kept.values().all(|kept| *kept == 1.0));
            assert!(!combined.adapter.config.rslora);
        }
        if let Some(theirs) = set["results"].get("linear") {
            let theirs: Matrices = serde_json::from_value(theirs.clone()).unwrap();
            assert!(far(&theirs, &expected) > 0.5, "{name}");
        }
    }
    let set = &golden["sets"]["same"];
    let adapters: Vec<Adapter> = set["adapters"].as_array().unwrap().iter().map(read).collect();
    let density = golden["density"].as_f64().unwrap();
    let ours = deltas(&run(&adapters, &[0.7, 0.3], &with_density(Method::Ties, density)).adapter);
    let theirs: Matrices = serde_json::from_value(set["results"]["ties"].clone()).unwrap();
    assert!(far(&theirs, &ours) > 0.9, "factors that are trimmed apart are not the trimmed update");
}

#[test]
fn a_smaller_rank_is_the_best_of_that_rank_and_says_what_it_kept() {
    let adapters = [drawn(1, (40, 30, 6)), drawn(2, (40, 30, 5))];
    let whole = sum(&adapters, &[1.0, -0.5]);
    for rank in [1, 4, 10] {
        let settings = Settings { rank: Some(rank), ..Settings::new(Method::Linear) };
        let combined = run(&adapters, &[1.0, -0.5], &settings);
        let matrix = Tensor::from_vec(whole["layers.0.q_proj"].clone(), (40, 30), &Device::Cpu).unwrap();
        let values = crate::adapter::decompose::singular(crate::adapter::decompose::columns(&matrix).unwrap()).s;
        let squares = |values: &[f64]| values.iter().map(|value| value * value).sum::<f64>();
        let expected = (squares(&values[rank..]) / squares(&values)).sqrt();
        let off = far(&deltas(&combined.adapter), &whole);
        assert!((off - expected).abs() < 1e-6, "{off} {expected}");
        let kept = combined.kept["layers.0.q_proj"];
        assert!((1.0 - kept - off * off).abs() < 1e-6, "{kept}");
        assert_eq!(combined.adapter.config.rank, rank);
        assert_eq!(combined.adapter.modules["layers.0.q_proj"].a.dims(), [rank, 30]);
    }
}

#[test]
fn directions_that_are_searched_for_hold_what_the_largest_singular_values_hold() {
    // A sum of two trimmed updates: some large directions, and a long flat tail.
    let mut values: Vec<f32> = vec![0.0; 110 * 90];
    for seed in [1, 2] {
        let mut update: Vec<f32> =
            deltas(&drawn(seed, (110, 90, 4)))["layers.0.q_proj"].iter().map(|value| *value as f32).collect();
        pruned::by_magnitude(&mut update, 0.3);
        values.iter_mut().zip(update).for_each(|(sum, value)| *sum += value);
    }
    let update = Tensor::from_vec(values, (110, 90), &Device::Cpu).unwrap();
    let stream = crate::random::Stream::new(1, "directions");
    let whole = low_rank::whole(&update, 12).unwrap();
    let searched = low_rank::searched(&update, 12, stream).unwrap();
    let lying = low_rank::searched(&update.t().unwrap().contiguous().unwrap(), 12, stream).unwrap();
    assert!(whole.kept < 0.9);
    for (low, update) in [(searched, update.clone()), (lying, update.t().unwrap().contiguous().unwrap())] {
        assert!(low.kept > whole.kept - 1e-3 && low.kept < whole.kept + 1e-6, "{} of {}", low.kept, whole.kept);
        let left = (low.pair.b.matmul(&low.pair.a).unwrap() - &update).unwrap().sqr().unwrap().sum_all().unwrap();
        let share =
            left.to_scalar::<f32>().unwrap() / update.sqr().unwrap().sum_all().unwrap().to_scalar::<f32>().unwrap();
        assert!((f64::from(share) - (1.0 - low.kept)).abs() < 1e-4, "{share} {}", low.kept);
    }
}

#[test]
fn slerp_goes_along_the_arc_from_one_update_to_the_other() {
    let adapters = [drawn(1, (12, 10, 3)), drawn(2, (12, 10, 4))];
    let settings = Settings::new(Method::Slerp);
    let at = |weights: [f64; 2]| deltas(&run(&adapters, &weights, &settings).adapter);
    assert!(far(&at([1.0, 0.0]), &deltas(&adapters[0])) < 1e-6);
    assert!(far(&at([0.0, 2.0]), &deltas(&adapters[1])) < 1e-6);
    let (one, two) = (&deltas(&adapters[0])["layers.0.q_proj"], &deltas(&adapters[1])["layers.0.q_proj"]);
    let dot = |x: &[f64], y: &[f64]| x.iter().zip(y).map(|(x, y)| x * y).sum::<f64>();
    let angle = (dot(one, two) / (dot(one, one) * dot(two, two)).sqrt()).acos();
    let (left, right) = ((0.75 * angle).sin() / angle.sin(), (0.25 * angle).sin() / angle.sin());
    let expected: Vec<f64> = one.iter().zip(two).map(|(one, two)| left * one + right * two).collect();
    let expected = Matrices::from([("layers.0.q_proj".to_owned(), expected)]);
    assert!(far(&at([3.0, 1.0]), &expected) < 1e-6);
    // The same update twice: there is no arc, and no division by zero.
    let twice = [adapters[0].clone(), adapters[0].clone()];
    assert!(far(&deltas(&run(&twice, &[0.5, 0.5], &settings).adapter), &deltas(&adapters[0])) < 1e-6);
}

#[test]
fn chance_keeps_the_density_and_the_mean_and_follows_from_the_seed() {
    let adapters = [drawn(1, (60, 50, 4)), drawn(2, (60, 50, 4))];
    let settings = Settings { rank: Some(50), ..with_density(Method::DareLinear, 0.25) };
    let one = deltas(&run(&adapters[..1], &[1.0], &settings).adapter);
    let before = &deltas(&adapters[0])["layers.0.q_proj"];
    let kept: Vec<(f64, f64)> = one["layers.0.q_proj"].iter().copied().zip(before.iter().copied()).collect();
    let staying = kept.iter().filter(|(got, _)| got.abs() > 1e-4).count() as f64 / kept.len() as f64;
    // 3,000 entries: the deviation is 0.008.
    assert!((staying - 0.25).abs() < 0.04, "{staying}");
    for (got, before) in kept.iter().filter(|(got, _)| got.abs() > 1e-4) {
        assert!((got - 4.0 * before).abs() < 1e-4);
    }
    let again = deltas(&run(&adapters[..1], &[1.0], &settings).adapter);
    assert_eq!(one, again);
    let other = Settings { seed: 7, ..settings };
    assert!(far(&deltas(&run(&adapters[..1], &[1.0], &other).adapter), &one) > 0.5);
    let all = deltas(&run(&adapters, &[0.4, 0.6], &Settings { density: Some(1.0), ..settings }).adapter);
    assert!(far(&all, &sum(&adapters, &[0.4, 0.6])) < 1e-5, "nothing is dropped");
}

#[test]
fn what_is_taken_away_votes_against() {
    let pair = |values: [f32; 2]| LoraPair {
        a: Tensor::new(&[values], &Device::Cpu).unwrap(),
        b: Tensor::new(&[[1f32]], &Device::Cpu).unwrap(),
    };
    let made = |values| adapter([("m".to_owned(), pair(values))].into(), (1, 1.0, false));
    let adapters = [made([3.0, -1.0]), made([1.0, -4.0])];
    let ties = |weights: [f64; 2]| {
        let settings = with_density(Method::Ties, 1.0);
        deltas(&run(&adapters, &weights, &settings).adapter)["m"].clone()
    };
    let near = |got: Vec<f64>, expected: [f64; 2]| {
        assert!(got.iter().zip(expected).all(|(got, expected)| (got - expected).abs() < 1e-6), "{got:?}");
    };
    near(ties([1.0, 1.0]), [2.0, -2.5]);
    // 3 against −1, and −1 against 4.
    near(ties([1.0, -1.0]), [3.0, 4.0]);
    let settings = Settings { sign: SignMethod::Frequency, ..with_density(Method::Ties, 1.0) };
    let three = [made([3.0, 0.0]), made([-1.0, 0.0]), made([-1.0, 2.0])];
    near(deltas(&run(&three, &[1.0; 3], &settings).adapter)["m"].clone(), [-1.0, 2.0]);
    near(deltas(&run(&three, &[1.0; 3], &with_density(Method::Ties, 1.0)).adapter)["m"].clone(), [3.0, 2.0]);
}

#[test]
fn magnitudes_that_are_equal_stay_in_their_order() {
    let mut values = vec![1.0f32, -1.0, 1.0, 0.5, 2.0, -1.0];
    pruned::by_magnitude(&mut values, 0.5);
    assert_eq!(values, [1.0, -1.0, 0.0, 0.0, 2.0, 0.0]);
    pruned::by_magnitude(&mut values, 0.1);
    assert_eq!(values, [0.0; 6]);
}

#[test]
fn ranks_that_differ_are_written_as_peft_reads_them() {
    let shapes = |rank: usize| drawn(rank as u64, (9, 8, rank)).modules["layers.0.q_proj"].clone();
    let two = |q: usize, v: Option<usize>| {
        let mut modules = BTreeMap::from([("layers.0.q_proj".to_owned(), shapes(q))]);
        modules.extend(v.map(|v| ("layers.0.v_proj".to_owned(), shapes(v))));
        adapter(modules, (q, q as f64, false))
    };
    let adapters = [two(2, Some(2)), two(3, None)];
    let adapter = run(&adapters, &[1.0, 1.0], &Settings::new(Method::Cat)).adapter;
    assert_eq!(adapter.config.rank_of("layers.0.q_proj").unwrap(), 5);
    assert_eq!(adapter.config.rank_of("layers.0.v_proj").unwrap(), 2);
    let folder = tempfile::tempdir().unwrap();
    adapter.save(&folder.path().join("c")).unwrap();
    let again = Adapter::load(&folder.path().join("c")).unwrap();
    assert!(far(&deltas(&again), &sum(&adapters, &[1.0, 1.0])) < 1e-6);
    assert_eq!(again.config.base_model.as_deref(), Some("someone/base"));
}

#[test]
fn what_cannot_be_combined_is_said() {
    let refused = |adapters: &[Adapter], weights: &[f64], settings: Settings| {
        try_run(adapters, weights, &settings).unwrap_err().to_string()
    };
    let (one, two) = (drawn(1, (6, 5, 2)), drawn(2, (6, 5, 2)));
    let linear = Settings::new(Method::Linear);
    let text = refused(&[one.clone(), drawn(3, (7, 5, 2))], &[1.0; 2], linear);
    assert!(
        text.contains("two: layers.0.q_proj  the shape of the update is [7, 5], must be [6, 5], as in one"),
        "{text}"
    );
    let mut other = two.clone();
    other.config.base_model = Some("someone/else".into());
    let text = refused(&[one.clone(), other.clone()], &[1.0; 2], linear);
    assert!(text.contains("is someone/else, must be someone/base, as of one"), "{text}");
    (other.base_hash, other.config.base_model) = (Some("bb".into()), None);
    let mut hashed = one.clone();
    hashed.base_hash = Some("aa".into());
    let text = refused(&[hashed.clone(), other.clone()], &[1.0; 2], linear);
    assert!(text.contains("the base's hash that the adapter was trained on is bb, must be aa"), "{text}");
    // The same weights under two names are one base.
    (other.base_hash, other.config.base_model) = (Some("aa".into()), Some("/a/path".into()));
    assert_eq!(run(&[hashed, other], &[1.0; 2], &linear).adapter.base_hash.as_deref(), Some("aa"));
    let mut broken = two.clone();
    let pair = broken.modules.get_mut("layers.0.q_proj").unwrap();
    pair.b = Tensor::full(f32::NAN, (6, 2), &Device::Cpu).unwrap();
    let text = refused(&[one.clone(), broken], &[1.0; 2], linear);
    assert!(text.contains("two: layers.0.q_proj  a factor holds NaN"), "{text}");
    let both = [one.clone(), two];
    for (settings, weights, expected) in [
        (linear, [1.0, f64::NAN], "the weight is NaN"),
        (Settings::new(Method::Ties), [1.0; 2], "the density is missing"),
        (with_density(Method::Ties, 0.0), [1.0; 2], "the density is 0, must be above 0"),
        (with_density(Method::Linear, 0.5), [1.0; 2], "keeps every entry"),
        (Settings { rank: Some(0), ..linear }, [1.0; 2], "the rank is 0"),
        (Settings { rank: Some(3), ..Settings::new(Method::Cat) }, [1.0; 2], "cat keeps all ranks"),
        (Settings::new(Method::Slerp), [1.0, -1.0], "the weights for slerp"),
    ] {
        let text = refused(&both, &weights, settings);
        assert!(text.contains(expected), "{text}");
    }
    assert!(refused(&both[..1], &[1.0], Settings::new(Method::Slerp)).contains("is 1, must be two"));
    assert_eq!(json!(run(&both, &[0.0; 2], &linear).kept), json!({ "layers.0.q_proj": 1.0 }));
}
