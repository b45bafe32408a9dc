// Attention backward: probabilities again from the log-sum-exp, once for the keys' and values' gradients and once for
// the queries', so that each gradient is summed by one block in one order, and is the same each time.
//
// With `p = exp(scale·q·k - lse)` and `ds = p·(d_out·v - delta)`: `dv = pᵀ·d_out`, `dk = scale·dsᵀ·q` and
// `dq = scale·ds·k`.
//
// `attention_delta_d{64,128}_{bf16,f16}`: the sum of out·d_out of each row of each head
//   grid     (⌈tokens · query_heads / items⌉): items = 16 for D = 128, 32 for D = 64
//   block    256 threads
//   shared   0 bytes
//   delta    float [query_heads][tokens]  written
//   out, d_out  [tokens][query_heads · D]
//   query_heads, tokens  int
//
// `attention_backward_keys_d{64,128}_{bf16,f16}`
//   grid     (tiles, kv heads): tiles early in long documents are best listed first
//   block    256 threads
//   shared   98816 bytes for D = 128, 66560 bytes for D = 64
//   dk, dv   [tokens][kv_heads · D]       written
//   d_out, q [tokens][query_heads · D]
//   k, v     [tokens][kv_heads · D]
//   lse, delta  float [query_heads][tokens]
//   tiles    u32 [tiles][3]: KeyTile, of at most 128 keys; query and key of a token are in the same row
//   query_heads, kv_heads, tokens  int
//   scale    float
//
// `attention_backward_queries_d{64,128}_{bf16,f16}`
//   grid     (tiles, query heads): tiles late in long documents are best listed first
//   block    256 threads
//   shared   65536 bytes for D = 128, 32768 bytes for D = 64
//   dq       [tokens][query_heads · D]    written
//   d_out, q [tokens][query_heads · D]
//   k, v     [keys][kv_heads · D]
//   lse, delta  float [query_heads][tokens]
//   tiles    u32 [tiles][4]: QueryTile, of at most 128 queries
//   query_heads, kv_heads, tokens  int
//   scale    float
// Rows of `dk`, `dv` and `dq` that are in no tile keep what they hold.
#pragma once
#include "attention.cuh"

