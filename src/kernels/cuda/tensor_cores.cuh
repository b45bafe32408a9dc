// Products of small matrices by a warp, and copies to shared memory that do not hold a thread up.
//
// Needs compute capability 8.0. The emulation of the same words says which lane holds what.
#pragma once
#include "common.cuh"

#ifdef __CUDACC__

// A place in shared memory.
using SharedAddress = uint32_t;

__device__ __forceinline__ SharedAddress shared_address(const void* pointer) {
    return uint32_t(__cvta_generic_to_shared(pointer));
}

// Four matrices of 8 x 8 elements: lane `l` gives the address of row `l % 8` of matrix `l / 8`, and gets elements
// `2·(l % 4)` and the next of row `l / 4` of each.
__device__ __forceinline__ void load_matrices(uint32_t (&to)[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
}

// The same, with rows and columns exchanged.
__device__ __forceinline__ void load_matrices_transposed(uint32_t (&to)[4], SharedAddress row) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];"
                 : "=r"(to[0]), "=r"(to[1]), "=r"(to[2]), "=r"(to[3])
                 : "r"(row)
                 : "memory");
}

template <class T>
struct Words;
template <>
struct Words<bf16> {
    static __device__ __forceinline__ uint32_t packed(float first, float second) {
        uint32_t word;
        asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
        return word;
    }
    static __device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                                        uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
};
template <>
struct Words<f16> {
    static __device__ __forceinline__ uint32_t packed(float first, float second) {
        uint32_t word;
        asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(second), "f"(first));
        return word;
    }
    static __device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0,
                                                        uint32_t b1) {
        asm("mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0, %1, %2, %3}, {%4, %5, %6, %7}, {%8, %9}, "
            "{%0, %1, %2, %3};"
            : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
            : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
    }
};

// Two elements of T in a word, the first one in its lower half.
template <class T>
__device__ __forceinline__ uint32_t packed(float first, float second) {
    return Words<T>::packed(first, second);
}

// `c += a·b` for 16 rows, 8 columns and a depth of 16.
template <class T>
__device__ __forceinline__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    Words<T>::multiply_add(c, a, b0, b1);
}

// Begins a copy to shared memory; zeros instead where there is nothing to copy.
template <int BYTES>
__device__ __forceinline__ void copy_async(void* to, const void* from, bool there) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16, "the sizes that the device copies");
    const int read = there ? BYTES : 0;
    if constexpr (BYTES == 16) {
        asm volatile("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)), "l"(from), "r"(read)
                     : "memory");
    } else {
        asm volatile("cp.async.ca.shared.global [%0], [%1], %2, %3;" ::"r"(shared_address(to)), "l"(from), "n"(BYTES),
                     "r"(read)
                     : "memory");
    }
}

// Makes the copies begun since the last call a group.
__device__ __forceinline__ void copies_commit() { asm volatile("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the newest `LEFT` groups of this thread are not done. What other threads copied may be read after
// a barrier that follows.
template <int LEFT>
__device__ __forceinline__ void copies_wait() {
    asm volatile("cp.async.wait_group %0;" ::"n"(LEFT) : "memory");
}

// 2^x in one instruction, to about 2 units in the last place; denormals become zero.
__device__ __forceinline__ float exp2f_fast(float x) {
    float y;
    asm("ex2.approx.ftz.f32 %0, %1;" : "=f"(y) : "f"(x));
    return y;
}

#else
#include "tensor_cores.h"
#endif
