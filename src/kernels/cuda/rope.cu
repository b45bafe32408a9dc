// Rotary position embedding: feature `i` of a head turns together with feature `i + half`.
#pragma once
#include "common.cuh"

namespace rope {

constexpr int THREADS = 256;

// One block for each token; a thread turns a pack of one half against the same pack of the other. `cos` and `sin` are
// `[positions][half]`; a direction of -1 turns back.
template <class T>
__device__ __forceinline__ void turn(T* y, const T* x, const uint32_t* positions, const float* cos, const float* sin,
                                     int heads, int half, float direction) {
    constexpr int SIZE = Pack<T>::SIZE;
    const size_t start = size_t(blockIdx.x) * heads * half * 2;
    const size_t angles = size_t(positions[blockIdx.x]) * half;
    const int packs = half / SIZE;
    for (int item = threadIdx.x; item < heads * packs; item += THREADS) {
        const int i = item % packs * SIZE;
        const size_t at = start + size_t(item / packs) * half * 2 + i;
        const Pack<T> first = load_pack(x + at), second = load_pack(x + at + half);
        Pack<T> turned_first, turned_second;
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            const float c = cos[angles + i + j], s = sin[angles + i + j] * direction;
            turned_first.set(j, first.get(j) * c - second.get(j) * s);
            turned_second.set(j, second.get(j) * c + first.get(j) * s);
        }
        store_pack(y + at, turned_first);
        store_pack(y + at + half, turned_second);
    }
}

}  // namespace rope

#define DEFINE_ROPE(T, name)                                                                                        \
    KERNEL(rope_turn_##name, rope::THREADS,                                                                         \
           (T * y, const T* x, const uint32_t* positions, const float* cos, const float* sin, int heads, int half,  \
            float direction),                                                                                       \
           rope::turn<T>(y, x, positions, cos, sin, heads, half, direction))
FOR_EACH_TYPE(DEFINE_ROPE)
