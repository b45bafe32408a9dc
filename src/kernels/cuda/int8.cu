// int8: weights in 8 bits, a scale for each row. (LLM.int8, Dettmers et al. 2022, arXiv:2208.07339)
//
// A code is a whole number from −127 to 127; an element is its code times the row's largest magnitude, over 127.
//
// int8_quantize: of a matrix in f16
//   Grid: rows, 1, 1. Block: 256. Dynamic shared bytes: 0.
//   Arguments: int8_t* codes [rows, columns], float* scales [rows], const f16* x [rows, columns], int columns.
//
// int8_dequantize_{f32, bf16, f16}
//   Grid: rows, 1, 1. Block: 256. Dynamic shared bytes: 0.
//   Arguments: T* y [rows, columns], const int8_t* codes [rows, columns], const float* scales [rows], int columns.
#pragma once
#include "common.cuh"

namespace int8 {

constexpr int THREADS = 256;
constexpr float MOST = 127.0f;
// What is multiplied with, where one would divide by 127.
constexpr float PART = 7.8740157e-3f;
// Codes that a thread takes at a time.
constexpr int EACH = 8;

// A block for each row.
__device__ __forceinline__ void quantize(int8_t* codes, float* scales, const f16* x, int columns) {
    __shared__ float largest_of_warp[THREADS / WARP_SIZE];
    const int64_t start = int64_t(blockIdx.x) * columns;
    float largest[1] = {0.0f};
    for (int column = int(threadIdx.x); column < columns; column += THREADS) {
        // As integers magnitudes have the same order, and NaN is larger than all.
        const float magnitude = __uint_as_float(__float_as_uint(to_float(x[start + column])) & 0x7fffffffu);
        if (__float_as_uint(magnitude) > __float_as_uint(largest[0])) {
            largest[0] = magnitude;
        }
    }
    const float of_warp = largest_magnitude<WARP_SIZE>(largest);
    if (threadIdx.x % WARP_SIZE == 0) {
        largest_of_warp[threadIdx.x / WARP_SIZE] = of_warp;
    }
    __syncthreads();
    const float scale = largest_magnitude<1>(largest_of_warp);
    // Rounded twice, as on the CPU.
    const float factor = scale > 0.0f ? 1.0f / scale * MOST : 0.0f;
    for (int column = int(threadIdx.x); column < columns; column += THREADS) {
        codes[start + column] = int8_t(rintf(to_float(x[start + column]) * factor));
    }
    if (threadIdx.x == 0) {
        scales[blockIdx.x] = scale;
    }
}

// A block for each row; whole packs where rows and places allow it.
template <class T>
__device__ __forceinline__ void dequantize(T* y, const int8_t* codes, const float* scales, int columns) {
    constexpr int SIZE = Pack<T>::SIZE;
    const int64_t start = int64_t(blockIdx.x) * columns;
    const float scale = scales[blockIdx.x];
    const bool whole = columns % EACH == 0 && reinterpret_cast<uintptr_t>(y) % 16 == 0 &&
                       reinterpret_cast<uintptr_t>(codes) % EACH == 0;
    if (!whole) {
        for (int column = int(threadIdx.x); column < columns; column += THREADS) {
            y[start + column] = rounded<T>(float(codes[start + column]) * scale * PART);
        }
        return;
    }
    for (int column = int(threadIdx.x) * EACH; column < columns; column += THREADS * EACH) {
        const uint64_t word = *reinterpret_cast<const uint64_t*>(codes + start + column);
#pragma unroll
        for (int i = 0; i < EACH; i += SIZE) {
            Pack<T> pack;
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                pack.set(j, float(int8_t(uint8_t(word >> (8 * (i + j))))) * scale * PART);
            }
            store_pack(y + start + column + i, pack);
        }
    }
}

}  // namespace int8

KERNEL(int8_quantize, int8::THREADS, (int8_t * codes, float* scales, const f16* x, int columns),
       int8::quantize(codes, scales, x, columns))

#define DEFINE_INT8(T, name)                                                                                  \
    KERNEL(int8_dequantize_##name, int8::THREADS, (T * y, const int8_t* codes, const float* scales, int columns), \
           int8::dequantize(y, codes, scales, columns))
FOR_EACH_TYPE(DEFINE_INT8)
