// The gradient of the embedding: rows of one token are summed in order, by the one block that owns that row.
#pragma once
#include "common.cuh"

namespace embedding {

constexpr int THREADS = 256;

// Block b sums the tokens `order[starts[b]] … order[starts[b + 1] - 1]` into the row `ids[b]` of the gradient.
template <class T>
__device__ __forceinline__ void backward(T* gradient, const T* dy, const uint32_t* ids, const uint32_t* starts,
                                         const uint32_t* order, int features, int adds) {
    constexpr int SIZE = Pack<T>::SIZE;
    T* row = gradient + size_t(ids[blockIdx.x]) * features;
    const uint32_t first = starts[blockIdx.x], last = starts[blockIdx.x + 1];
    for (int i = threadIdx.x * SIZE; i < features; i += THREADS * SIZE) {
        float sums[SIZE] = {};
        if (adds) {
            const Pack<T> before = load_pack(row + i);
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                sums[j] = before.get(j);
            }
        }
        for (uint32_t token = first; token < last; ++token) {
            const Pack<T> pack = load_pack(dy + size_t(order[token]) * features + i);
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                sums[j] += pack.get(j);
            }
        }
        Pack<T> result;
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            result.set(j, sums[j]);
        }
        store_pack(row + i, result);
    }
}

}  // namespace embedding

#define DEFINE_EMBEDDING(T, name)                                                                                   \
    KERNEL(embedding_backward_##name, embedding::THREADS,                                                           \
           (T * gradient, const T* dy, const uint32_t* ids, const uint32_t* starts, const uint32_t* order,          \
            int features, int adds),                                                                                \
           embedding::backward<T>(gradient, dy, ids, starts, order, features, adds))
FOR_EACH_TYPE(DEFINE_EMBEDDING)
