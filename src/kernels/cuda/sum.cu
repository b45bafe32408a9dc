// Adding one tensor into another, which may be wider: where gradients of several micro-steps add up.
#pragma once
#include "common.cuh"

namespace sum {

constexpr int THREADS = 256;

// `target += addend`: a thread for each pack of 16 bytes of the addend, which is two packs of a target in f32.
template <class S, class T>
__device__ __forceinline__ void add(S* target, const T* addend, int64_t elements) {
    constexpr int SIZE = Pack<T>::SIZE, PART = Pack<S>::SIZE;
    const int64_t i = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * SIZE;
    if (i >= elements) {
        return;
    }
    const Pack<T> more = load_pack(addend + i);
#pragma unroll
    for (int part = 0; part < SIZE; part += PART) {
        Pack<S> pack = load_pack(target + i + part);
#pragma unroll
        for (int j = 0; j < PART; ++j) {
            pack.set(j, pack.get(j) + more.get(part + j));
        }
        store_pack(target + i + part, pack);
    }
}

}  // namespace sum

#define DEFINE_SUM(T, name)                                                                                  \
    KERNEL(sum_add_##name, sum::THREADS, (T * target, const T* addend, int64_t elements),                    \
           sum::add(target, addend, elements))                                                         \
    KERNEL(sum_add_to_f32_##name, sum::THREADS, (float* target, const T* addend, int64_t elements),          \
           sum::add(target, addend, elements))
FOR_EACH_TYPE(DEFINE_SUM)
