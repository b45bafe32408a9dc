// NF4: weights in 4 bits. (QLoRA, Dettmers et al. 2023, arXiv:2305.14314)
//
// 64 adjacent elements are a block: a float, the largest magnitude among them, and for each element the index of one of
// 16 levels; an element is its level times the largest magnitude. Two codes lie in a byte, the first in the upper half.
// Where elements are odd in number, the last byte's lower half is the level zero.
//
// nf4_quantize_{f32, bf16, f16}
//   Grid: ⌈n/2048⌉, 1, 1. Block: 256. Dynamic shared bytes: 0.
//   Arguments: uint8_t* codes [⌈n/2⌉], float* absmax [⌈n/64⌉], const T* x [n], int64_t elements (n).
//
// nf4_dequantize_{f32, bf16, f16}: the largest magnitudes less `offset`, their mean, are in 8 bits themselves, in
// blocks of 256: an entry of a map of 256 floats, times the largest magnitude of those.
//   Grid: ⌈n/8192⌉, 1, 1. Block: 256. Dynamic shared bytes: 0.
//   Arguments: T* y [n], const uint8_t* codes [⌈n/2⌉], const uint8_t* absmax_codes [⌈n/64⌉],
//   const float* absmax [⌈⌈n/64⌉/256⌉], const float* map [256], float offset, int64_t elements (n).
#pragma once
#include "common.cuh"

namespace nf4 {

constexpr int THREADS = 256;
// Elements that share a largest magnitude.
constexpr int BLOCK = 64;
// Largest magnitudes that share one of their own.
constexpr int BLOCK_OF_BLOCKS = 256;
constexpr int CODES = 16;
// Codes of a word of 32 bits.
constexpr int EACH = 8;
// Words that a thread takes at a time.
constexpr int WORDS = 4;

// Quantiles of the normal distribution, 8 on the upper side and 7 on the lower, and zero, scaled to end at −1 and 1.
__device__ constexpr float LEVELS[CODES] = {
    -1.0f,        -0.69619280f, -0.52507305f, -0.39491749f, -0.28444138f, -0.18477343f, -0.091050036f, 0.0f,
    0.079580300f, 0.16093020f,  0.24611230f,  0.33791524f,  0.44070983f,  0.56261700f,  0.72295684f,   1.0f};

// The code of the nearest level; of two equally near, the lower.
__device__ __forceinline__ uint32_t nearest(float x) {
    uint32_t code = 0;
#pragma unroll
    for (int i = 0; i + 1 < CODES; ++i) {
        code += x > 0.5f * (LEVELS[i] + LEVELS[i + 1]) ? 1 : 0;
    }
    return code;
}

// By how much a word is shifted for the code of its element i.
__device__ __forceinline__ int shift_of(int i) { return i / 2 * 8 + (i % 2 == 0 ? 4 : 0); }

template <class T>
__device__ __forceinline__ bool lies_at(const T* place, int bytes) {
    return reinterpret_cast<uintptr_t>(place) % unsigned(bytes) == 0;
}

// How many of the elements from `start` on a word holds.
__device__ __forceinline__ int count_from(int64_t start, int64_t elements) {
    const int64_t left = elements - start;
    return left >= EACH ? EACH : left > 0 ? int(left) : 0;
}

// A thread for each word, 8 adjacent ones for each block. No thread leaves early: the others look at its elements.
template <class T>
__device__ __forceinline__ void quantize(uint8_t* codes, float* absmax, const T* x, int64_t elements) {
    constexpr int LANES = BLOCK / EACH, SIZE = Pack<T>::SIZE;
    const int64_t start = (int64_t(blockIdx.x) * THREADS + threadIdx.x) * EACH;
    const int count = count_from(start, elements);
    float values[EACH];
    if (count == EACH && lies_at(x, 16)) {
#pragma unroll
        for (int i = 0; i < EACH; i += SIZE) {
            const Pack<T> pack = load_pack(x + start + i);
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                values[i + j] = pack.get(j);
            }
        }
    } else {
#pragma unroll
        for (int i = 0; i < EACH; ++i) {
            values[i] = i < count ? to_float(x[start + i]) : 0.0f;
        }
    }
    const float largest = largest_magnitude<LANES>(values), divisor = largest > 0.0f ? largest : 1.0f;
    uint32_t word = 0;
#pragma unroll
    for (int i = 0; i < EACH; ++i) {
        word |= nearest(values[i] / divisor) << shift_of(i);
    }
    if (count == EACH && lies_at(codes, 4)) {
        *reinterpret_cast<uint32_t*>(codes + start / 2) = word;
    } else {
        for (int byte = 0; 2 * byte < count; ++byte) {
            codes[start / 2 + byte] = uint8_t(word >> (8 * byte));
        }
    }
    if (count > 0 && threadIdx.x % LANES == 0) {
        absmax[start / BLOCK] = largest;
    }
}

