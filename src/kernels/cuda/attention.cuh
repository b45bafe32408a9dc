// What attention forward and backward share: work tiles, tiles of rows in shared memory, and products of them.
//
// Matrices are `[tokens][heads · D]`, a head's part of a row D elements of 2 bytes. In shared memory a tile's rows lie
// one after another, and chunk `c` of 16 bytes of row `r` lies at chunk `c ^ (r % 8)`: so the same chunk of 8 rows,
// which one matrix of a load takes, lies in 8 different groups of banks. Tiles begin at multiples of 8 rows.
//
// Compiled as C++ for the CPU, this is tested there; compute capability 8.0 is needed on devices.
#pragma once
#include "tensor_cores.cuh"

// The kernels for each head dimension and storage type: `define(128, bf16)` and so on.
#define FOR_EACH_HEAD(define) define(64, bf16) define(64, f16) define(128, bf16) define(128, f16)

namespace attention {

constexpr float LOG2_E = 1.44269504088896340736f;
constexpr int CHUNK_BYTES = 16, CHUNK_SIZE = CHUNK_BYTES / 2;

// Some adjacent queries of one document, as the host lists them: the row of the first in `q`, how many there are, the
// row of the document's first token in `k`, and the place in the document of the first query. Query `i` sees the keys
// `0 ..= position + i` of the document; those must be there.
struct QueryTile {
    uint32_t row, rows, key, position;
};

// Some adjacent keys of one document: the row of the first, how many there are, and the row after the document's last.
struct KeyTile {
    uint32_t row, rows, end;
};

// Which lane gives the address of which row and chunk, as bytes from the first of a tile of 16 rows and 2 chunks.
template <int D>
struct Lanes {
    // Chunks one after another: the left side of a product, or the right side where the depth goes down the rows.
    unsigned down;
    // Rows one after another: the right side of a product where the depth goes along the rows.
    unsigned across;

    __device__ __forceinline__ Lanes() {
        const unsigned lane = threadIdx.x % WARP_SIZE, swizzle = lane % 8;
        down = lane % 16 * (D * 2) + (lane / 16 ^ swizzle) * CHUNK_BYTES;
        across = (swizzle + lane / 16 * 8) * (D * 2) + (lane / 8 % 2 ^ swizzle) * CHUNK_BYTES;
    }
};

// Bytes of `rows` rows.
template <int D>
constexpr __device__ __host__ unsigned bytes_of(int rows) {
    return unsigned(rows) * D * 2;
}

// Begins the copy of a tile; rows from `there` on become zeros. All threads of the block take part.
template <int D, int ROWS, int THREADS, class T>
__device__ __forceinline__ void copy_rows(unsigned char* to, const T* from, size_t stride, int there) {
    constexpr int CHUNKS = D / CHUNK_SIZE;
    static_assert(ROWS * CHUNKS % THREADS == 0 && THREADS % CHUNKS == 0, "each thread copies as many chunks");
    constexpr int STEP = THREADS / CHUNKS;
    static_assert(STEP % 8 == 0, "a thread's chunks lie at the same place of their rows");
    const int chunk = threadIdx.x % CHUNKS, first = int(threadIdx.x) / CHUNKS;
    to += bytes_of<D>(first) + (chunk ^ first % 8) * CHUNK_BYTES;
    from += chunk * CHUNK_SIZE;
    const T* row = from + first * stride;
#pragma unroll
    for (int i = 0; i < ROWS / STEP; ++i) {
        const bool exists = first + i * STEP < there;
        copy_async<CHUNK_BYTES>(to + bytes_of<D>(i * STEP), exists ? row : from, exists);
        row += STEP * stride;
    }
}

// The left side of products over a depth of D: M tiles of 16 rows, for 16 of the depth from chunk `2·step` on.
template <int D, int M>
__device__ __forceinline__ void load_left(uint32_t (&to)[M][4], SharedAddress rows, const Lanes<D>& lanes, int step) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
        load_matrices(to[m], rows + bytes_of<D>(m * 16) + (lanes.down ^ unsigned(step) * 2 * CHUNK_BYTES));
    }
}

