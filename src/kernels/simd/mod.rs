//! Wide instructions: how a loop of this crate becomes AVX code.
//!
//! The build targets the oldest x86-64, so that one program runs everywhere. A [`Kernel`] is a body
//! of plain loops over slices. [`dispatch`] compiles that body three times, inside functions that may
//! use AVX-512, AVX2 or only the baseline, and calls the widest that this processor has. This works
//! only if everything the body calls is inlined into those functions: hence `#[inline(always)]` on
//! `run` and on each function of this module.
//!
//! Elementwise loops are widened by the compiler. Reductions and the inner loop of a matrix product are
//! not, reliably; there a [`Vector`] says it outright.
//!
//! Sums are kept in a fixed number of partial sums and folded in a fixed order, so that the result
//! depends on the data and the processor, never on the number of threads.

#[cfg(target_arch = "x86_64")]
mod x86;

/// Numbers of a [`Vector`].
pub(super) const WIDTH: usize = 16;

/// The numbers of a [`Vector`] in memory.
pub(super) type Lanes = [f32; WIDTH];

/// A computation whose loops the compiler may widen.
pub(super) trait Kernel {
    /// The body. `V`: vectors of the widest registers. `ROWS`: rows of vectors that fit the registers.
    fn run<V: Vector, const ROWS: usize>(self);
}

/// Runs the body with the widest instructions that this processor has.
pub(super) fn dispatch<K: Kernel>(kernel: K) {
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: the processor has these features, as was just asked.
            return unsafe { x86::avx512(kernel) };
        }
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: as above.
            return unsafe { x86::avx2(kernel) };
        }
    }
    portable(kernel);
}

/// Runs a kernel at each level that this processor has, so that a test sees all of them.
#[cfg(test)]
pub(super) fn at_each_level<K: Kernel>(mut kernel: impl FnMut() -> K) {
    portable(kernel());
    #[cfg(target_arch = "x86_64")]
    {
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            // SAFETY: the processor has these features, as was just asked.
            unsafe { x86::avx2(kernel()) };
        }
        if is_x86_feature_detected!("avx512f") && is_x86_feature_detected!("avx512dq") {
            // SAFETY: as above.
            unsafe { x86::avx512(kernel()) };
        }
    }
}

/// The baseline: SSE2 on x86-64, NEON on 64-bit ARM.
fn portable<K: Kernel>(kernel: K) {
    kernel.run::<[f32; WIDTH], 2>();
}

/// Sixteen numbers in registers.
pub(super) trait Vector: Copy {
    /// Whether a multiply-add is one instruction, rounded once.
    const FUSED: bool;
    /// Whether the registers hold `ROWS` rows of two vectors, not only of one.
    const WIDE: bool;
    /// The same number sixteen times.
    fn splat(value: f32) -> Self;
    /// From memory.
    fn load(values: &[f32; WIDTH]) -> Self;
    /// To memory.
    fn store(self, values: &mut [f32; WIDTH]);
    /// `self·b + c`.
    fn multiply_add(self, b: Self, c: Self) -> Self;
    /// `self + b`.
    fn add(self, b: Self) -> Self;
    /// The larger of each two; `b` where one of them is NaN.
    fn larger(self, b: Self) -> Self;
    /// Asks for memory that will be loaded soon.
    fn fetch(values: &[f32; WIDTH]);
}

impl Vector for [f32; WIDTH] {
    // NEON, which 64-bit ARM always has, fuses; SSE2 does not.
    const FUSED: bool = cfg!(target_arch = "aarch64");
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        [value; WIDTH]
    }

    #[inline(always)]
    fn load(values: &[f32; WIDTH]) -> Self {
        *values
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; WIDTH]) {
        *values = self;
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, mut c: Self) -> Self {
        for i in 0..WIDTH {
            c[i] = multiply_add::<Self>(self[i], b[i], c[i]);
        }
        c
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        std::array::from_fn(|i| self[i] + b[i])
    }

    #[inline(always)]
    fn larger(self, b: Self) -> Self {
        std::array::from_fn(|i| if self[i] > b[i] { self[i] } else { b[i] })
    }

    #[inline(always)]
    fn fetch(_: &[f32; WIDTH]) {}
}