// The largest magnitude of each block, in 8 bits.
struct Absmax {
    const uint8_t* codes;
    const float* values;
    const float* map;
    float offset;

    __device__ __forceinline__ float of(int64_t block) const {
        return __ldg(map + codes[block]) * values[block / BLOCK_OF_BLOCKS] + offset;
    }
};

// A whole word of each lane, written in packs. Lanes that write side by side write side by side places, so where a pack
// is half a word, each takes the word that its place needs from the lane that has read it.
template <class T>
__device__ __forceinline__ void write_words(T* y, uint32_t word, float scale, const float* levels) {
    constexpr int SIZE = Pack<T>::SIZE, PACKS = EACH / SIZE;
    const int lane = int(threadIdx.x) % WARP_SIZE;
#pragma unroll
    for (int i = 0; i < PACKS; ++i) {
        const int pack_of_warp = i * WARP_SIZE + lane;
        uint32_t from = word;
        float factor = scale;
        if (PACKS > 1) {
            from = __shfl_sync(ALL_LANES, word, pack_of_warp / PACKS) >> (pack_of_warp % PACKS * (32 / PACKS));
            factor = __shfl_sync(ALL_LANES, scale, pack_of_warp / PACKS);
        }
        Pack<T> pack;
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            pack.set(j, levels[(from >> shift_of(j)) & 15] * factor);
        }
        store_pack(y + pack_of_warp * SIZE, pack);
    }
}

// 256 threads do 4 words of each thread. All reads come first, so that they wait together; each largest magnitude is
// found by one thread, for the 8 that need it.
template <class T>
__device__ __forceinline__ void dequantize(T* y, const uint8_t* codes, Absmax absmax, int64_t elements) {
    constexpr int WORDS_OF_BLOCK = BLOCK / EACH, SCALES = WORDS * THREADS / WORDS_OF_BLOCK;
    static_assert(SCALES <= THREADS, "a thread finds one at most");
    // In shared memory, where lanes that look up different levels do not wait for each other.
    __shared__ float levels[CODES];
    __shared__ float scales[SCALES];
    const int64_t first = int64_t(blockIdx.x) * WORDS * THREADS, last = first + WORDS * THREADS;
    const bool whole = last * EACH <= elements && lies_at(y, 16) && lies_at(codes, 4);
    uint32_t words[WORDS] = {};
    if (whole) {
#pragma unroll
        for (int i = 0; i < WORDS; ++i) {
            words[i] = __ldg(reinterpret_cast<const uint32_t*>(codes) + first + i * THREADS + threadIdx.x);
        }
        if (threadIdx.x < SCALES) {
            scales[threadIdx.x] = absmax.of(first / WORDS_OF_BLOCK + threadIdx.x);
        }
    }
    if (threadIdx.x < CODES) {
        levels[threadIdx.x] = LEVELS[threadIdx.x];
    }
    __syncthreads();
    if (whole) {
#pragma unroll
        for (int i = 0; i < WORDS; ++i) {
            const int64_t word_of_warp = first + i * THREADS + threadIdx.x / WARP_SIZE * WARP_SIZE;
            const float scale = scales[(i * THREADS + threadIdx.x) / WORDS_OF_BLOCK];
            write_words(y + word_of_warp * EACH, words[i], scale, levels);
        }
        return;
    }
    for (int64_t word = first + threadIdx.x; word < last; word += THREADS) {
        const int64_t start = word * EACH;
        const int count = count_from(start, elements);
        const float scale = count > 0 ? absmax.of(start / BLOCK) : 0.0f;
        for (int i = 0; i < count; ++i) {
            const unsigned byte = codes[(start + i) / 2];
            y[start + i] = rounded<T>(levels[(i % 2 == 0 ? byte >> 4 : byte) & 15] * scale);
        }
    }
}

}  // namespace nf4

#define DEFINE_NF4(T, name)                                                                                            \
    KERNEL(nf4_quantize_##name, nf4::THREADS, (uint8_t * codes, float* absmax, const T* x, int64_t elements),          \
           nf4::quantize(codes, absmax, x, elements))                                                                  \
    KERNEL(nf4_dequantize_##name, nf4::THREADS,                                                                        \
           (T * y, const uint8_t* codes, const uint8_t* absmax_codes, const float* absmax, const float* map,           \
            float offset, int64_t elements),                                                                           \
           nf4::dequantize(y, codes, {absmax_codes, absmax, map, offset}, elements))
FOR_EACH_TYPE(DEFINE_NF4)
