// A product with weights in NF4 (nf4.cu), for the few rows of decoding: they are read as codes and never written out.
//
// nf4_linear_{f32, bf16, f16}: y = x·Wᵀ, with sums in float.
//   Grid: ⌈out/16⌉, 1, 1. Block: 256. Dynamic shared bytes: 33792.
//   Arguments: T* y [rows, out], const T* x [rows, in], const uint8_t* codes [out·in/2],
//   const uint8_t* absmax_codes [out·in/64], const float* absmax [⌈out·in/64/256⌉], const float* map [256],
//   float offset, int rows (1 to 8), int in (a multiple of 64), int out. `x` lies at a multiple of 16 bytes, `codes` at
//   one of 8.
//
// A block of threads has 16 rows of W, and each of its warps as many of their columns: a lane reads 8 bytes, a quarter
// of a block of weights, from each of two rows. To be as fast as memory, an H100 must decode some 20 weights a cycle on
// each multiprocessor. A table of all bytes gives it two weights a look; it lies there 16 times, so that each lane of
// half a warp has banks of its own, and 32 weights a cycle are found. Tensor cores multiply the levels with 8 rows of x
// in the time of one. For them a level is the sum of two numbers of T, which have 16 bits of it in bf16 and 22 in f16.
#pragma once
#include "nf4.cu"
#include "tensor_cores.cuh"

namespace nf4_linear {

constexpr int WARPS = 8, THREADS = WARPS * WARP_SIZE;
// Rows of W that a block of threads has, and of x at most.
constexpr int OUTS = 16, ROWS = 8;
// Rows of W that a lane has, and lanes that share a row.
constexpr int OWN = 2, SHARES = 4;
// A lane's weights of a block, in steps of 4.
constexpr int STEPS = nf4::BLOCK / SHARES / 4;
// Blocks of a warp that are on their way from memory. Of each four, a lane finds the scales of one for all that share
// its rows.
constexpr int DEPTH = SHARES;
// The table: an entry for each byte, 16 times.
constexpr int COPIES = 16, ENTRY_BYTES = COPIES * 8, TABLE_BYTES = 256 * ENTRY_BYTES;

// The weights, as the arguments have them.
struct Weights {
    const uint8_t* codes;
    const uint8_t* absmax_codes;
    const float* absmax;
    const float* map;
    float offset;
};

struct Shape {
    int rows, in, out;
};

// 16 codes, or an entry of the table: two weights.
struct alignas(8) Words2 {
    uint32_t words[2];
};

struct alignas(16) Words4 {
    uint32_t words[4];
};

// The first level cache is for x: codes do not come back. The whole line will be read soon.
__device__ __forceinline__ Words2 load_codes(const uint8_t* from) {
    Words2 codes;
#ifdef __CUDACC__
    asm volatile("ld.global.nc.L1::no_allocate.L2::128B.v2.u32 {%0, %1}, [%2];"
                 : "=r"(codes.words[0]), "=r"(codes.words[1])
                 : "l"(from));
#else
    codes = *reinterpret_cast<const Words2*>(from);
#endif
    return codes;
}

// A level: its nearest number of T in the lower half of a word, and what is left in the upper.
template <class T>
struct Level {
    static __device__ __forceinline__ uint32_t word(float level) {
        return packed<T>(level, level - to_float(rounded<T>(level)));
    }
    // The nearest numbers of both in a word, and what is left of both in another.
    static __device__ __forceinline__ Words2 pair(uint32_t first, uint32_t second) {
        return {{(first & 0xffffu) | second << 16, first >> 16 | (second & 0xffff0000u)}};
    }
};
template <>
struct Level<float> {
    static __device__ __forceinline__ uint32_t word(float level) { return __float_as_uint(level); }
    static __device__ __forceinline__ Words2 pair(uint32_t first, uint32_t second) { return {{first, second}}; }
};

// Each warp writes whole rows of banks, 4 entries at a time.
template <class T>
__device__ __forceinline__ void fill(unsigned char* table) {
    const int lane = int(threadIdx.x) % WARP_SIZE, warp = int(threadIdx.x) / WARP_SIZE;
    // Without a look into memory, which has yet to bring the levels.
    float level = 0.0f;
#pragma unroll
    for (int i = 0; i < nf4::CODES; ++i) {
        const float value = nf4::LEVELS[i];
        level = lane % nf4::CODES == i ? value : level;
    }
    const uint32_t own = Level<T>::word(level);
#pragma unroll
    for (int i = 0; i < 256 / WARPS; i += 4) {
        const int byte = warp * (256 / WARPS) + i + lane / 8;
        const uint32_t first = __shfl_sync(ALL_LANES, own, byte >> 4);
        const uint32_t second = __shfl_sync(ALL_LANES, own, byte & 15);
        const Words2 pair = Level<T>::pair(first, second);
        *reinterpret_cast<Words4*>(table + byte * ENTRY_BYTES + lane % 8 * 16) = {
            {pair.words[0], pair.words[1], pair.words[0], pair.words[1]}};
    }
}

// The weights of pair `i` of 8.
__device__ __forceinline__ Words2 look_up(const unsigned char* table, const Words2& codes, int i) {
    const uint32_t word = codes.words[i / 4], shift = i % 4 * 8;
    const uint32_t entry = (shift == 0 ? word << 7 : word >> (shift - 7)) & (255 * ENTRY_BYTES);
    return *reinterpret_cast<const Words2*>(table + (entry | threadIdx.x % COPIES * 8));
}

// Sums of a lane by tensor cores: of each of its rows of W with rows `2·(lane % 4)` and the next of x. On the left of a
// product lie 8 rows of W twice, their nearest numbers and what was left of them: so an entry of the table is there as
// it must be. All of a product's depth has one scale, which multiplies the sum.
template <class T>
struct Sums {
    float sums[OWN][2] = {};

