//! Each kernel, forward and backward, at the shapes of two small Llamas: `cargo bench --bench kernels -- swiglu`.

use candle_core::{Device, Tensor};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use emakeel::error::Result;
use emakeel::kernels::attention::{Heads, Segments};
use emakeel::kernels::rope::RotaryTable;
use emakeel::kernels::{adamw, attention, cross_entropy, dropout, embedding, lora, matmul, rms_norm, rope, swiglu};
use emakeel::random::Stream;

/// The sizes of a model, and how many tokens it reads at once.
#[derive(Clone, Copy)]
struct Shape {
    name: &'static str,
    hidden: usize,
    heads: usize,
    mlp: usize,
    vocabulary: usize,
    sequences: usize,
}

const SHAPES: [Shape; 2] = [
    Shape { name: "288", hidden: 288, heads: 6, mlp: 768, vocabulary: 32_000, sequences: 4 },
    Shape { name: "768", hidden: 768, heads: 12, mlp: 2048, vocabulary: 32_000, sequences: 2 },
];

const SEQUENCE_LENGTH: usize = 512;
const RANK: usize = 16;

/// Rows of the head that are timed, of which a step has more.
const HEAD_ROWS: usize = 512;

impl Shape {
    fn tokens(&self) -> usize {
        self.sequences * SEQUENCE_LENGTH
    }

    fn heads(&self) -> Heads {
        Heads { query: self.heads, key_value: self.heads, dimension: self.hidden / self.heads }
    }

    /// Documents of a sequence's length.
    fn segments(&self) -> Result<Segments> {
        Segments::new((0..=self.sequences).map(|end| (end * SEQUENCE_LENGTH) as u32).collect())
    }

    fn id(&self, kernel: &str) -> String {
        format!("{kernel}/{}", self.name)
    }
}

fn random(rows: usize, columns: usize) -> Result<Tensor> {
    Ok(Tensor::randn(0f32, 1.0, (rows, columns), &Device::Cpu)?)
}

fn ids(count: usize, below: usize) -> Result<Tensor> {
    let stream = Stream::new(1, "ids");
    let ids: Vec<u32> = (0..count as u64).map(|at| stream.below_at(at, below as u64) as u32).collect();
    Ok(Tensor::from_vec(ids, count, &Device::Cpu)?)
}

/// Times a kernel, named `kernel/case`; `elements` is what its throughput counts.
fn bench<T>(criterion: &mut Criterion, id: String, elements: usize, kernel: impl Fn() -> Result<T>) {
    let (kernel_name, case) = id.rsplit_once('/').unwrap_or((&id, "all"));
    let mut group = criterion.benchmark_group(kernel_name);
    group.sample_size(10).throughput(Throughput::Elements(elements as u64));
    group.bench_function(case, |bencher| bencher.iter(|| kernel().expect("the kernel runs")));
    group.finish();
}

/// The products of an MLP and the head; throughput counts floating-point operations.
fn products(criterion: &mut Criterion, shape: Shape) -> Result<()> {
    let (x, w) = (random(shape.tokens(), shape.hidden)?, random(shape.mlp, shape.hidden)?);
    let dy = random(shape.tokens(), shape.mlp)?;
    let operations = 2 * shape.tokens() * shape.hidden * shape.mlp;
    bench(criterion, shape.id("matmul/forward"), operations, || matmul::linear(&x, &w));
    bench(criterion, shape.id("matmul/input_gradient"), operations, || matmul::linear_input_gradient(&dy, &w));
    bench(criterion, shape.id("matmul/weight_gradient"), operations, || matmul::linear_weight_gradient(&dy, &x));
    let (a, b) = (random(RANK, shape.hidden)?, random(shape.mlp, RANK)?);
    let narrow = 2 * shape.tokens() * RANK * (shape.hidden + shape.mlp);
    let y = matmul::linear(&x, &w)?;
    let xa = lora::narrow(&x, &a, 1e-6)?;
    // The update is added to the same memory again and again, which costs what it costs in a step.
    bench(criterion, shape.id("lora/forward"), narrow, || lora::widen(y.clone(), &lora::narrow(&x, &a, 1e-6)?, &b));
    bench(criterion, shape.id("lora/backward"), 2 * narrow, || {
        let d_xa = lora::narrow_gradient(&dy, &b, 2.0)?;
        let factors = [matmul::linear_weight_gradient(&d_xa, &x)?, matmul::linear_weight_gradient(&dy, &xa)?];
        Ok((matmul::matmul(&d_xa, &a)?, factors))
    });
    let (hidden, head) = (random(HEAD_ROWS, shape.hidden)?, random(shape.vocabulary, shape.hidden)?);
    let targets = ids(HEAD_ROWS, shape.vocabulary)?;
    let product = 2 * HEAD_ROWS * shape.hidden * shape.vocabulary;
    for (name, want_weight, products) in [("frozen", false, 2), ("trained", true, 3)] {
        bench(criterion, shape.id(&format!("cross_entropy/{name}")), products * product, || {
            cross_entropy::forward_backward(&hidden, &head, &targets, 1.0 / HEAD_ROWS as f64, want_weight)
        });
    }
    Ok(())
}

