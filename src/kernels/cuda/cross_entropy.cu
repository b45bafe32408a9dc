// Softmax and cross-entropy over rows of logits, which their gradient replaces.
#pragma once
#include "common.cuh"

namespace cross_entropy {

constexpr int THREADS = 512;

// One block for each row: `likelihood = ln p(target)`, and where a gradient is wanted the logits become
// `(softmax - onehot(target)) · scale`, with a scale for each row. A row is read twice, and written once.
template <class T>
__device__ __forceinline__ void rows(T* logits, float* likelihood, const uint32_t* targets, int vocabulary,
                                     int want_gradient, const float* scales) {
    constexpr int SIZE = Pack<T>::SIZE;
    __shared__ float largest_of[THREADS / WARP_SIZE];
    __shared__ float sum_of[THREADS / WARP_SIZE];
    T* row = logits + size_t(blockIdx.x) * vocabulary;
    const int target = int(targets[blockIdx.x]);
    float largest = -INFINITY, sum = 0.0f;
    for (int i = threadIdx.x * SIZE; i < vocabulary; i += THREADS * SIZE) {
        const Pack<T> pack = load_pack(row + i);
        float here = pack.get(0);
#pragma unroll
        for (int j = 1; j < SIZE; ++j) {
            here = fmaxf(here, pack.get(j));
        }
        if (here > largest) {
            sum *= __expf(largest - here);
            largest = here;
        }
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            sum += __expf(pack.get(j) - largest);
        }
    }
    // A thread without elements has -inf and 0; the largest of all is finite unless the row is not.
    const float of_warp = warp_max(largest);
    sum = warp_sum(largest == -INFINITY ? sum : sum * __expf(largest - of_warp));
    if (threadIdx.x % WARP_SIZE == 0) {
        largest_of[threadIdx.x / WARP_SIZE] = of_warp;
        sum_of[threadIdx.x / WARP_SIZE] = sum;
    }
    __syncthreads();
    largest = -INFINITY;
    for (int warp = 0; warp < THREADS / WARP_SIZE; ++warp) {
        largest = fmaxf(largest, largest_of[warp]);
    }
    sum = 0.0f;
    for (int warp = 0; warp < THREADS / WARP_SIZE; ++warp) {
        if (largest_of[warp] != -INFINITY) {
            sum += sum_of[warp] * __expf(largest_of[warp] - largest);
        }
    }
    const float log_sum = largest + logf(sum);
    if (threadIdx.x == 0) {
        likelihood[blockIdx.x] = to_float(row[target]) - log_sum;
    }
    if (!want_gradient) {
        return;
    }
    const float scale = scales[blockIdx.x];
    // The target's logit is read before anyone writes over it.
    __syncthreads();
    for (int i = threadIdx.x * SIZE; i < vocabulary; i += THREADS * SIZE) {
        Pack<T> pack = load_pack(row + i);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            const float p = __expf(pack.get(j) - log_sum);
            pack.set(j, (i + j == target ? p - 1.0f : p) * scale);
        }
        store_pack(row + i, pack);
    }
}

}  // namespace cross_entropy

#define DEFINE_CROSS_ENTROPY(T, name)                                                                                 \
    KERNEL(cross_entropy_rows_##name, cross_entropy::THREADS,                                                         \
           (T * logits, float* likelihood, const uint32_t* targets, int vocabulary, int want_gradient,                \
            const float* scales),                                                                                    \
           cross_entropy::rows<T>(logits, likelihood, targets, vocabulary, want_gradient, scales))
FOR_EACH_TYPE(DEFINE_CROSS_ENTROPY)