    __device__ __forceinline__ void add(const unsigned char* table, const Words2 (&codes)[OWN],
                                        const float (&scales)[OWN], const T* x, const Shape& shape) {
        const int row = int(threadIdx.x) % WARP_SIZE / SHARES;
        Words4 right[2] = {};
        if (row < shape.rows) {
            const Words4* from = reinterpret_cast<const Words4*>(x + row * shape.in);
            right[0] = from[0];
            right[1] = from[1];
        }
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            float part[4] = {0.0f, 0.0f, 0.0f, 0.0f};
#pragma unroll
            for (int step = 0; step < STEPS; ++step) {
                const Words2 first = look_up(table, codes[own], step * 2);
                const Words2 second = look_up(table, codes[own], step * 2 + 1);
                const uint32_t left[4] = {first.words[0], first.words[1], second.words[0], second.words[1]};
                const uint32_t* const words = right[step / 2].words + step % 2 * 2;
                multiply_add<T>(part, left, words[0], words[1]);
            }
            sums[own][0] += scales[own] * (part[0] + part[2]);
            sums[own][1] += scales[own] * (part[1] + part[3]);
        }
    }

    // Into those of the warp, [ROWS][OUTS].
    __device__ __forceinline__ void write(float* to) const {
        const int lane = int(threadIdx.x) % WARP_SIZE;
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            float* const first = to + lane % SHARES * 2 * OUTS + lane / SHARES + own * 8;
            first[0] = sums[own][0];
            first[OUTS] = sums[own][1];
        }
    }
};

// Sums of a lane in floats: of its share of the columns, for COUNT rows of x.
template <int COUNT>
struct FloatSums {
    float sums[OWN][COUNT] = {};

    __device__ __forceinline__ void add(const unsigned char* table, const Words2 (&codes)[OWN],
                                        const float (&scales)[OWN], const float* x, const Shape& shape) {
        Words2 rest[OWN] = {codes[0], codes[1]};
        // With many rows, the loads of all steps at once are too many for the registers.
#pragma unroll(COUNT < ROWS ? STEPS : 1)
        for (int step = 0; step < STEPS; ++step) {
            float levels[OWN][4];
#pragma unroll
            for (int i = 0; i < OWN * 2; ++i) {
                const int own = i % OWN, pair = i / OWN;
                const Words2 found = look_up(table, rest[own], pair);
                levels[own][pair * 2] = __uint_as_float(found.words[0]) * scales[own];
                levels[own][pair * 2 + 1] = __uint_as_float(found.words[1]) * scales[own];
            }
#pragma unroll
            for (int own = 0; own < OWN; ++own) {
                rest[own] = {{rest[own].words[0] >> 16 | rest[own].words[1] << 16, rest[own].words[1] >> 16}};
            }
#pragma unroll
            for (int row = 0; row < COUNT; ++row) {
                if (row < shape.rows) {
                    const Pack<float> right = load_pack(x + row * shape.in + step * 4);
#pragma unroll
                    for (int i = 0; i < OWN * 4; ++i) {
                        sums[i / 4][row] += levels[i / 4][i % 4] * right.get(i % 4);
                    }
                }
            }
        }
    }

    __device__ __forceinline__ void write(float* to) const {
        const int lane = int(threadIdx.x) % WARP_SIZE;
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
#pragma unroll
            for (int row = 0; row < COUNT; ++row) {
                float sum = sums[own][row];
                sum += __shfl_xor_sync(ALL_LANES, sum, 1);
                sum += __shfl_xor_sync(ALL_LANES, sum, 2);
                if (lane % SHARES == 0) {
                    to[row * OUTS + lane / SHARES + own * 8] = sum;
                }
            }
        }
    }
};

// What a lane reads of its rows of W.
struct Reader {
    const uint8_t* codes[OWN];
    const uint8_t* absmax_codes;
    const float* absmax;
    // The first block of each row. As 32 bits they count 2^38 weights.
    uint32_t blocks[OWN];

