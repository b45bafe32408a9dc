// The gated activation, element by element: a thread for each pack of 16 bytes.
#pragma once
#include "common.cuh"

namespace swiglu {

constexpr int THREADS = 256;

__device__ __forceinline__ float sigmoid(float x) { return 1.0f / (1.0f + __expf(-x)); }

template <class T>
__device__ __forceinline__ void forward(T* y, const T* gate, const T* up, int64_t elements) {
    const int64_t i = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * Pack<T>::SIZE;
    if (i >= elements) {
        return;
    }
    const Pack<T> g = load_pack(gate + i), u = load_pack(up + i);
    Pack<T> result;
#pragma unroll
    for (int j = 0; j < Pack<T>::SIZE; ++j) {
        result.set(j, g.get(j) * sigmoid(g.get(j)) * u.get(j));
    }
    store_pack(y + i, result);
}

template <class T>
__device__ __forceinline__ void backward(T* d_gate, T* d_up, const T* dy, const T* gate, const T* up,
                                         int64_t elements) {
    const int64_t i = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * Pack<T>::SIZE;
    if (i >= elements) {
        return;
    }
    const Pack<T> d = load_pack(dy + i), g = load_pack(gate + i), u = load_pack(up + i);
    Pack<T> by_gate, by_up;
#pragma unroll
    for (int j = 0; j < Pack<T>::SIZE; ++j) {
        const float s = sigmoid(g.get(j)), silu = g.get(j) * s;
        by_gate.set(j, d.get(j) * u.get(j) * (s + silu * (1.0f - s)));
        by_up.set(j, d.get(j) * silu);
    }
    store_pack(d_gate + i, by_gate);
    store_pack(d_up + i, by_up);
}

}  // namespace swiglu

#define DEFINE_SWIGLU(T, name)                                                                                       \
    KERNEL(swiglu_forward_##name, swiglu::THREADS, (T * y, const T* gate, const T* up, int64_t elements),            \
           swiglu::forward<T>(y, gate, up, elements))                                                                \
    KERNEL(swiglu_backward_##name, swiglu::THREADS,                                                                  \
           (T * d_gate, T * d_up, const T* dy, const T* gate, const T* up, int64_t elements),                        \
           swiglu::backward<T>(d_gate, d_up, dy, gate, up, elements))
FOR_EACH_TYPE(DEFINE_SWIGLU)
