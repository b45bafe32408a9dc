// RMS normalisation, with the residual connection before it (forward) or beside it (backward) in the same pass.
#pragma once
#include "common.cuh"

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

// Rows b, b + blocks, … belong to block b. `dx` is the gradient by the input, plus `residual` where there is one. Where
// `partial` is given, `[blocks][features]`, each block writes its rows' part of the weight's gradient there; the block's
// shared memory holds it meanwhile.
template <class T>
__device__ __forceinline__ void backward(T* dx, float* partial, const T* dy, const T* x, const T* weight,
                                         const float* inverse_rms, const T* residual, int rows, int features) {
    DYNAMIC_SHARED(shared);
    float* sums = reinterpret_cast<float*>(shared);
    __shared__ float scratch[THREADS / WARP_SIZE];
    constexpr int SIZE = Pack<T>::SIZE;
    if (partial != nullptr) {
        for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
            for (int j = 0; j < SIZE; ++j) {
                sums[i + j] = 0.0f;
            }
        }
    }
    for (int row = blockIdx.x; row < rows; row += gridDim.x) {
        const size_t start = size_t(row) * features;
        const float inverse = inverse_rms[row];
        float products = 0.0f;
        for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
            const Pack<T> d = load_pack(dy + start + i), v = load_pack(x + start + i), w = load_pack(weight + i);
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                products += d.get(j) * w.get(j) * v.get(j);
            }
        }
        const float along = block_sum(products, scratch) / features * inverse * inverse;
        for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
            const Pack<T> d = load_pack(dy + start + i), v = load_pack(x + start + i), w = load_pack(weight + i);
            Pack<T> result, more;
            if (residual != nullptr) {
                more = load_pack(residual + start + i);
            }
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                const float gradient = (d.get(j) * w.get(j) - v.get(j) * along) * inverse;
                result.set(j, residual == nullptr ? gradient : gradient + more.get(j));
                if (partial != nullptr) {
                    sums[i + j] += d.get(j) * v.get(j) * inverse;
                }
            }
            store_pack(dx + start + i, result);
        }
        // Before the scratch is used again.
        __syncthreads();
    }
    if (partial != nullptr) {
        for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
            for (int j = 0; j < SIZE; ++j) {
                partial[size_t(blockIdx.x) * features + i + j] = sums[i + j];
            }
        }
    }
}

// The sum of `rows` rows, first to last; a thread for each column.
template <class T>
__device__ __forceinline__ void sum_rows(T* sum, const float* partial, int rows, int features) {
    const int i = blockIdx.x * THREADS + threadIdx.x;
    if (i >= features) {
        return;
    }
    float total = 0.0f;
    for (int row = 0; row < rows; ++row) {
        total += partial[size_t(row) * features + i];
    }
    sum[i] = rounded<T>(total);
}

}  // namespace rms_norm

#define DEFINE_RMS_NORM(T, name)                                                                                       \
    KERNEL(rms_norm_forward_##name, rms_norm::THREADS,                                                                 \
           (T * y, T * sum, float* inverse_rms, const T* x, const T* delta, const T* weight, int features,             \
            float epsilon),                                                                                            \
           rms_norm::forward<T>(y, sum, inverse_rms, x, delta, weight, features, epsilon))                             \
    KERNEL(rms_norm_backward_##name, rms_norm::THREADS,                                                                \
           (T * dx, float* partial, const T* dy, const T* x, const T* weight, const float* inverse_rms,                \
            const T* residual, int rows, int features),                                                                \
           rms_norm::backward<T>(dx, partial, dy, x, weight, inverse_rms, residual, rows, features))                   \
    KERNEL(rms_norm_sum_rows_##name, rms_norm::THREADS, (T * sum, const float* partial, int rows, int features),       \
           rms_norm::sum_rows<T>(sum, partial, rows, features))
FOR_EACH_TYPE(DEFINE_RMS_NORM)
