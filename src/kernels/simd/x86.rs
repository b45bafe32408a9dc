//! Vectors of x86: AVX-512, and AVX2 with FMA.
//!
//! SAFETY of this module: values of these types are made and used only inside the two functions that
//! are allowed the instructions, which `dispatch` calls only where the processor has them. Loads and
//! stores go through references to arrays of the right length and need no alignment.

use std::arch::x86_64::*;

use super::{Kernel, Vector, WIDTH};

/// 32 registers of 16 numbers.
#[target_feature(enable = "avx512f,avx512dq,avx2,fma")]
pub(super) fn avx512<K: Kernel>(kernel: K) {
    kernel.run::<One, 12>();
}

/// 16 registers of 8 numbers.
#[target_feature(enable = "avx2,fma")]
pub(super) fn avx2<K: Kernel>(kernel: K) {
    kernel.run::<Two, 6>();
}

#[derive(Clone, Copy)]
struct One(__m512);

impl Vector for One {
    const FUSED: bool = true;
    const WIDE: bool = true;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        Self(unsafe { _mm512_set1_ps(value) })
    }

    #[inline(always)]
    fn load(values: &[f32; WIDTH]) -> Self {
        Self(unsafe { _mm512_loadu_ps(values.as_ptr()) })
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; WIDTH]) {
        unsafe { _mm512_storeu_ps(values.as_mut_ptr(), self.0) }
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        Self(unsafe { _mm512_fmadd_ps(self.0, b.0, c.0) })
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        Self(unsafe { _mm512_add_ps(self.0, b.0) })
    }

    #[inline(always)]
    fn larger(self, b: Self) -> Self {
        Self(unsafe { _mm512_max_ps(self.0, b.0) })
    }

    #[inline(always)]
    fn fetch(values: &[f32; WIDTH]) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast()) }
    }
}

#[derive(Clone, Copy)]
struct Two(__m256, __m256);

impl Vector for Two {
    const FUSED: bool = true;
    const WIDE: bool = false;

    #[inline(always)]
    fn splat(value: f32) -> Self {
        let half = unsafe { _mm256_set1_ps(value) };
        Self(half, half)
    }

    #[inline(always)]
    fn load(values: &[f32; WIDTH]) -> Self {
        unsafe { Self(_mm256_loadu_ps(values.as_ptr()), _mm256_loadu_ps(values.as_ptr().add(8))) }
    }

    #[inline(always)]
    fn store(self, values: &mut [f32; WIDTH]) {
        unsafe {
            _mm256_storeu_ps(values.as_mut_ptr(), self.0);
            _mm256_storeu_ps(values.as_mut_ptr().add(8), self.1);
        }
    }

    #[inline(always)]
    fn multiply_add(self, b: Self, c: Self) -> Self {
        unsafe { Self(_mm256_fmadd_ps(self.0, b.0, c.0), _mm256_fmadd_ps(self.1, b.1, c.1)) }
    }

    #[inline(always)]
    fn add(self, b: Self) -> Self {
        unsafe { Self(_mm256_add_ps(self.0, b.0), _mm256_add_ps(self.1, b.1)) }
    }

    #[inline(always)]
    fn larger(self, b: Self) -> Self {
        unsafe { Self(_mm256_max_ps(self.0, b.0), _mm256_max_ps(self.1, b.1)) }
    }

    #[inline(always)]
    fn fetch(values: &[f32; WIDTH]) {
        unsafe { _mm_prefetch::<_MM_HINT_T0>(values.as_ptr().cast()) }
    }
}