namespace attention {

template <int D>
struct Delta {
    static constexpr int THREADS = 256, LANES = D / CHUNK_SIZE, ITEMS = THREADS / LANES;
};

template <int D>
struct BackwardKeys {
    static constexpr int WARPS = 8, THREADS = WARPS * WARP_SIZE, KEYS = WARPS * 16, QUERIES = D == 64 ? 64 : 32;
    // Queries, gradients of outputs, log-sum-exps and deltas of one step.
    static constexpr int STAGE = 2 * QUERIES * D * 2 + 2 * QUERIES * 4;
    static constexpr int SHARED = 2 * KEYS * D * 2 + 2 * STAGE;
    // Of the steps of 16 along a row, those whose keys stay in registers.
    static constexpr int HELD = D == 64 ? 4 : 6;
};

template <int D>
struct BackwardQueries {
    static constexpr int WARPS = 8, THREADS = WARPS * WARP_SIZE, QUERIES = WARPS * 16, KEYS = 64;
    // Keys and values of one step. At the start the two stages hold the queries and the gradients of outputs.
    static constexpr int STAGE = 2 * KEYS * D * 2;
    static constexpr int SHARED = 2 * STAGE;
    static_assert(STAGE == QUERIES * D * 2, "a stage holds all queries");
};

// Some adjacent lanes for each row of each head.
template <class T, int D>
__device__ __forceinline__ void delta_of(float* delta, const T* out, const T* d_out, int query_heads, int tokens) {
    constexpr int LANES = Delta<D>::LANES;
    const int lane = threadIdx.x % LANES;
    const size_t item = size_t(blockIdx.x) * Delta<D>::ITEMS + threadIdx.x / LANES;
    const bool exists = item < size_t(tokens) * query_heads;
    float sum = 0.0f;
    if (exists) {
        const Pack<T> a = load_pack(out + item * D + lane * CHUNK_SIZE);
        const Pack<T> b = load_pack(d_out + item * D + lane * CHUNK_SIZE);
#pragma unroll
        for (int j = 0; j < CHUNK_SIZE; ++j) {
            sum += a.get(j) * b.get(j);
        }
    }
#pragma unroll
    for (int mask = LANES / 2; mask > 0; mask /= 2) {
        sum += __shfl_xor_sync(ALL_LANES, sum, mask);
    }
    if (exists && lane == 0) {
        delta[item % query_heads * tokens + item / query_heads] = sum;
    }
}

// Two adjacent floats, read at once.
struct alignas(8) Floats {
    float values[2];
};

// A warp has 16 keys, and computes their scores transposed: so these are the left side of the products with queries and
// gradients as they are, and never leave the registers. Keys beyond the document may become infinite or NaN, but each
// has a row of its own, which is not written.
template <class T, int D>
__device__ __forceinline__ void backward_keys(T* dk, T* dv, const T* d_out, const T* q, const T* k, const T* v,
                                              const float* lse, const float* delta, const uint32_t* tiles,
                                              int query_heads, int kv_heads, int tokens, float scale) {
    using Shape = BackwardKeys<D>;
    constexpr int N = Shape::QUERIES / 8, QUERIES = Shape::QUERIES, THREADS = Shape::THREADS;
    DYNAMIC_SHARED(shared);
    unsigned char* const value_rows = shared + bytes_of<D>(Shape::KEYS);
    unsigned char* const stages = value_rows + bytes_of<D>(Shape::KEYS);
    const KeyTile tile = reinterpret_cast<const KeyTile*>(tiles)[blockIdx.x];
    const int keys = int(tile.rows), queries = int(tile.end - tile.row);
    const int kv_head = blockIdx.y, group = query_heads / kv_heads;
    const size_t stride = size_t(query_heads) * D, kv_stride = size_t(kv_heads) * D;
    const size_t at = tile.row * kv_stride + kv_head * D;
    copy_rows<D, Shape::KEYS, THREADS>(shared, k + at, kv_stride, keys);
    copy_rows<D, Shape::KEYS, THREADS>(value_rows, v + at, kv_stride, keys);

    // The queries from the tile's first token on, for each head that reads these keys.
    const auto fetch = [&](int head, int first, unsigned char* stage) {
        const size_t row = size_t(tile.row) + first, from = row * stride + head * D;
        copy_rows<D, QUERIES, THREADS>(stage, q + from, stride, queries - first);
        copy_rows<D, QUERIES, THREADS>(stage + bytes_of<D>(QUERIES), d_out + from, stride, queries - first);
        const int i = threadIdx.x % QUERIES, what = int(threadIdx.x) / QUERIES;
        if (what < 2) {
            const bool exists = first + i < queries;
            const float* floats = (what == 0 ? lse : delta) + size_t(head) * tokens + row;
            copy_async<4>(stage + 2 * bytes_of<D>(QUERIES) + threadIdx.x * 4, floats + (exists ? i : 0), exists);
        }
        copies_commit();
    };
    fetch(kv_head * group, 0, stages);

    const Lanes<D> lanes;
    const int lane = threadIdx.x % WARP_SIZE, own = int(threadIdx.x) / WARP_SIZE * 16;
    const SharedAddress own_keys = shared_address(shared) + bytes_of<D>(own);
    const SharedAddress own_values = own_keys + bytes_of<D>(Shape::KEYS);
    const float scale_log2 = scale * LOG2_E;
    // Each warp keeps as much of its keys as its registers have room for: reads of shared memory are what it waits for.
    copies_wait<0>();
    __syncthreads();
    uint32_t held[Shape::HELD][1][4];
#pragma unroll
    for (int step = 0; step < Shape::HELD; ++step) {
        load_left<D>(held[step], own_keys, lanes, step);
    }
    float sums_k[1][D / 8][4] = {}, sums_v[1][D / 8][4] = {};
    const int end = (kv_head + 1) * group;
    int stage = 0;
    for (int head = kv_head * group, first = 0; head < end;) {
        copies_wait<0>();
        // This step's rows are there, and nobody reads the other stage any more.
        __syncthreads();
        const bool last = first + QUERIES >= queries;
        const int next_head = last ? head + 1 : head, next = last ? 0 : first + QUERIES;
        if (next_head < end) {
            fetch(next_head, next, stages + (stage ^ Shape::STAGE));
        }
        // Queries before all of the warp's keys see none of them.
        if (first + QUERIES > own && own < keys) {
            const unsigned char* here = stages + stage;
            const SharedAddress query_rows = shared_address(here);
            const SharedAddress gradient_rows = query_rows + bytes_of<D>(QUERIES);
            const unsigned char* floats = here + 2 * bytes_of<D>(QUERIES) + lane % 4 * 8;
            float p[1][N][4], ds[1][N][4];
#pragma unroll
            for (int n = 0; n < N; ++n) {
                p[0][n][0] = p[0][n][1] = p[0][n][2] = p[0][n][3] = 0.0f;
            }
#pragma unroll
            for (int step = 0; step < D / 16; ++step) {
                uint32_t left[1][4];
                if (step >= Shape::HELD) {
                    load_left<D>(left, own_keys, lanes, step);
                }
                multiply_rows<T, D>(p, step < Shape::HELD ? held[step % Shape::HELD] : left, query_rows, lanes, step);
            }
            rows_by_rows<T, D>(ds, own_values, gradient_rows, lanes);
            const bool masked = first < own + 15;
            const int column = first + lane % 4 * 2 - own - lane / 4;
#pragma unroll
            for (int n = 0; n < N; ++n) {
                const Floats of_lse = *reinterpret_cast<const Floats*>(floats + n * 32);
                const Floats of_delta = *reinterpret_cast<const Floats*>(floats + QUERIES * 4 + n * 32);
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    float likely = exp2f_fast(fmaf(p[0][n][j], scale_log2, -of_lse.values[j % 2] * LOG2_E));
                    if (masked && column + n * 8 + j % 2 < j / 2 * 8) {
                        likely = 0.0f;
                    }
                    p[0][n][j] = likely;
                    ds[0][n][j] = likely * (ds[0][n][j] - of_delta.values[j % 2]);
                }
            }
            uint32_t left_side[1][N / 2][4];
            as_left<T>(left_side[0], p[0]);
            add_product<T, D>(sums_v, left_side, gradient_rows, lanes);
            as_left<T>(left_side[0], ds[0]);
            add_product<T, D>(sums_k, left_side, query_rows, lanes);
        }
        head = next_head;
        first = next;
        stage ^= Shape::STAGE;
    }
    // No other warp uses the rows of these keys and values.
    const size_t to = at + own * kv_stride;
    write_rows<T, D>(dk + to, kv_stride, keys - own, sums_k[0], scale, scale, shared + bytes_of<D>(own));
    write_rows<T, D>(dv + to, kv_stride, keys - own, sums_v[0], 1.0f, 1.0f, value_rows + bytes_of<D>(own));
}

