//! LoftQ's start beside PEFT's, where alpha is the rank: `tests/golden/make_loftq.py`.

use candle_core::{DType, Device, Tensor};
use serde::Deserialize;

use crate::adapter::initial::{self, Want};
use crate::adapter::leading::Effort;
use crate::model::FrozenWeight;
use crate::recipe::{Initial, LoraSettings, Quantization};

#[derive(Deserialize)]
struct Golden {
    shape: [usize; 2],
    rank: usize,
    cases: Vec<Case>,
}

/// What PEFT's `loftq_init` makes of the weight.
#[derive(Deserialize)]
struct Case {
    bits: usize,
    rounds: usize,
    /// Whether its scales are in 8 bits, as ours are; PEFT's own are in f32.
    double: bool,
    weight_norm: f64,
    /// The norm of what the codes alone lose of the weight.
    lost_without: f64,
    /// The same with the update.
    lost_with: f64,
    codes: String,
}

/// The weight of the script: a part of low rank, and one of none.
fn weight([rows, columns]: [usize; 2]) -> Tensor {
    let value = |row: i64, column: i64| {
        let low = (row * 7 % 13 - 6) * (column * 5 % 11 - 5);
        let noise = (row * columns as i64 + column) * 7919 % 1009 - 504;
        (low as f64 / 1000.0 + noise as f64 / 20_000.0) as f32
    };
    let values = (0..rows as i64).flat_map(|row| (0..columns as i64).map(move |column| value(row, column)));
    Tensor::from_vec(values.collect::<Vec<f32>>(), (rows, columns), &Device::Cpu).unwrap()
}

fn norm(tensor: &Tensor) -> f64 {
    let squares = tensor.to_dtype(DType::F64).unwrap().sqr().unwrap();
    squares.sum_all().unwrap().to_scalar::<f64>().unwrap().sqrt()
}

/// How many codes differ, of how many.
fn differing(got: &[u8], want: &str, bits: usize) -> (usize, usize) {
    let want: Vec<u8> = (0..want.len() / 2).map(|i| u8::from_str_radix(&want[2 * i..2 * i + 2], 16).unwrap()).collect();
    assert_eq!(got.len(), want.len());
    let halves = |byte: &u8| if bits == 4 { vec![byte >> 4, byte & 15] } else { vec![*byte] };
    let pairs = got.iter().zip(&want).flat_map(|(a, b)| halves(a).into_iter().zip(halves(b)));
    (pairs.clone().filter(|(a, b)| a != b).count(), pairs.count())
}

/// What this program makes of the weight: what is lost without and with the update, and the codes.
fn ours(golden: &Golden, case: &Case, effort: Effort) -> (f64, f64, Vec<u8>) {
    let weight = weight(golden.shape);
    assert!((norm(&weight) - case.weight_norm).abs() < 1e-9 * case.weight_norm, "it is another weight");
    let quantization = if case.bits == 4 { Quantization::Nf4 } else { Quantization::Int8 };
    let settings = LoraSettings { init: Initial::Loftq(case.rounds), quantization, ..LoraSettings::default() };
    let path = "model.layers.0.mlp.up_proj";
    let want = Want { path, rank: golden.rank, scale: 1.0, seed: 1, settings: &settings };
    let (pair, kept) = initial::loftq(&weight, &want, (case.rounds, effort), quantization).unwrap();
    let kept = kept.unwrap();
    let lost = (&weight - kept.to_tensor().unwrap()).unwrap();
    let with = norm(&(&lost - pair.b.matmul(&pair.a).unwrap()).unwrap());
    let codes = match &kept {
        FrozenWeight::Nf4(kept) => kept.codes(),
        FrozenWeight::Int8(kept) => kept.codes(),
        FrozenWeight::Plain(_) => panic!("it is not quantized"),
    };
    (norm(&lost), with, codes.unwrap())
}

/// Asserts that so many codes differ at most, and what is lost by so much.
fn compare(golden: &Golden, case: &Case, effort: Effort, (most, tolerance): (f64, f64)) {
    let (without, with, codes) = ours(golden, case, effort);
    let (off, all) = differing(&codes, &case.codes, case.bits);
    let (bits, rounds) = (case.bits, case.rounds);
    println!(
        "{bits} bits, scales in 8 bits {}, {rounds} rounds, {effort:?}: {off} of {all} codes differ; \
         lost {without:.6} and {with:.6}, PEFT {:.6} and {:.6}",
        case.double, case.lost_without, case.lost_with
    );
    assert!(off as f64 <= most * all as f64, "{off}");
    assert!((without / case.lost_without - 1.0).abs() < tolerance, "{without}");
    assert!((with / case.lost_with - 1.0).abs() < tolerance, "{with}");
}

#[test]
fn where_alpha_is_the_rank_codes_and_losses_are_those_of_peft() {
    let golden: Golden = serde_json::from_str(include_str!("../../../tests/golden/loftq.json")).unwrap();
    for case in &golden.cases {
        // With the same scales and the same singular vectors it is the same.
        if case.double || case.bits == 8 {
            compare(&golden, case, Effort::Converge, (0.0, 1e-4));
        }
        // The first codes are of the weight alone. Those that follow are of what an update leaves, and the update is for
        // what is nearly noise, whose largest singular vectors a few rounds of an approximation do not tell apart.
        let bounds = if case.rounds == 1 { (0.0, 0.005) } else { (0.15, 0.05) };
        compare(&golden, case, Effort::Rounds(16), bounds);
    }
}
