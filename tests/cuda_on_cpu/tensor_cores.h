// The tensor cores' words, and asynchronous copies, given their meaning on the threads of a CPU.
//
// Products and loads of matrices are made by a warp together: each lane holds the elements that the PTX ISA gives it,
// and a lane that does not come keeps the others waiting for ever.
#pragma once

#include <mutex>

#include "cuda_on_cpu.h"

/// A place in shared memory.
using SharedAddress = const unsigned char*;

namespace emulated {

/// What the lanes of a warp show each other for one product, or for one load of matrices.
struct Shown {
    float a[WARP][8], b[WARP][4];
    SharedAddress rows[WARP];
};

/// Two places to show things, used in turn: a lane that comes back to one has met all others at the barrier of the turn
/// between, where they had read it. So a barrier for each turn is enough.
struct Shows {
    Shown places[2];
    unsigned turns[WARP] = {};
};

/// Those of this thread's warp. One that takes the place of an earlier warp goes on with its turns, where all lanes had
/// as many.
inline Shows& shows() {
    static std::map<const Warp*, Shows> all;
#ifdef EMULATED_BY_THREADS
    // Threads are new ones for each launch. They lock once: each lock would hide a missing barrier.
    static std::mutex mutex;
    thread_local Shows* found = nullptr;
    if (found == nullptr) {
        const std::lock_guard<std::mutex> lock(mutex);
        found = &all[&current().warp()];
    }
    return *found;
#else
    return all[&current().warp()];
#endif
}

inline Shown& next_place() {
    Shows& here = shows();
    return here.places[here.turns[current().lane()]++ % 2];
}

inline float half_word(uint16_t bits, __nv_bfloat16) {
    return __bfloat162float({bits});
}

inline float half_word(uint16_t bits, __half value) {
    std::memcpy(&value, &bits, 2);
    return __half2float(value);
}

inline uint16_t half_bits(float x, __nv_bfloat16) {
    return __float2bfloat16(x).bits;
}

inline uint16_t half_bits(float x, __half value) {
    value = __float2half(x);
    uint16_t bits;
    std::memcpy(&bits, &value, 2);
    return bits;
}

/// Lane `l` gives the address of row `l % 8` of matrix `l / 8`, and gets elements `2·(l % 4)` and the next of row
/// `l / 4` of each matrix; of column `l / 4`, where they are transposed.
inline void load_matrices(uint32_t (&to)[4], SharedAddress row, bool transposed) {
    if (reinterpret_cast<uintptr_t>(row) % 16 != 0) {
        std::fprintf(stderr, "a row of a matrix does not begin at a multiple of 16 bytes\n");
        std::exit(3);
    }
    Shown& shown = next_place();
    const int lane = current().lane(), across = lane / 4, along = lane % 4 * 2;
    shown.rows[lane] = row;
    current().warp().barrier.wait();
    for (int i = 0; i < 4; ++i) {
        uint16_t pair[2];
        for (int j = 0; j < 2; ++j) {
            const int r = transposed ? along + j : across, c = transposed ? across : along + j;
            std::memcpy(&pair[j], shown.rows[i * 8 + r] + c * 2, 2);
        }
        to[i] = pair[0] | uint32_t(pair[1]) << 16;
    }
}

}  // namespace emulated

inline SharedAddress shared_address(const void* pointer) {
    return static_cast<SharedAddress>(pointer);
}

inline void load_matrices(uint32_t (&to)[4], SharedAddress row) {
    ::emulated::load_matrices(to, row, false);
}

inline void load_matrices_transposed(uint32_t (&to)[4], SharedAddress row) {
    ::emulated::load_matrices(to, row, true);
}

/// Two elements of T in a word, the first one in its lower half.
template <class T>
uint32_t packed(float first, float second) {
    return ::emulated::half_bits(first, T{}) | uint32_t(::emulated::half_bits(second, T{})) << 16;
}

/// `c += a·b` for 16 rows, 8 columns and a depth of 16, with `g = lane / 4` and `t = lane % 4`: `a` holds rows `g` and
/// `g + 8` in words 0 and 1 at depth `2t` and the next, the same rows in words 2 and 3 at depth `2t + 8`; `b0` and `b1`
/// hold column `g` at depth `2t` and `2t + 8`; `c` holds columns `2t` and the next of row `g`, then of row `g + 8`.
template <class T>
void multiply_add(float (&c)[4], const uint32_t (&a)[4], uint32_t b0, uint32_t b1) {
    ::emulated::Shown& shown = ::emulated::next_place();
    const int lane = ::emulated::current().lane(), group = lane / 4, pair = lane % 4;
    const uint32_t b[2] = {b0, b1};
    for (int i = 0; i < 8; ++i) {
        shown.a[lane][i] = ::emulated::half_word(uint16_t(a[i / 2] >> i % 2 * 16), T{});
    }
    for (int i = 0; i < 4; ++i) {
        shown.b[lane][i] = ::emulated::half_word(uint16_t(b[i / 2] >> i % 2 * 16), T{});
    }
    ::emulated::current().warp().barrier.wait();
    for (int i = 0; i < 4; ++i) {
        const int column = pair * 2 + i % 2, lower = i / 2;
        for (int k = 0; k < 16; ++k) {
            const int from = k % 8 / 2, right = k / 8;
            const float left = shown.a[group * 4 + from][(right * 2 + lower) * 2 + k % 2];
            c[i] += left * shown.b[column * 4 + from][right * 2 + k % 2];
        }
    }
}

/// Begins a copy to shared memory; zeros instead where there is nothing to copy.
template <int BYTES>
void copy_async(void* to, const void* from, bool there) {
    static_assert(BYTES == 4 || BYTES == 8 || BYTES == 16);
    if (reinterpret_cast<uintptr_t>(to) % BYTES != 0 || reinterpret_cast<uintptr_t>(from) % BYTES != 0) {
        std::fprintf(stderr, "a copy of %d bytes does not begin at a multiple of them\n", BYTES);
        std::exit(3);
    }
    ::emulated::current().open.push_back({to, from, size_t(there ? BYTES : 0), size_t(there ? 0 : BYTES)});
}

/// Makes the copies begun since the last call a group.
inline void copies_commit() {
    ::emulated::current().groups.push_back(std::move(::emulated::current().open));
    ::emulated::current().open.clear();
}

/// Waits until at most the newest `LEFT` groups of this thread are not done.
template <int LEFT>
void copies_wait() {
    auto& groups = ::emulated::current().groups;
    while (groups.size() > size_t(LEFT)) {
        for (const ::emulated::Copy& copy : groups.front()) {
            if (copy.bytes != 0) {
                std::memcpy(copy.to, copy.from, copy.bytes);
            }
            std::memset(static_cast<unsigned char*>(copy.to) + copy.bytes, 0, copy.zeros);
        }
        groups.pop_front();
    }
}
