// The sum of squares of a flat buffer, in a fixed order: each block sums its part in double, then one block sums these.
#pragma once
#include "common.cuh"

namespace global_norm {

constexpr int THREADS = 256;

template <class T>
__device__ __forceinline__ void squares(double* partial, const T* values, int64_t elements) {
    __shared__ double scratch[THREADS / WARP_SIZE];
    constexpr int SIZE = Pack<T>::SIZE;
    const int64_t whole = elements / SIZE * SIZE, step = int64_t(gridDim.x) * THREADS * SIZE;
    double sum = 0.0;
    // Reads that wait together.
    constexpr int AHEAD = 4;
    for (int64_t i = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * SIZE; i < whole; i += AHEAD * step) {
        Pack<T> packs[AHEAD] = {};
#pragma unroll
        for (int ahead = 0; ahead < AHEAD; ++ahead) {
            if (i + ahead * step < whole) {
                packs[ahead] = load_pack(values + i + ahead * step);
            }
        }
#pragma unroll
        for (int ahead = 0; ahead < AHEAD; ++ahead) {
            // Eight squares in float, of equal exponents mostly, then on in double: doubles are slow on small cards.
            float part = 0.0f;
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                part += packs[ahead].get(j) * packs[ahead].get(j);
            }
            sum += double(part);
        }
    }
    if (blockIdx.x == 0 && threadIdx.x < elements - whole) {
        const double last = to_float(values[whole + threadIdx.x]);
        sum += last * last;
    }
    sum = block_sum(sum, scratch);
    if (threadIdx.x == 0) {
        partial[blockIdx.x] = sum;
    }
}

__device__ __forceinline__ void total(double* sum, const double* partial, int count) {
    __shared__ double scratch[THREADS / WARP_SIZE];
    double own = 0.0;
    for (int i = threadIdx.x; i < count; i += THREADS) {
        own += partial[i];
    }
    own = block_sum(own, scratch);
    if (threadIdx.x == 0) {
        *sum = own;
    }
}

}  // namespace global_norm

#define DEFINE_NORM(T, name)                                                                                  \
    KERNEL(norm_squares_##name, global_norm::THREADS, (double* partial, const T* values, int64_t elements),          \
           global_norm::squares<T>(partial, values, elements))
FOR_EACH_TYPE(DEFINE_NORM)
KERNEL(norm_total, global_norm::THREADS, (double* sum, const double* partial, int count), global_norm::total(sum, partial, count))
