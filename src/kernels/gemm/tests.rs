use super::*;
use crate::random::Stream;

fn values(name: &str, len: usize) -> Vec<f32> {
    let stream = Stream::new(3, name);
    (0..len as u64).map(|i| (stream.unit_at(i) * 2.0 - 1.0) as f32).collect()
}

/// The product in f64, and the sum of the magnitudes, by which an error is judged.
fn exact(a: View<'_>, b: View<'_>) -> Vec<(f64, f64)> {
    let ((m, k), n) = (a.shape, b.shape.1);
    let at = |view: View<'_>, i: usize, j: usize| f64::from(view.values[i * view.strides.0 + j * view.strides.1]);
    let element = |i: usize, j: usize| {
        (0..k).fold((0.0, 0.0), |(sum, size), l| {
            let product = at(a, i, l) * at(b, l, j);
            (sum + product, size + product.abs())
        })
    };
    (0..m * n).map(|index| element(index / n, index % n)).collect()
}

/// Both layouts of a matrix.
fn layouts<'a>(values: &'a [f32], rows: usize, columns: usize) -> [View<'a>; 2] {
    [View::contiguous(values, rows, columns), View::contiguous(values, columns, rows).transposed()]
}

#[test]
fn every_shape_and_layout_equals_the_product_in_f64() {
    let shapes = [
        (1, 1, 1),
        (1, 5, 33),
        (3, 17, 40),
        (4, 400, 7),
        (5, 3, 100),
        (16, 800, 96),
        (33, 20, 90),
        (12, 1, 32),
        (13, 385, 31),
        (70, 37, 17),
        (65, 769, 16),
        (100, 400, 48),
        (200, 16, 70),
        (129, 30, 500),
        (3, 0, 5),
    ];
    for (m, k, n) in shapes {
        let (left, right) = (values("a", m * k), values("b", k * n));
        for a in layouts(&left, m, k) {
            for b in layouts(&right, k, n) {
                let want = exact(a, b);
                let mut fresh = vec![MaybeUninit::new(f32::NAN); m * n];
                product(Target::Fresh(&mut fresh), a, b);
                let mut sum = vec![1f32; m * n];
                product(Target::Sum(&mut sum), a, b);
                for (index, (want, size)) in want.iter().enumerate() {
                    // SAFETY: it was given a value above.
                    let got = f64::from(unsafe { fresh[index].assume_init() });
                    // Sums of up to 384 products, one after another.
                    let bound = 4e-7 * (size + 1.0);
                    let place = format!("{m}x{k}x{n} {:?} {:?} at {index}", a.strides, b.strides);
                    assert!((got - want).abs() <= bound, "{place}: {got} {want}");
                    assert!((f64::from(sum[index]) - 1.0 - want).abs() <= 2.0 * bound, "{place}: added");
                }
            }
        }
    }
}

#[test]
fn a_packed_operand_without_rows_or_columns_gives_zeros_or_nothing() {
    for (k, n) in [(0, 3), (2, 0)] {
        Packed::with(View::contiguous(&vec![1.0; k * n], k, n), false, |b| {
            let mut fresh = vec![MaybeUninit::new(f32::NAN); 4 * n];
            product_packed(Target::Fresh(&mut fresh), View::contiguous(&vec![1.0; 4 * k], 4, k), b, true);
            // SAFETY: it was given a value above.
            assert!(fresh.iter().all(|value| unsafe { value.assume_init() } == 0.0));
        });
    }
}

#[test]
fn every_level_of_instructions_gives_the_product() {
    let (m, k, n) = (30, 390, 50);
    let (left, right) = (values("a", m * k), values("b", k * n));
    for a in layouts(&left, m, k) {
        let b = View::contiguous(&right, k, n);
        let want = exact(a, b);
        Packed::with(b, false, |b| {
            let mut results = vec![vec![f32::NAN; m * n]; 3];
            let mut each = results.iter_mut();
            let part = b.parts().remove(0);
            simd::at_each_level(|| Rows { a, c: each.next().unwrap(), add: false, b, part: part.clone() });
            let unused = each.len();
            for result in &results[..3 - unused] {
                for (got, (want, size)) in result.iter().zip(&want) {
                    assert!((f64::from(*got) - want).abs() <= 2e-7 * size, "{got} {want}");
                }
            }
        });
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let (m, k, n) = (300, 500, 70);
    let (left, right) = (values("a", m * k), values("b", k * n));
    let with = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        let mut c = vec![0f32; m * n];
        let (a, b) = (View::contiguous(&left, m, k), View::contiguous(&right, k, n));
        pool.install(|| product(Target::Sum(&mut c), a, b));
        c
    };
    let one = with(1);
    assert!(one == with(2) && one == with(5));
}

#[test]
fn parts_cover_an_operand_once_and_later_rows_come_later() {
    for (rows, columns) in [(1, 1), (288, 32_000), (32_000, 288), (4_096, 11_008), (385, 20)] {
        let packed = vec![[0f32; crate::kernels::simd::WIDTH]; 0];
        let parts = Packed::empty(&packed, rows, columns).parts();
        let panels = columns.div_ceil(crate::kernels::simd::WIDTH);
        assert_eq!(parts.iter().map(|part| part.depth.len() * part.panels.len()).sum::<usize>(), rows * panels);
        assert!(parts.windows(2).all(|pair| pair[0].depth.start <= pair[1].depth.start));
        for (first, length) in pack::blocks(rows) {
            assert!(parts.iter().all(|part| !part.depth.contains(&first) || part.depth.end >= first + length));
        }
    }
}

#[test]
fn blocks_cover_all_rows_and_none_is_longer_than_allowed() {
    for rows in [0, 1, DEPTH, DEPTH + 1, 5 * DEPTH - 3, 32_000] {
        let mut next = 0;
        for (first, length) in pack::blocks(rows) {
            assert!(first == next && (1..=DEPTH).contains(&length));
            next += length;
        }
        assert_eq!(next, rows);
    }
}
