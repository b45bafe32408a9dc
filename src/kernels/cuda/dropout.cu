// Dropout: a thread for each pack of 16 bytes. Whether an element is dropped follows from its index and the stream's key
// alone (src/random.rs); two elements share one number of 64 bits.
//
// dropout_{f32, bf16, f16}
//   Grid: ⌈packs/256⌉, 1, 1. Block: 256. Dynamic shared bytes: 0.
//   Arguments: T* y [n], const T* x [n], int64_t elements (n, whole packs), int64_t key, int64_t threshold (of 32 bits),
//   float kept, which the others are multiplied by.
#pragma once
#include "common.cuh"

namespace dropout {

constexpr int THREADS = 256;

// The finalizer of SplitMix64.
__device__ __forceinline__ uint64_t mix(uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9ull;
    value = (value ^ (value >> 27)) * 0x94d049bb133111ebull;
    return value ^ (value >> 31);
}

template <class T>
__device__ __forceinline__ void apply(T* y, const T* x, int64_t elements, uint64_t key, uint64_t threshold,
                                      float kept) {
    const int64_t i = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * Pack<T>::SIZE;
    if (i >= elements) {
        return;
    }
    const Pack<T> in = load_pack(x + i);
    Pack<T> out;
#pragma unroll
    for (int j = 0; j < Pack<T>::SIZE; j += 2) {
        const uint64_t bits = mix(key + uint64_t(i + j) / 2 * 0x9e3779b97f4a7c15ull);
        out.set(j, (bits & 0xffffffffu) < threshold ? 0.0f : in.get(j) * kept);
        out.set(j + 1, (bits >> 32) < threshold ? 0.0f : in.get(j + 1) * kept);
    }
    store_pack(y + i, out);
}

}  // namespace dropout

#define DEFINE_DROPOUT(T, name)                                                                                        \
    KERNEL(dropout_##name, dropout::THREADS,                                                                           \
           (T * y, const T* x, int64_t elements, int64_t key, int64_t threshold, float kept),                          \
           dropout::apply(y, x, elements, uint64_t(key), uint64_t(threshold), kept))
FOR_EACH_TYPE(DEFINE_DROPOUT)