// A warp has 16 queries, and holds them and the gradients of their outputs in registers.
template <class T, int D>
__device__ __forceinline__ void backward_queries(T* dq, const T* d_out, const T* q, const T* k, const T* v,
                                                 const float* lse, const float* delta, const uint32_t* tiles,
                                                 int query_heads, int kv_heads, int tokens, float scale) {
    using Shape = BackwardQueries<D>;
    constexpr int N = Shape::KEYS / 8, KEYS = Shape::KEYS, THREADS = Shape::THREADS;
    DYNAMIC_SHARED(shared);
    const QueryTile tile = reinterpret_cast<const QueryTile*>(tiles)[blockIdx.x];
    const int rows = int(tile.rows), position = int(tile.position), keys = position + rows;
    const int head = blockIdx.y, kv_head = head / (query_heads / kv_heads);
    const size_t stride = size_t(query_heads) * D, kv_stride = size_t(kv_heads) * D;
    const size_t at = tile.row * stride + head * D;
    k += tile.key * kv_stride + kv_head * D;
    v += tile.key * kv_stride + kv_head * D;
    copy_rows<D, Shape::QUERIES, THREADS>(shared, q + at, stride, rows);
    copy_rows<D, Shape::QUERIES, THREADS>(shared + Shape::STAGE, d_out + at, stride, rows);
    copies_commit();

    const Lanes<D> lanes;
    const int lane = threadIdx.x % WARP_SIZE, own = int(threadIdx.x) / WARP_SIZE * 16;
    const float scale_log2 = scale * LOG2_E;
    float lse_log2[2] = {}, mean[2] = {};
#pragma unroll
    for (int half = 0; half < 2; ++half) {
        const int row = own + half * 8 + lane / 4;
        if (row < rows) {
            const size_t place = size_t(head) * tokens + tile.row + row;
            lse_log2[half] = lse[place] * LOG2_E;
            mean[half] = delta[place];
        }
    }
    copies_wait<0>();
    __syncthreads();
    uint32_t queries[D / 16][1][4], gradients[D / 16][1][4];
#pragma unroll
    for (int step = 0; step < D / 16; ++step) {
        const SharedAddress from = shared_address(shared) + bytes_of<D>(own);
        load_left<D>(queries[step], from, lanes, step);
        load_left<D>(gradients[step], from + Shape::STAGE, lanes, step);
    }
    // Before keys and values take the place.
    __syncthreads();
    const auto fetch = [&](int key, unsigned char* stage) {
        copy_rows<D, KEYS, THREADS>(stage, k + key * kv_stride, kv_stride, keys - key);
        copy_rows<D, KEYS, THREADS>(stage + bytes_of<D>(KEYS), v + key * kv_stride, kv_stride, keys - key);
        copies_commit();
    };
    fetch(0, shared);
    // Keys before this one are seen by some query of the warp.
    const int reach = own < rows ? position + own + 16 : 0;
    float sums[1][D / 8][4] = {};
    int stage = 0;
    for (int key = 0; key < keys; key += KEYS) {
        copies_wait<0>();
        // This step's rows are there, and nobody reads the other stage any more.
        __syncthreads();
        if (key + KEYS < keys) {
            fetch(key + KEYS, shared + (stage ^ Shape::STAGE));
        }
        if (key < reach) {
            const SharedAddress key_rows = shared_address(shared + stage);
            const SharedAddress value_rows = key_rows + bytes_of<D>(KEYS);
            float p[1][N][4] = {}, ds[1][N][4] = {};
#pragma unroll
            for (int step = 0; step < D / 16; ++step) {
                multiply_rows<T, D>(p, queries[step], key_rows, lanes, step);
            }
#pragma unroll
            for (int step = 0; step < D / 16; ++step) {
                multiply_rows<T, D>(ds, gradients[step], value_rows, lanes, step);
            }
            const bool masked = key + KEYS - 1 > position + own;
            const int column = key + lane % 4 * 2 - position - own - lane / 4;
#pragma unroll
            for (int n = 0; n < N; ++n) {
#pragma unroll
                for (int j = 0; j < 4; ++j) {
                    float likely = exp2f_fast(fmaf(p[0][n][j], scale_log2, -lse_log2[j / 2]));
                    // Not a product with zero: beyond the document the exponential may be infinite.
                    if (masked && column + n * 8 + j % 2 > j / 2 * 8) {
                        likely = 0.0f;
                    }
                    ds[0][n][j] = likely * (ds[0][n][j] - mean[j / 2]);
                }
            }
            uint32_t left_side[1][N / 2][4];
            as_left<T>(left_side[0], ds[0]);
            add_product<T, D>(sums, left_side, key_rows, lanes);
        }
        stage ^= Shape::STAGE;
    }
    // Before the sums take the place of keys that another warp may still read.
    __syncthreads();
    write_rows<T, D>(dq + at + own * stride, stride, rows - own, sums[0], scale, scale, shared + bytes_of<D>(own));
}

}  // namespace attention