    // Rows beyond the last are the last one again, and not written.
    __device__ __forceinline__ Reader(const Weights& weights, const Shape& shape)
        : absmax_codes(weights.absmax_codes), absmax(weights.absmax) {
        const int lane = int(threadIdx.x) % WARP_SIZE;
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            const int row = int(blockIdx.x) * OUTS + lane / SHARES + own * 8;
            blocks[own] = uint32_t(row < shape.out ? row : shape.out - 1) * (shape.in / nf4::BLOCK);
            codes[own] = weights.codes + size_t(blocks[own]) * (nf4::BLOCK / 2) + lane % SHARES * 8;
        }
    }

    __device__ __forceinline__ void read_codes(Words2 (&to)[OWN], int block) const {
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            to[own] = load_codes(codes[own] + block * (nf4::BLOCK / 2));
        }
    }

    __device__ __forceinline__ void read_scales(uint8_t (&to)[OWN], float (&largest)[OWN], int block) const {
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            to[own] = __ldg(absmax_codes + blocks[own] + block);
            largest[own] = __ldg(absmax + (blocks[own] + block) / nf4::BLOCK_OF_BLOCKS);
        }
    }
};

// Each warp has adjacent columns, whole blocks of them, and its sums; these are added last, in the order of the warps.
template <class S, class T>
__device__ __forceinline__ void multiply(T* y, const T* x, const Weights& weights, const Shape& shape) {
    DYNAMIC_SHARED(shared);
    float* const map = reinterpret_cast<float*>(shared + TABLE_BYTES);
    const int lane = int(threadIdx.x) % WARP_SIZE, warp = int(threadIdx.x) / WARP_SIZE, share = lane % SHARES;
    const int blocks = shape.in / nf4::BLOCK, last = blocks * (warp + 1) / WARPS;
    int block = blocks * warp / WARPS;
    const Reader reader(weights, shape);
    // What comes from memory is asked for before anything else, and then always DEPTH blocks ahead.
    Words2 codes[DEPTH][OWN] = {};
    uint8_t scale_codes[OWN] = {};
    float largest[OWN] = {};
#pragma unroll
    for (int i = 0; i < DEPTH; ++i) {
        if (block + i < last) {
            reader.read_codes(codes[i], block + i);
        }
    }
    if (block + share < last) {
        reader.read_scales(scale_codes, largest, block + share);
    }
    map[threadIdx.x] = __ldg(weights.map + threadIdx.x);
    fill<T>(shared);
    __syncthreads();

    S sums;
    x += share * (nf4::BLOCK / SHARES);
    for (; block < last; block += DEPTH) {
        float scales[OWN];
#pragma unroll
        for (int own = 0; own < OWN; ++own) {
            scales[own] = map[scale_codes[own]] * largest[own] + weights.offset;
        }
        if (block + DEPTH + share < last) {
            reader.read_scales(scale_codes, largest, block + DEPTH + share);
        }
#pragma unroll
        for (int i = 0; i < DEPTH; ++i) {
            if (block + i < last) {
                const int from = lane - share + i;
                const float scale[OWN] = {__shfl_sync(ALL_LANES, scales[0], from),
                                          __shfl_sync(ALL_LANES, scales[1], from)};
                sums.add(shared, codes[i], scale, x + (block + i) * nf4::BLOCK, shape);
                if (block + DEPTH + i < last) {
                    reader.read_codes(codes[i], block + DEPTH + i);
                }
            }
        }
    }
    // Nobody looks into the table any more, and the sums take its place.
    __syncthreads();
    float* const parts = reinterpret_cast<float*>(shared);
    sums.write(parts + warp * (ROWS * OUTS));
    __syncthreads();
    const int row = int(threadIdx.x) / OUTS, column = int(blockIdx.x) * OUTS + int(threadIdx.x) % OUTS;
    if (row < shape.rows && column < shape.out) {
        float sum = 0.0f;
#pragma unroll
        for (int i = 0; i < WARPS; ++i) {
            sum += parts[i * (ROWS * OUTS) + threadIdx.x];
        }
        y[int64_t(row) * shape.out + column] = rounded<T>(sum);
    }
}

template <class T>
__device__ __forceinline__ void linear(T* y, const T* x, const Weights& weights, const Shape& shape) {
    multiply<Sums<T>>(y, x, weights, shape);
}

__device__ __forceinline__ void linear(float* y, const float* x, const Weights& weights, const Shape& shape) {
    switch (shape.rows) {
        case 1:
            return multiply<FloatSums<1>>(y, x, weights, shape);
        case 2:
            return multiply<FloatSums<2>>(y, x, weights, shape);
        case 3:
        case 4:
            return multiply<FloatSums<4>>(y, x, weights, shape);
        default:
            return multiply<FloatSums<ROWS>>(y, x, weights, shape);
    }
}

}  // namespace nf4_linear

#define DEFINE_NF4_LINEAR(T, name)                                                                                     \
    KERNEL(nf4_linear_##name, nf4_linear::THREADS,                                                                     \
           (T * y, const T* x, const uint8_t* codes, const uint8_t* absmax_codes, const float* absmax,                 \
            const float* map, float offset, int rows, int in, int out),                                                \
           (nf4_linear::linear(y, x, {codes, absmax_codes, absmax, map, offset}, {rows, in, out})))
FOR_EACH_TYPE(DEFINE_NF4_LINEAR)
