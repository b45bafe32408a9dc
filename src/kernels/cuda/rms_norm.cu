// RMS normalisation, with the residual connection before it (forward) or beside it (backward) in the same pass.
#pragma once
#include "tensor_cores.cuh"

namespace rms_norm {

constexpr int THREADS = 256;

// One block for each row. `y = (x + delta) / rms · weight`; the sum goes to `sum` where there is a `delta`.
template <class T>
__device__ __forceinline__ void forward(T* y, T* sum, float* inverse_rms, const T* x, const T* delta, const T* weight,
                                        int features, float epsilon) {
    __shared__ float scratch[THREADS / WARP_SIZE];
    constexpr int SIZE = Pack<T>::SIZE;
    const size_t start = size_t(blockIdx.x) * features;
    // What this thread has written itself it can read again without a barrier.
    const T* input = delta == nullptr ? x : sum;
    float squares = 0.0f;
    for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
        Pack<T> pack = load_pack(x + start + i);
        if (delta != nullptr) {
            const Pack<T> more = load_pack(delta + start + i);
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                pack.set(j, pack.get(j) + more.get(j));
            }
            store_pack(sum + start + i, pack);
        }
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            squares += pack.get(j) * pack.get(j);
        }
    }
    const float scale = 1.0f / sqrtf(block_sum(squares, scratch) / features + epsilon);
    if (threadIdx.x == 0) {
        inverse_rms[blockIdx.x] = scale;
    }
    for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
        Pack<T> pack = load_pack(input + start + i);
        const Pack<T> factor = load_pack(weight + i);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            pack.set(j, pack.get(j) * scale * factor.get(j));
        }
        store_pack(y + start + i, pack);
    }
}

// Elements of a row that a thread has in the backward pass.
constexpr int EACH = 16;
constexpr int MOST_THREADS = 512;

// Rows b, b + blocks, … belong to block b. `dx` is the gradient by the input, plus `residual` where there is one. Where
// `partial` is given, `[blocks][features]`, each block writes its rows' part of the weight's gradient there; threads
// hold it in registers meanwhile. So that memory never waits, the next `stages` rows are on their way to shared memory,
// where each thread reads only what it has copied itself.
template <class T>
__device__ __forceinline__ void backward(T* dx, float* partial, const T* dy, const T* x, const T* weight,
                                         const float* inverse_rms, const T* residual, int rows, int features,
                                         int stages) {
    DYNAMIC_SHARED(shared);
    // Two, used in turn: who writes to one again has met all others since they read it.
    __shared__ float scratch[2][MOST_THREADS / WARP_SIZE];
    constexpr int SIZE = Pack<T>::SIZE, PACKS = EACH / SIZE;
    const int threads = int(blockDim.x), first = int(threadIdx.x) * SIZE, step = threads * SIZE;
    T* const staged = reinterpret_cast<T*>(shared);
    const auto fetch = [&](int row, int stage) {
        if (row < rows) {
            const size_t start = size_t(row) * features;
            T* const to = staged + size_t(stage) * 2 * features;
#pragma unroll
            for (int p = 0; p < PACKS; ++p) {
                const int i = first + p * step;
                if (i < features) {
                    copy_async<16>(to + i, dy + start + i, true);
                    copy_async<16>(to + features + i, x + start + i, true);
                }
            }
        }
        // Beyond the last row an empty group, so that as many are open as before.
        copies_commit();
    };
    fetch(int(blockIdx.x), 0);
    if (stages > 1) {
        fetch(int(blockIdx.x + gridDim.x), 1);
    }
    Pack<T> factors[PACKS] = {};
    float sums[PACKS][SIZE] = {};
#pragma unroll
    for (int p = 0; p < PACKS; ++p) {
        if (first + p * step < features) {
            factors[p] = load_pack(weight + first + p * step);
        }
    }
    int stage = 0, turn = 0;
    for (int row = int(blockIdx.x); row < rows; row += int(gridDim.x)) {
        const size_t start = size_t(row) * features;
        const float inverse = inverse_rms[row];
        Pack<T> more[PACKS] = {};
        if (residual != nullptr) {
#pragma unroll
            for (int p = 0; p < PACKS; ++p) {
                if (first + p * step < features) {
                    more[p] = load_pack(residual + start + first + p * step);
                }
            }
        }
        if (stages > 1) {
            copies_wait<1>();
        } else {
            copies_wait<0>();
        }
        Pack<T> d[PACKS] = {}, v[PACKS] = {};
        const T* const from = staged + size_t(stage) * 2 * features;
        float products = 0.0f;
#pragma unroll
        for (int p = 0; p < PACKS; ++p) {
            const int i = first + p * step;
            if (i < features) {
                d[p] = load_pack(from + i);
                v[p] = load_pack(from + features + i);
            }
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                products += d[p].get(j) * factors[p].get(j) * v[p].get(j);
            }
        }
        const float along = block_sum(products, scratch[turn]) / features * inverse * inverse;
        // What lay at this stage has been read.
        fetch(row + stages * int(gridDim.x), stage);
#pragma unroll
        for (int p = 0; p < PACKS; ++p) {
            Pack<T> result;
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                const float gradient = (d[p].get(j) * factors[p].get(j) - v[p].get(j) * along) * inverse;
                result.set(j, residual == nullptr ? gradient : gradient + more[p].get(j));
                sums[p][j] += d[p].get(j) * v[p].get(j) * inverse;
            }
            if (first + p * step < features) {
                store_pack(dx + start + first + p * step, result);
            }
        }
        turn ^= 1;
        stage = stages > 1 ? stage ^ 1 : 0;
    }
    copies_wait<0>();
    if (partial == nullptr) {
        return;
    }
    float* const own = partial + size_t(blockIdx.x) * features;
