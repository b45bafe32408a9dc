// Attention forward: causal inside each document, blind to the others, with a running softmax.
//
// `attention_forward_d{64,128}_{bf16,f16}`
//   grid     (tiles, query heads): tile `x` for head `y`; tiles late in long documents are best listed first
//   block    128 threads
//   shared   65536 bytes for D = 128, 32768 bytes for D = 64
//   out      [tokens][query_heads · D]    written
//   lse      float [query_heads][tokens]  written: the log-sum-exp of each query's scores, in nats
//   q        [tokens][query_heads · D]
//   k, v     [keys][kv_heads · D]
//   tiles    u32 [tiles][4]: QueryTile, of at most 128 queries
//   query_heads, kv_heads, tokens  int
//   scale    float: what scores are multiplied by
// Rows of `out` and `lse` that are in no tile keep what they hold.
#pragma once
#include "attention.cuh"

namespace attention {

template <int D>
struct Forward {
    static constexpr int WARPS = 4, THREADS = WARPS * WARP_SIZE;
    // A warp has two tiles of 16 queries, so that each key and value that it loads is used twice.
    static constexpr int TILES = 2, QUERIES = WARPS * TILES * 16, KEYS = 64;
    static constexpr int SHARED = (QUERIES + 2 * KEYS) * D * 2;
};

// The softmax of some rows so far: two rows for each tile of 16.
template <int M>
struct Running {
    float largest[M][2], sum[M][2];
};

// Scores → exponentials; earlier sums, and the output so far, shrink to the new largest score.
template <int M, int N, int D>
__device__ __forceinline__ void take_scores(float (&s)[M][N][4], Running<M>& running, float (&o)[M][D][4],
                                            float scale_log2) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float largest = running.largest[m][half];
#pragma unroll
            for (int n = 0; n < N; ++n) {
                largest = fmaxf(largest, fmaxf(s[m][n][half * 2], s[m][n][half * 2 + 1]));
            }
            // The four lanes that hold the row.
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 1));
            largest = fmaxf(largest, __shfl_xor_sync(ALL_LANES, largest, 2));
            // The first tile of keys has one that every query sees, so that this is finite from then on.
            const float shrink = exp2f_fast((running.largest[m][half] - largest) * scale_log2);
            const float subtract = largest * scale_log2;
            running.largest[m][half] = largest;
            float sum = running.sum[m][half] * shrink;
#pragma unroll
            for (int n = 0; n < N; ++n) {
#pragma unroll
                for (int j = half * 2; j < half * 2 + 2; ++j) {
                    s[m][n][j] = exp2f_fast(fmaf(s[m][n][j], scale_log2, -subtract));
                    sum += s[m][n][j];
                }
            }
            running.sum[m][half] = sum;
#pragma unroll
            for (int n = 0; n < D; ++n) {
                o[m][n][half * 2] *= shrink;
                o[m][n][half * 2 + 1] *= shrink;
            }
        }
    }
}