// `c += a·bᵀ` for 16 of the depth; `b` has 8·N rows in shared memory.
template <class T, int D, int M, int N>
__device__ __forceinline__ void multiply_rows(float (&c)[M][N][4], const uint32_t (&a)[M][4], SharedAddress b,
                                              const Lanes<D>& lanes, int step) {
#pragma unroll
    for (int n = 0; n < N; n += 2) {
        uint32_t right[4];
        load_matrices(right, b + bytes_of<D>(n * 8) + (lanes.across ^ unsigned(step) * 2 * CHUNK_BYTES));
#pragma unroll
        for (int m = 0; m < M; ++m) {
            multiply_add<T>(c[m][n], a[m], right[0], right[1]);
            multiply_add<T>(c[m][n + 1], a[m], right[2], right[3]);
        }
    }
}

// `c = a·bᵀ`, both in shared memory.
template <class T, int D, int M, int N>
__device__ __forceinline__ void rows_by_rows(float (&c)[M][N][4], SharedAddress a, SharedAddress b,
                                             const Lanes<D>& lanes) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
#pragma unroll
        for (int n = 0; n < N; ++n) {
            c[m][n][0] = c[m][n][1] = c[m][n][2] = c[m][n][3] = 0.0f;
        }
    }
#pragma unroll
    for (int step = 0; step < D / 16; ++step) {
        uint32_t left[M][4];
        load_left<D>(left, a, lanes, step);
        multiply_rows<T, D>(c, left, b, lanes, step);
    }
}

// `c += a·b` for M tiles of 16 rows and a depth of 16·K; `b` has 16·K rows of D elements in shared memory.
template <class T, int D, int M, int K>
__device__ __forceinline__ void add_product(float (&c)[M][D / 8][4], const uint32_t (&a)[M][K][4], SharedAddress b,
                                            const Lanes<D>& lanes) {
#pragma unroll
    for (int k = 0; k < K; ++k) {
#pragma unroll
        for (int step = 0; step < D / 16; ++step) {
            uint32_t right[4];
            load_matrices_transposed(right,
                                     b + bytes_of<D>(k * 16) + (lanes.down ^ unsigned(step) * 2 * CHUNK_BYTES));
#pragma unroll
            for (int m = 0; m < M; ++m) {
                multiply_add<T>(c[m][step * 2], a[m][k], right[0], right[1]);
                multiply_add<T>(c[m][step * 2 + 1], a[m][k], right[2], right[3]);
            }
        }
    }
}

// Results of 16 rows, rounded to T, as the left side of another product: a lane holds the same elements in both.
template <class T, int N>
__device__ __forceinline__ void as_left(uint32_t (&a)[N / 2][4], const float (&c)[N][4]) {
#pragma unroll
    for (int k = 0; k < N / 2; ++k) {
        a[k][0] = packed<T>(c[2 * k][0], c[2 * k][1]);
        a[k][1] = packed<T>(c[2 * k][2], c[2 * k][3]);
        a[k][2] = packed<T>(c[2 * k + 1][0], c[2 * k + 1][1]);
        a[k][3] = packed<T>(c[2 * k + 1][2], c[2 * k + 1][3]);
    }
}

// Writes `there` of 16 rows of sums, by way of 16 rows of shared memory that no other warp uses, so that the writes are
// of whole lines. Row `lane / 4` is multiplied by `upper`, row `lane / 4 + 8` by `lower`.
template <class T, int D>
__device__ __forceinline__ void write_rows(T* to, size_t stride, int there, const float (&c)[D / 8][4], float upper,
                                           float lower, unsigned char* scratch) {
    constexpr int CHUNKS = D / CHUNK_SIZE;
    const int lane = threadIdx.x % WARP_SIZE;
    unsigned char* word = scratch + bytes_of<D>(lane / 4) + lane % 4 * 4;
#pragma unroll
    for (int n = 0; n < CHUNKS; ++n) {
        unsigned char* chunk = word + (n ^ lane / 4) * CHUNK_BYTES;
        *reinterpret_cast<uint32_t*>(chunk) = packed<T>(c[n][0] * upper, c[n][1] * upper);
        *reinterpret_cast<uint32_t*>(chunk + bytes_of<D>(8)) = packed<T>(c[n][2] * lower, c[n][3] * lower);
    }
    __syncwarp();
#pragma unroll
    for (int i = 0; i < CHUNKS / 2; ++i) {
        const int item = i * WARP_SIZE + lane, row = item / CHUNKS, chunk = item % CHUNKS;
        if (row < there) {
            const unsigned char* from = scratch + bytes_of<D>(row) + (chunk ^ row % 8) * CHUNK_BYTES;
            store_pack(to + row * stride + chunk * CHUNK_SIZE, load_pack(reinterpret_cast<const T*>(from)));
        }
    }
}

}  // namespace attention