#define DEFINE_ATTENTION_BACKWARD(D, T)                                                                               \
    KERNEL(attention_delta_d##D##_##T, attention::Delta<D>::THREADS,                                                  \
           (float* delta, const T* out, const T* d_out, int query_heads, int tokens),                                 \
           (attention::delta_of<T, D>(delta, out, d_out, query_heads, tokens)))                                       \
    KERNEL(attention_backward_keys_d##D##_##T, attention::BackwardKeys<D>::THREADS,                                   \
           (T * dk, T * dv, const T* d_out, const T* q, const T* k, const T* v, const float* lse, const float* delta, \
            const uint32_t* tiles, int query_heads, int kv_heads, int tokens, float scale),                           \
           (attention::backward_keys<T, D>(dk, dv, d_out, q, k, v, lse, delta, tiles, query_heads, kv_heads, tokens,  \
                                           scale)))                                                                   \
    KERNEL(attention_backward_queries_d##D##_##T, attention::BackwardQueries<D>::THREADS,                             \
           (T * dq, const T* d_out, const T* q, const T* k, const T* v, const float* lse, const float* delta,         \
            const uint32_t* tiles, int query_heads, int kv_heads, int tokens, float scale),                           \
           (attention::backward_queries<T, D>(dq, d_out, q, k, v, lse, delta, tiles, query_heads, kv_heads, tokens,   \
                                              scale)))
FOR_EACH_HEAD(DEFINE_ATTENTION_BACKWARD)