// Values arrive while scores are computed, and the next keys while values are summed: one buffer for each is enough.
template <class T, int D>
__device__ __forceinline__ void forward(T* out, float* lse, const T* q, const T* k, const T* v, const uint32_t* tiles,
                                        int query_heads, int kv_heads, int tokens, float scale) {
    using Shape = Forward<D>;
    constexpr int M = Shape::TILES, N = Shape::KEYS / 8, KEYS = Shape::KEYS, THREADS = Shape::THREADS;
    DYNAMIC_SHARED(shared);
    unsigned char* const key_rows = shared + bytes_of<D>(Shape::QUERIES);
    unsigned char* const value_rows = key_rows + bytes_of<D>(KEYS);
    const QueryTile tile = reinterpret_cast<const QueryTile*>(tiles)[blockIdx.x];
    const int rows = int(tile.rows), position = int(tile.position), keys = position + rows;
    const int head = blockIdx.y, kv_head = head / (query_heads / kv_heads);
    const size_t stride = size_t(query_heads) * D, kv_stride = size_t(kv_heads) * D;
    k += tile.key * kv_stride + kv_head * D;
    v += tile.key * kv_stride + kv_head * D;
    copy_rows<D, Shape::QUERIES, THREADS>(shared, q + tile.row * stride + head * D, stride, rows);
    copy_rows<D, KEYS, THREADS>(key_rows, k, kv_stride, keys);
    copies_commit();

    const Lanes<D> lanes;
    const int lane = threadIdx.x % WARP_SIZE, first = int(threadIdx.x) / WARP_SIZE * M * 16;
    const SharedAddress own = shared_address(shared) + bytes_of<D>(first);
    // Keys before this one are seen by some query of the warp.
    const int reach = first < rows ? position + first + M * 16 : 0;
    const float scale_log2 = scale * LOG2_E;
    float o[M][D / 8][4];
    Running<M> running;
#pragma unroll
    for (int m = 0; m < M; ++m) {
        running.largest[m][0] = running.largest[m][1] = -INFINITY;
        running.sum[m][0] = running.sum[m][1] = 0.0f;
#pragma unroll
        for (int n = 0; n < D / 8; ++n) {
            o[m][n][0] = o[m][n][1] = o[m][n][2] = o[m][n][3] = 0.0f;
        }
    }
    for (int key = 0; key < keys; key += KEYS) {
        copies_wait<0>();
        // The keys are there, and nobody reads the values before these any more.
        __syncthreads();
        copy_rows<D, KEYS, THREADS>(value_rows, v + key * kv_stride, kv_stride, keys - key);
        copies_commit();
        uint32_t p[M][N / 2][4];
        if (key < reach) {
            float s[M][N][4];
            rows_by_rows<T, D>(s, own, shared_address(key_rows), lanes);
            if (key + KEYS - 1 > position + first) {
                const int column = key + lane % 4 * 2 - position - first - lane / 4;
#pragma unroll
                for (int m = 0; m < M; ++m) {
#pragma unroll
                    for (int n = 0; n < N; ++n) {
#pragma unroll
                        for (int j = 0; j < 4; ++j) {
                            if (column + n * 8 + j % 2 > m * 16 + j / 2 * 8) {
                                s[m][n][j] = -INFINITY;
                            }
                        }
                    }
                }
            }
            take_scores(s, running, o, scale_log2);
#pragma unroll
            for (int m = 0; m < M; ++m) {
                as_left<T>(p[m], s[m]);
            }
        }
        copies_wait<0>();
        // The values are there, and nobody reads these keys any more.
        __syncthreads();
        if (key + KEYS < keys) {
            copy_rows<D, KEYS, THREADS>(key_rows, k + (key + KEYS) * kv_stride, kv_stride, keys - key - KEYS);
            copies_commit();
        }
        if (key < reach) {
            add_product<T, D>(o, p, shared_address(value_rows), lanes);
        }
    }
#pragma unroll
    for (int m = 0; m < M; ++m) {
        float inverse[2];
        const int start = first + m * 16;
#pragma unroll
        for (int half = 0; half < 2; ++half) {
            float sum = running.sum[m][half];
            sum += __shfl_xor_sync(ALL_LANES, sum, 1);
            sum += __shfl_xor_sync(ALL_LANES, sum, 2);
            inverse[half] = 1.0f / sum;
            const int row = start + half * 8 + lane / 4;
            if (lane % 4 == 0 && row < rows) {
                lse[size_t(head) * tokens + tile.row + row] = running.largest[m][half] * scale + logf(sum);
            }
        }
        // The warp's own queries are not needed any more.
        write_rows<T, D>(out + (tile.row + start) * stride + head * D, stride, rows - start, o[m], inverse[0],
                         inverse[1], shared + bytes_of<D>(start));
    }
}

}  // namespace attention

#define DEFINE_ATTENTION_FORWARD(D, T)                                                                               \
    KERNEL(attention_forward_d##D##_##T, attention::Forward<D>::THREADS,                                             \
           (T * out, float* lse, const T* q, const T* k, const T* v, const uint32_t* tiles, int query_heads,         \
            int kv_heads, int tokens, float scale),                                                                  \
           (attention::forward<T, D>(out, lse, q, k, v, tiles, query_heads, kv_heads, tokens, scale)))
FOR_EACH_HEAD(DEFINE_ATTENTION_FORWARD)