/// Attention and rotation; attention's throughput counts causal floating-point operations.
fn attentions(criterion: &mut Criterion, shape: Shape) -> Result<()> {
    let (heads, segments, tokens) = (shape.heads(), shape.segments()?, shape.tokens());
    let [q, k, v, d_out] = [(); 4].map(|()| random(tokens, shape.hidden));
    let (q, k, v, d_out) = (q?, k?, v?, d_out?);
    let pairs = shape.sequences * SEQUENCE_LENGTH * (SEQUENCE_LENGTH + 1) / 2;
    let product = 2 * shape.hidden * pairs;
    let (out, lse) = attention::forward(&q, &k, &v, heads, &segments)?;
    let forward = || attention::forward(&q, &k, &v, heads, &segments);
    bench(criterion, shape.id("attention/forward"), 2 * product, forward);
    let backward = || attention::backward(&d_out, &q, &k, &v, &out, &lse, heads, &segments);
    bench(criterion, shape.id("attention/backward"), 4 * product, backward);
    let half = heads.dimension / 2;
    let frequencies: Vec<f64> = (0..half).map(|i| 10_000f64.powf(-(i as f64) / half as f64)).collect();
    let table = RotaryTable::new(&frequencies, SEQUENCE_LENGTH, 1.0, q.dtype(), &Device::Cpu)?;
    let positions = Tensor::from_vec(segments.positions(), tokens, &Device::Cpu)?;
    let elements = tokens * shape.hidden;
    bench(criterion, shape.id("rope/forward"), elements, || rope::forward(&q, heads.query, &positions, &table));
    bench(criterion, shape.id("rope/backward"), elements, || rope::backward(&q, heads.query, &positions, &table));
    Ok(())
}

/// Everything that works element by element; throughput counts elements.
fn elementwise(criterion: &mut Criterion, shape: Shape) -> Result<()> {
    let tokens = shape.tokens();
    let (x, dy) = (random(tokens, shape.hidden)?, random(tokens, shape.hidden)?);
    let weight = random(1, shape.hidden)?.squeeze(0)?;
    let (_, saved) = rms_norm::forward(&x, &weight, 1e-5)?;
    let elements = tokens * shape.hidden;
    bench(criterion, shape.id("rms_norm/forward"), elements, || rms_norm::forward(&x, &weight, 1e-5));
    bench(criterion, shape.id("rms_norm/backward"), elements, || rms_norm::backward(&dy, &weight, &saved, None, false));
    bench(criterion, shape.id("dropout"), elements, || dropout::forward(&x, 0.1, Stream::new(1, "dropout")));
    let [gate, up, d_inner] = [(); 3].map(|()| random(tokens, shape.mlp));
    let (gate, up, d_inner) = (gate?, up?, d_inner?);
    bench(criterion, shape.id("swiglu/forward"), tokens * shape.mlp, || swiglu::forward(&gate, &up));
    bench(criterion, shape.id("swiglu/backward"), tokens * shape.mlp, || swiglu::backward(&d_inner, &gate, &up));
    let (table, read) = (random(shape.vocabulary, shape.hidden)?, ids(tokens, shape.vocabulary)?);
    let ids = read.to_vec1::<u32>()?;
    bench(criterion, shape.id("embedding/forward"), elements, || embedding::forward(&table, &read));
    bench(criterion, shape.id("embedding/backward"), elements, || embedding::backward(&dy, &ids, shape.vocabulary));
    Ok(())
}

/// The optimizer and the norm over a flat buffer of a million parameters.
fn flat(criterion: &mut Criterion) -> Result<()> {
    const ELEMENTS: usize = 1 << 20;
    let (parameters, gradients) = (random(1, ELEMENTS)?.squeeze(0)?, random(1, ELEMENTS)?.squeeze(0)?);
    let state = Tensor::zeros((2, ELEMENTS), parameters.dtype(), &Device::Cpu)?;
    let settings = adamw::AdamwStep {
        learning_rate: 1e-6,
        beta1: 0.9,
        beta2: 0.999,
        epsilon: 1e-8,
        weight_decay: 0.01,
        step: 1,
        gradient_scale: 1.0,
        seed: None,
    };
    let step = || adamw::step(&parameters, &gradients, &state, &settings);
    bench(criterion, "adamw/step".into(), ELEMENTS, step);
    bench(criterion, "adamw/norm".into(), ELEMENTS, || adamw::norm(&gradients));
    Ok(())
}

fn kernels(criterion: &mut Criterion) {
    let all = |criterion: &mut Criterion| -> Result<()> {
        for shape in SHAPES {
            products(criterion, shape)?;
            attentions(criterion, shape)?;
            elementwise(criterion, shape)?;
        }
        flat(criterion)
    };
    all(criterion).expect("the inputs fit the kernels");
}

criterion_group!(benches, kernels);
criterion_main!(benches);