#pragma unroll
    for (int p = 0; p < PACKS; ++p) {
        const int i = first + p * step;
        if (i < features) {
#pragma unroll
            for (int j = 0; j < SIZE; j += Pack<float>::SIZE) {
                store_pack(own + i + j, Pack<float>{{sums[p][j], sums[p][j + 1], sums[p][j + 2], sums[p][j + 3]}});
            }
        }
    }
}

// The sum of `rows` rows: a block has 32 columns, and each of its warps every eighth row; then the warps' sums are
// added, first to last.
template <class T>
__device__ __forceinline__ void sum_rows(T* sum, const float* partial, int rows, int features) {
    constexpr int WARPS = THREADS / WARP_SIZE;
    __shared__ float sums[WARPS][WARP_SIZE];
    const int lane = int(threadIdx.x) % WARP_SIZE, warp = int(threadIdx.x) / WARP_SIZE;
    const int i = int(blockIdx.x) * WARP_SIZE + lane;
    float total = 0.0f;
    if (i < features) {
#pragma unroll 8
        for (int row = warp; row < rows; row += WARPS) {
            total += partial[size_t(row) * features + i];
        }
    }
    sums[warp][lane] = total;
    __syncthreads();
    if (warp != 0 || i >= features) {
        return;
    }
#pragma unroll
    for (int other = 1; other < WARPS; ++other) {
        total += sums[other][lane];
    }
    sum[i] = rounded<T>(total);
}

}  // namespace rms_norm

#define DEFINE_RMS_NORM(T, name)                                                                                       \
    KERNEL(rms_norm_forward_##name, rms_norm::THREADS,                                                                 \
           (T * y, T * sum, float* inverse_rms, const T* x, const T* delta, const T* weight, int features,             \
            float epsilon),                                                                                            \
           rms_norm::forward<T>(y, sum, inverse_rms, x, delta, weight, features, epsilon))                             \
    KERNEL(rms_norm_backward_##name, rms_norm::MOST_THREADS,                                                           \
           (T * dx, float* partial, const T* dy, const T* x, const T* weight, const float* inverse_rms,                \
            const T* residual, int rows, int features, int stages),                                                    \
           rms_norm::backward<T>(dx, partial, dy, x, weight, inverse_rms, residual, rows, features, stages))           \
    KERNEL(rms_norm_sum_rows_##name, rms_norm::THREADS, (T * sum, const float* partial, int rows, int features),       \
           rms_norm::sum_rows<T>(sum, partial, rows, features))
FOR_EACH_TYPE(DEFINE_RMS_NORM)
