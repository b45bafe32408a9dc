// The gradient of the embedding: rows of one token are summed in order, by the one block that owns that row.
//
// A token with many rows is cut into pieces, so that many blocks share it: each sums a piece in order, and one adds the
// pieces, first to last.
#pragma once
#include "common.cuh"

namespace embedding {

constexpr int THREADS = 256;
// Rows that a thread asks for at once.
constexpr int AHEAD = 8;

// Some rows of one token, as the host lists them: their places in `order`, the token's id, and the row of the partial
// sums that takes their sum; or none, if these are all rows of the token.
struct Piece {
    uint32_t first, last, id, slot;
};
constexpr uint32_t NO_SLOT = 0xffffffffu;

// A token of several pieces: their sums are in adjacent rows.
struct Joined {
    uint32_t id, first, last;
};

// Block (p, c) sums columns `c · 256 packs` on of piece p.
template <class T>
__device__ __forceinline__ void backward(T* gradient, float* partial, const T* dy, const uint32_t* pieces,
                                         const uint32_t* order, int features, int adds) {
    constexpr int SIZE = Pack<T>::SIZE, PART = Pack<float>::SIZE;
    const int i = int(blockIdx.y * THREADS + threadIdx.x) * SIZE;
    if (i >= features) {
        return;
    }
    const Piece piece = reinterpret_cast<const Piece*>(pieces)[blockIdx.x];
    T* const row = gradient + size_t(piece.id) * features + i;
    float sums[SIZE] = {};
    if (adds && piece.slot == NO_SLOT) {
        const Pack<T> before = load_pack(row);
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            sums[j] = before.get(j);
        }
    }
    for (uint32_t place = piece.first; place < piece.last; place += AHEAD) {
        Pack<T> packs[AHEAD];
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; ++k) {
            if (place + k < piece.last) {
                packs[k] = load_pack(dy + size_t(order[place + k]) * features + i);
            }
        }
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; ++k) {
            if (place + k < piece.last) {
#pragma unroll
                for (int j = 0; j < SIZE; ++j) {
                    sums[j] += packs[k].get(j);
                }
            }
        }
    }
    if (piece.slot == NO_SLOT) {
        Pack<T> result;
#pragma unroll
        for (int j = 0; j < SIZE; ++j) {
            result.set(j, sums[j]);
        }
        store_pack(row, result);
        return;
    }
    float* const to = partial + size_t(piece.slot) * features + i;
#pragma unroll
    for (int j = 0; j < SIZE; j += PART) {
        store_pack(to + j, Pack<float>{{sums[j], sums[j + 1], sums[j + 2], sums[j + 3]}});
    }
}

// Block (t, c) adds the pieces of token t, four adjacent columns each thread, from `c · 1024` on.
template <class T>
__device__ __forceinline__ void join(T* gradient, const float* partial, const uint32_t* tokens, int features,
                                     int adds) {
    constexpr int SIZE = Pack<float>::SIZE;
    const int i = int(blockIdx.y * THREADS + threadIdx.x) * SIZE;
    if (i >= features) {
        return;
    }
    const Joined token = reinterpret_cast<const Joined*>(tokens)[blockIdx.x];
    T* const row = gradient + size_t(token.id) * features + i;
    float sums[SIZE] = {};
    for (uint32_t slot = token.first; slot < token.last; slot += AHEAD) {
        Pack<float> packs[AHEAD] = {};
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; ++k) {
            if (slot + k < token.last) {
                packs[k] = load_pack(partial + size_t(slot + k) * features + i);
            }
        }
#pragma unroll
        for (uint32_t k = 0; k < AHEAD; ++k) {
#pragma unroll
            for (int j = 0; j < SIZE; ++j) {
                sums[j] += packs[k].get(j);
            }
        }
    }
#pragma unroll
    for (int j = 0; j < SIZE; ++j) {
        row[j] = rounded<T>(adds ? to_float(row[j]) + sums[j] : sums[j]);
    }
}

}  // namespace embedding

#define DEFINE_EMBEDDING(T, name)                                                                                   \
    KERNEL(embedding_backward_##name, embedding::THREADS,                                                           \
           (T * gradient, float* partial, const T* dy, const uint32_t* pieces, const uint32_t* order, int features, \
            int adds),                                                                                              \
           embedding::backward<T>(gradient, partial, dy, pieces, order, features, adds))                            \
    KERNEL(embedding_join_##name, embedding::THREADS,                                                               \
           (T * gradient, const float* partial, const uint32_t* tokens, int features, int adds),                    \
           embedding::join<T>(gradient, partial, tokens, features, adds))
FOR_EACH_TYPE(DEFINE_EMBEDDING)