/// `a·b + c`; unfused where fusing would be a call into the C library.
#[inline(always)]
pub(super) fn multiply_add<V: Vector>(a: f32, b: f32, c: f32) -> f32 {
    if V::FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// Vectors read in one turn of a reduction, each added to a partial sum of its own.
const CHAINS: usize = 4;

/// Adds up the numbers of a vector, halves onto halves.
#[inline(always)]
fn fold<V: Vector>(vector: V) -> f32 {
    let mut lanes = [0f32; WIDTH];
    vector.store(&mut lanes);
    let mut width = WIDTH / 2;
    while width > 0 {
        for i in 0..width {
            lanes[i] += lanes[i + width];
        }
        width /= 2;
    }
    lanes[0]
}

/// The inner product of two slices of the same length.
#[inline(always)]
pub(super) fn dot<V: Vector>(a: &[f32], b: &[f32]) -> f32 {
    let mut chains = [V::splat(0.0); CHAINS];
    let ((a_vectors, a_rest), (b_vectors, b_rest)) = (a.as_chunks::<WIDTH>(), b.as_chunks::<WIDTH>());
    let ((a_blocks, a_vectors), (b_blocks, b_vectors)) =
        (a_vectors.as_chunks::<CHAINS>(), b_vectors.as_chunks::<CHAINS>());
    for (a, b) in a_blocks.iter().zip(b_blocks) {
        for i in 0..CHAINS {
            chains[i] = V::load(&a[i]).multiply_add(V::load(&b[i]), chains[i]);
        }
    }
    for (i, (a, b)) in a_vectors.iter().zip(b_vectors).enumerate() {
        chains[i] = V::load(a).multiply_add(V::load(b), chains[i]);
    }
    let sum = chains[0].add(chains[2]).add(chains[1].add(chains[3]));
    a_rest.iter().zip(b_rest).fold(fold(sum), |sum, (a, b)| multiply_add::<V>(*a, *b, sum))
}

/// `sum += factor·values`, for slices of the same length.
#[inline(always)]
pub(super) fn add_scaled<V: Vector>(sum: &mut [f32], factor: f32, values: &[f32]) {
    let ((sums, sum_rest), (vectors, rest)) = (sum.as_chunks_mut::<WIDTH>(), values.as_chunks::<WIDTH>());
    let wide = V::splat(factor);
    for (sum, values) in sums.iter_mut().zip(vectors) {
        V::load(values).multiply_add(wide, V::load(sum)).store(sum);
    }
    for (sum, value) in sum_rest.iter_mut().zip(rest) {
        *sum = multiply_add::<V>(factor, *value, *sum);
    }
}

/// The sum of a slice.
#[inline(always)]
pub(super) fn sum<V: Vector>(values: &[f32]) -> f32 {
    let mut chains = [V::splat(0.0); CHAINS];
    let (vectors, rest) = values.as_chunks::<WIDTH>();
    let (blocks, vectors) = vectors.as_chunks::<CHAINS>();
    for block in blocks {
        for i in 0..CHAINS {
            chains[i] = chains[i].add(V::load(&block[i]));
        }
    }
    for (i, vector) in vectors.iter().enumerate() {
        chains[i] = chains[i].add(V::load(vector));
    }
    let sum = chains[0].add(chains[2]).add(chains[1].add(chains[3]));
    rest.iter().fold(fold(sum), |sum, value| sum + value)
}

/// The largest of a slice, minus infinity if it is empty. A NaN is passed over.
#[inline(always)]
pub(super) fn largest<V: Vector>(values: &[f32]) -> f32 {
    let mut chains = [V::splat(f32::NEG_INFINITY); 2];
    let (vectors, rest) = values.as_chunks::<WIDTH>();
    let (pairs, vectors) = vectors.as_chunks::<2>();
    for pair in pairs {
        for i in 0..2 {
            chains[i] = V::load(&pair[i]).larger(chains[i]);
        }
    }
    for vector in vectors {
        chains[0] = V::load(vector).larger(chains[0]);
    }
    let mut lanes = [0f32; WIDTH];
    chains[0].larger(chains[1]).store(&mut lanes);
    lanes.iter().chain(rest).fold(f32::NEG_INFINITY, |best, &value| if value > best { value } else { best })
}

/// `eˣ` within 2 units in the last place; 0 below −87.3, held at e⁸⁸ above 88, NaN for NaN.
///
/// The argument is split as `n·ln 2 + r` with `|r| ≤ ln 2 / 2`, `eʳ` is a Taylor polynomial of
/// degree 7 (its remainder is below a fifth of the last place), and `2ⁿ` is put into the exponent bits.
#[inline(always)]
pub(super) fn exp<V: Vector>(x: f32) -> f32 {
    const LOW: f32 = -87.3;
    const HIGH: f32 = 88.0;
    /// Adding 1.5·2²³ leaves a number's nearest integer in the low bits.
    const ROUND: f32 = 12_582_912.0;
    // ln 2 in two parts; the first has trailing zeros, so that its product with n is exact.
    const LN2_HIGH: f32 = 0.693_359_4;
    const LN2_LOW: f32 = -2.121_944_4e-4;
    // Written as comparisons, which keep a NaN.
    let clamped = if x < LOW { LOW } else { x };
    let clamped = if clamped > HIGH { HIGH } else { clamped };
    let shifted = multiply_add::<V>(clamped, std::f32::consts::LOG2_E, ROUND);
    let n = shifted - ROUND;
    let r = multiply_add::<V>(n, -LN2_LOW, multiply_add::<V>(n, -LN2_HIGH, clamped));
    let mut polynomial = 1.0 / 5040.0;
    for coefficient in [1.0 / 720.0, 1.0 / 120.0, 1.0 / 24.0, 1.0 / 6.0, 0.5] {
        polynomial = multiply_add::<V>(polynomial, r, coefficient);
    }
    let exponential = multiply_add::<V>(polynomial * r, r, r) + 1.0;
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127) << 23;
    let result = exponential * f32::from_bits(exponent);
    if x < LOW { 0.0 } else { result }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Exponentials<'a>(&'a mut [f32]);

    impl Kernel for Exponentials<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            self.0.iter_mut().for_each(|x| *x = exp::<V>(*x));
        }
    }

    fn worst_error(inputs: &[f32], outputs: &[f32]) -> f64 {
        let error = |(x, y): (&f32, &f32)| {
            let exact = f64::from(*x).exp();
            let ulp = f64::from(f32::EPSILON) * 2f64.powf(exact.log2().floor());
            (f64::from(*y) - exact).abs() / ulp
        };
        inputs.iter().zip(outputs).map(error).fold(0.0, f64::max)
    }

    #[test]
    fn the_exponential_is_within_two_units_in_the_last_place_at_each_level() {
        let inputs: Vec<f32> = (0..1_000_000).map(|i| -87.29 + i as f32 * (175.2 / 1_000_000.0)).collect();
        let mut outputs = vec![inputs.clone(); 3];
        let mut each = outputs.iter_mut();
        at_each_level(|| Exponentials(each.next().unwrap()));
        let unused = each.len();
        for outputs in &outputs[..3 - unused] {
            let error = worst_error(&inputs, outputs);
            assert!(error < 2.0, "{error}");
        }
    }

    #[test]
    fn the_exponential_of_special_values_is_as_documented() {
        let mut values = [f32::NEG_INFINITY, -1e9, -88.0, 0.0, f32::NAN, 1e9];
        dispatch(Exponentials(&mut values));
        assert_eq!(values[..4], [0.0, 0.0, 0.0, 1.0]);
        assert!(values[4].is_nan());
        assert!(values[5].is_finite() && values[5] > 1e38);
    }

    struct Reductions<'a>(&'a [f32]);

    impl Kernel for Reductions<'_> {
        #[inline(always)]
        fn run<V: Vector, const ROWS: usize>(self) {
            let exact = self.0.iter().sum::<f32>();
            assert_eq!(sum::<V>(self.0), exact);
            let mut sums = self.0.to_vec();
            add_scaled::<V>(&mut sums, 2.0, self.0);
            assert!(sums.iter().zip(self.0).all(|(sum, value)| *sum == 3.0 * value));
            assert_eq!(dot::<V>(self.0, &vec![2.0; self.0.len()]), 2.0 * exact);
            assert_eq!(largest::<V>(self.0), self.0.iter().fold(f32::NEG_INFINITY, |a, b| a.max(*b)));
        }
    }

    #[test]
    fn reductions_count_every_element_of_any_length_at_each_level() {
        for length in 0..300 {
            // Whole numbers, so that any order of additions is exact; one NaN is passed over by the largest.
            let values: Vec<f32> = (0..length).map(|i| ((i * 37) % 101) as f32 - 50.0).collect();
            at_each_level(|| Reductions(&values));
        }
        let mut values = vec![1.0; 100];
        (values[40], values[99]) = (f32::NAN, f32::NAN);
        assert_eq!(largest::<[f32; WIDTH]>(&values), 1.0);
    }
}
