// What all kernels share: storage types, packs of 16 bytes, sums over a warp and a block.
//
// Elements are stored as float, bf16 or f16 and computed with as float. Every sum has a fixed order, so that a kernel
// gives the same bits each time it runs.
#pragma once

#ifdef __CUDACC__
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <stdint.h>
#define DYNAMIC_SHARED(name) extern __shared__ __align__(16) unsigned char name[]
// A kernel by a name that the host finds: its parameters, and the call of a device function with them.
#define KERNEL(name, threads, parameters, call) \
    extern "C" __global__ void __launch_bounds__(threads) name parameters { call; }
// The same, with so few registers that a multiprocessor runs so many blocks at a time.
#define KERNEL_OF_BLOCKS(name, threads, blocks, parameters, call) \
    extern "C" __global__ void __launch_bounds__(threads, blocks) name parameters { call; }
#else
#include "cuda_on_cpu.h"
#define DYNAMIC_SHARED(name) unsigned char* name = ::emulated::current().in->dynamic_shared()
#define KERNEL(name, threads, parameters, call) \
    extern "C" void name parameters { call; }   \
    static const ::emulated::Registered registered_##name(#name, name);
#define KERNEL_OF_BLOCKS(name, threads, blocks, parameters, call) KERNEL(name, threads, parameters, call)
#endif

using bf16 = __nv_bfloat16;
using f16 = __half;

// The kernel for each storage type: `define(float, f32)` and so on.
#define FOR_EACH_TYPE(define) define(float, f32) define(bf16, bf16) define(f16, f16)

constexpr int WARP_SIZE = 32;
constexpr unsigned ALL_LANES = 0xffffffffu;

__device__ __forceinline__ float to_float(float x) { return x; }
__device__ __forceinline__ float to_float(bf16 x) { return __bfloat162float(x); }
__device__ __forceinline__ float to_float(f16 x) { return __half2float(x); }

template <class T>
struct Rounded;
template <>
struct Rounded<float> {
    static __device__ __forceinline__ float from(float x) { return x; }
};
template <>
struct Rounded<bf16> {
    static __device__ __forceinline__ bf16 from(float x) { return __float2bfloat16(x); }
};
template <>
struct Rounded<f16> {
    static __device__ __forceinline__ f16 from(float x) { return __float2half(x); }
};

// The nearest value that T holds.
template <class T>
__device__ __forceinline__ T rounded(float x) {
    return Rounded<T>::from(x);
}

// 16 bytes of adjacent elements, read and written at once.
template <class T>
struct alignas(16) Pack {
    static constexpr int SIZE = 16 / sizeof(T);
    T values[SIZE];

    __device__ __forceinline__ float get(int i) const { return to_float(values[i]); }
    __device__ __forceinline__ void set(int i, float x) { values[i] = rounded<T>(x); }
};

template <class T>
__device__ __forceinline__ Pack<T> load_pack(const T* from) {
    return *reinterpret_cast<const Pack<T>*>(from);
}

template <class T>
__device__ __forceinline__ void store_pack(T* to, const Pack<T>& pack) {
    *reinterpret_cast<Pack<T>*>(to) = pack;
}

// The sum over the lanes of a warp, in every lane.
template <class F>
__device__ __forceinline__ F warp_sum(F x) {
#pragma unroll
    for (int mask = WARP_SIZE / 2; mask > 0; mask /= 2) {
        x += __shfl_xor_sync(ALL_LANES, x, mask);
    }
    return x;
}

__device__ __forceinline__ float warp_max(float x) {
#pragma unroll
    for (int mask = WARP_SIZE / 2; mask > 0; mask /= 2) {
        x = fmaxf(x, __shfl_xor_sync(ALL_LANES, x, mask));
    }
    return x;
}

// The largest magnitude of the values that adjacent lanes have, in each of them; all lanes of the warp take part.
template <int LANES, int EACH>
__device__ __forceinline__ float largest_magnitude(const float (&values)[EACH]) {
    // As integers magnitudes have the same order, and NaN is larger than all: what went wrong stays to be seen.
    unsigned bits = 0;
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        const unsigned magnitude = __float_as_uint(values[i]) & 0x7fffffffu;
        bits = magnitude > bits ? magnitude : bits;
    }
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2) {
        const unsigned other = __shfl_xor_sync(ALL_LANES, bits, mask);
        bits = other > bits ? other : bits;
    }
    return __uint_as_float(bits);
}

// The sum over the threads of a block, in every thread. `scratch` holds one F for each warp; it may be used again after
// the next barrier.
template <class F>
__device__ __forceinline__ F block_sum(F x, F* scratch) {
    const int warps = int(blockDim.x) / WARP_SIZE;
    x = warp_sum(x);
    if (threadIdx.x % WARP_SIZE == 0) {
        scratch[threadIdx.x / WARP_SIZE] = x;
    }
    __syncthreads();
    F sum = F(0);
    for (int warp = 0; warp < warps; ++warp) {
        sum += scratch[warp];
    }
    return sum;
}
