// AdamW whose moments are kept in 8 bits: one pass, everything in place.
//
// 256 adjacent elements are a block of a moment: a float, the largest magnitude among them, and for each element the
// index of an entry of a map of 256 floats in ascending order; an element is its entry times the largest magnitude. All
// moments are zero where all codes and magnitudes are. (Dettmers et al. 2021, arXiv:2110.02861)
//
// adamw_8bit_step_{f32, bf16, f16}: gradients of the parameters' type.
// adamw_8bit_step_of_sums_{f32, bf16, f16}: gradients in float.
//   Grid: any number of blocks, 1, 1; a block of threads does 2048 elements in a turn, and reads the maps once, so that
//   one for each 16384 elements is good, or one for each 2048 where that is less than the device runs at a time.
//   Block: 256. Dynamic shared bytes: 0.
//   Arguments: T* parameters [n], const G* gradients [n], uint8_t* first [n], uint8_t* second [n],
//   float* first_absmax [⌈n/256⌉], float* second_absmax [⌈n/256⌉], const float* first_map [256],
//   const float* second_map [256], float* master [n] or null, int64_t elements (n), float gradient_scale, beta1, new1,
//   beta2, new2, root_scale, epsilon, step_size, kept, int rounds_by_chance, uint32_t seed.
#pragma once
#include "adamw.cu"

namespace adamw_8bit {

constexpr int THREADS = 256;
constexpr int WARPS = THREADS / WARP_SIZE;
// Elements that share a largest magnitude; a warp does them together, each lane some.
constexpr int BLOCK = 256;
constexpr int EACH = BLOCK / WARP_SIZE;
// Those of a whole block are adjacent, four by four.
constexpr int FOUR = 4;
constexpr int PARTS = EACH / FOUR;
constexpr int ENTRIES = 256;

template <class T>
struct alignas(FOUR * sizeof(T)) Four {
    T values[FOUR];
};

template <class T>
__device__ __forceinline__ bool lies_in_fours(const T* place) {
    return reinterpret_cast<uintptr_t>(place) % sizeof(Four<T>) == 0;
}

template <class T>
__device__ __forceinline__ Four<T> load_four(const T* from) {
    return *reinterpret_cast<const Four<T>*>(from);
}

template <class T>
__device__ __forceinline__ void store_four(T* to, const Four<T>& four) {
    *reinterpret_cast<Four<T>*>(to) = four;
}

// The entries, the bounds halfway between neighbours, and where to begin among them: floats from 2^-24 to 1, and their
// negatives where the map has a sign, are cut into cells of equal exponent and first bits of the fraction, and each cell
// names the code of its smallest number. No more than three bounds may lie in a cell; so it is for the maps of
// bitsandbytes, whose 4 bits for 64 entries, or 5 for 128, of the largest power of ten are the most crowded.
template <bool SIGNED>
struct Map {
    static constexpr int SHIFT = SIGNED ? 19 : 18, OCTAVES = 24, MOST = 3;
    static constexpr int LOWEST = (127 - OCTAVES) << (23 - SHIFT), KEYS = (OCTAVES << (23 - SHIFT)) + 1;
    static constexpr int CELLS = SIGNED ? 2 * KEYS : KEYS;

    float values[ENTRIES];
    // Bound c lies between the entries c - 1 and c; the first is not looked at, and those after the last are infinite.
    float bounds[ENTRIES + MOST];
    uint8_t cells[CELLS];

    __device__ __forceinline__ void load(const float* from) {
        const int i = int(threadIdx.x);
        values[i] = from[i];
        bounds[i] = i == 0 ? -INFINITY : 0.5f * (from[i - 1] + from[i]);
        if (i < MOST) {
            bounds[ENTRIES + i] = INFINITY;
        }
    }

    // After all bounds are there.
    __device__ __forceinline__ void begin_cells() {
        for (int cell = int(threadIdx.x); cell < CELLS; cell += THREADS) {
            const bool below = SIGNED && cell >= KEYS;
            const int key = below ? cell - KEYS : cell;
            const unsigned start = key == 0 ? 0u : unsigned(key + LOWEST) << SHIFT;
            const unsigned last = (unsigned(key + LOWEST + 1) << SHIFT) - 1;
            const float smallest = below ? -__uint_as_float(last) : __uint_as_float(start);
            int code = 0;
#pragma unroll
            for (int step = ENTRIES / 2; step > 0; step /= 2) {
                code += smallest > bounds[code + step] ? step : 0;
            }
            cells[cell] = uint8_t(code);
        }
    }

    // The code of the nearest entry to a number between -1 and 1; of two equally near, the lower. 0 for NaN.
    __device__ __forceinline__ uint32_t nearest(float x) const {
        x = fminf(fmaxf(x, -1.0f), 1.0f);
        const unsigned bits = __float_as_uint(x);
        // What is negative in a map without a sign has the lowest key.
        int key = (int(SIGNED ? bits & 0x7fffffffu : bits) >> SHIFT) - LOWEST;
        key = key < 0 ? 0 : key;
        if (SIGNED) {
            key += int(bits >> 31) * KEYS;
        }
        uint32_t code = cells[key];
        code += x > bounds[code + 2] ? 2 : 0;
        return code + (x > bounds[code + 1] ? 1 : 0);
    }
};
static_assert(THREADS == ENTRIES, "each thread loads one entry");

// A moment as it is stored.
struct Moment {
    uint8_t* codes;
    float* absmax;
};

// All that a step changes and reads, but the maps.
template <class T, class G>
struct Buffers {
    T* parameters;
    const G* gradients;
    Moment first, second;
    float* master;
    int64_t elements;

    __device__ __forceinline__ bool lie_in_fours() const {
        return lies_in_fours(parameters) && lies_in_fours(gradients) && lies_in_fours(master) &&
               lies_in_fours(first.codes) && lies_in_fours(second.codes);
    }
};

struct Rounding {
    int by_chance;
    uint32_t seed;

    template <class T>
    __device__ __forceinline__ T of(float x, int64_t i) const {
        return by_chance ? adamw::rounded_by_chance<T>(x, adamw::by_chance(seed, uint64_t(i))) : rounded<T>(x);
    }
};

// Where element k of this lane is.
template <bool WHOLE>
__device__ __forceinline__ int64_t place_of(int64_t block, int k) {
    const int lane = int(threadIdx.x) % WARP_SIZE;
    return block * BLOCK + (WHOLE ? k / FOUR * (WARP_SIZE * FOUR) + lane * FOUR + k % FOUR : k * WARP_SIZE + lane);
}

// Divides by the largest magnitude of a block: the quotient's bits, by two steps from the inverse. What is near the ends
// of what floats hold is moved to the middle first.
struct Divisor {
    float value, inverse, factor;

    __device__ __forceinline__ explicit Divisor(float absmax) {
        factor = absmax < 1e-30f ? 0x1p100f : absmax > 1e30f ? 0x1p-100f : 1.0f;
        value = absmax > 0.0f ? absmax * factor : 1.0f;
        inverse = 1.0f / value;
        if (!(absmax < INFINITY)) {
            // Of numbers zero, and of what is none NaN.
            value = inverse = 0.0f;
        }
    }

    __device__ __forceinline__ float divides(float x) const {
        x *= factor;
        const float near = x * inverse;
        return fmaf(fmaf(-near, value, x), inverse, near);
    }
};

// The new codes and largest magnitude of a block, whose values this warp holds; those beyond the end are zero. Second
// moments that would be rounded to zero get the smallest code that is not: the first moment has the finer map, and where
// it is kept and the second is not, the next update would divide by epsilon.
template <bool WHOLE, bool ABOVE_ZERO, class M>
__device__ __forceinline__ void quantize(const Moment& moment, const float (&values)[EACH], const M& map,
                                         int64_t block, int64_t elements) {
    const float absmax = largest_magnitude<WARP_SIZE>(values);
    const Divisor divisor(absmax);
    if (threadIdx.x % WARP_SIZE == 0) {
        moment.absmax[block] = absmax;
    }
#pragma unroll
    for (int k = 0; k < EACH; k += FOUR) {
        uint32_t codes = 0;
#pragma unroll
        for (int j = 0; j < FOUR; ++j) {
            uint32_t code = map.nearest(divisor.divides(values[k + j]));
            if (ABOVE_ZERO && code == 0 && values[k + j] > 0.0f) {
                code = 1;
            }
            const int64_t i = place_of<WHOLE>(block, k + j);
            codes |= code << (8 * j);
            if (!WHOLE && i < elements) {
                moment.codes[i] = uint8_t(code);
            }
        }
        if (WHOLE) {
            *reinterpret_cast<uint32_t*>(moment.codes + place_of<WHOLE>(block, k)) = codes;
        }
    }
}

// The parameters of a block that is all there, and its moments. All reads come first, so that they wait together.
template <class T, class G>
__device__ __forceinline__ void update_whole(float (&m)[EACH], float (&v)[EACH], const Buffers<T, G>& b,
                                             const Map<true>& first_map, const Map<false>& second_map, int64_t block,
                                             const adamw::Settings& settings, const Rounding& rounding) {
    Four<T> narrow[PARTS];
    Four<float> wide[PARTS];
    Four<G> gradients[PARTS];
    uint32_t first[PARTS], second[PARTS];
    const float first_scale = b.first.absmax[block], second_scale = b.second.absmax[block];
#pragma unroll
    for (int part = 0; part < PARTS; ++part) {
        const int64_t start = place_of<true>(block, part * FOUR);
        first[part] = *reinterpret_cast<const uint32_t*>(b.first.codes + start);
        second[part] = *reinterpret_cast<const uint32_t*>(b.second.codes + start);
        gradients[part] = load_four(b.gradients + start);
        if (b.master != nullptr) {
            wide[part] = load_four(b.master + start);
        } else {
            narrow[part] = load_four(b.parameters + start);
        }
    }
#pragma unroll
    for (int part = 0; part < PARTS; ++part) {
        const int64_t start = place_of<true>(block, part * FOUR);
#pragma unroll
        for (int j = 0; j < FOUR; ++j) {
            const int k = part * FOUR + j;
            m[k] = first_map.values[first[part] >> (8 * j) & 255] * first_scale;
            v[k] = second_map.values[second[part] >> (8 * j) & 255] * second_scale;
            const float before = b.master != nullptr ? wide[part].values[j] : to_float(narrow[part].values[j]);
            wide[part].values[j] = adamw::update(before, to_float(gradients[part].values[j]), m[k], v[k], settings);
        }
        if (b.master != nullptr) {
            store_four(b.master + start, wide[part]);
        }
#pragma unroll
        for (int j = 0; j < FOUR; ++j) {
            narrow[part].values[j] = rounding.of<T>(wide[part].values[j], start + j);
        }
        store_four(b.parameters + start, narrow[part]);
    }
}

// The same, one by one, of a block that ends early or is not aligned.
template <class T, class G>
__device__ __forceinline__ void update_any(float (&m)[EACH], float (&v)[EACH], const Buffers<T, G>& b,
                                           const Map<true>& first_map, const Map<false>& second_map, int64_t block,
                                           const adamw::Settings& settings, const Rounding& rounding) {
    const float first_scale = b.first.absmax[block], second_scale = b.second.absmax[block];
#pragma unroll
    for (int k = 0; k < EACH; ++k) {
        const int64_t i = place_of<false>(block, k);
        m[k] = v[k] = 0.0f;
        if (i < b.elements) {
            m[k] = first_map.values[b.first.codes[i]] * first_scale;
            v[k] = second_map.values[b.second.codes[i]] * second_scale;
            const float before = b.master != nullptr ? b.master[i] : to_float(b.parameters[i]);
            const float after = adamw::update(before, to_float(b.gradients[i]), m[k], v[k], settings);
            if (b.master != nullptr) {
                b.master[i] = after;
            }
            b.parameters[i] = rounding.of<T>(after, i);
        }
    }
}

// The master copy is null where the parameters are as wide as the state, or are rounded by chance.
template <class T, class G>
__device__ __forceinline__ void step(Buffers<T, G> buffers, const float* first_values, const float* second_values,
                                     adamw::Settings settings, Rounding rounding) {
    __shared__ Map<true> first_map;
    __shared__ Map<false> second_map;
    first_map.load(first_values);
    second_map.load(second_values);
    __syncthreads();
    first_map.begin_cells();
    second_map.begin_cells();
    __syncthreads();
    const bool in_fours = buffers.lie_in_fours();
    const int64_t elements = buffers.elements;
    const int64_t warps = int64_t(gridDim.x) * WARPS;
    for (int64_t block = int64_t(blockIdx.x) * WARPS + threadIdx.x / WARP_SIZE; block * BLOCK < elements;
         block += warps) {
        float m[EACH], v[EACH];
        if (in_fours && (block + 1) * BLOCK <= elements) {
            update_whole(m, v, buffers, first_map, second_map, block, settings, rounding);
            quantize<true, false>(buffers.first, m, first_map, block, elements);
            quantize<true, true>(buffers.second, v, second_map, block, elements);
        } else {
            update_any(m, v, buffers, first_map, second_map, block, settings, rounding);
            quantize<false, false>(buffers.first, m, first_map, block, elements);
            quantize<false, true>(buffers.second, v, second_map, block, elements);
        }
    }
}

}  // namespace adamw_8bit

#define DEFINE_ADAMW_8BIT_OF(T, G, name)                                                                               \
    KERNEL_OF_BLOCKS(name, adamw_8bit::THREADS, 4,                                                                     \
           (T * parameters, const G* gradients, uint8_t* first, uint8_t* second, float* first_absmax,                  \
            float* second_absmax, const float* first_map, const float* second_map, float* master, int64_t elements,    \
            float gradient_scale, float beta1, float new1, float beta2, float new2, float root_scale, float epsilon,   \
            float step_size, float kept, int rounds_by_chance, uint32_t seed),                                         \
           (adamw_8bit::step<T, G>(                                                                                    \
               {parameters, gradients, {first, first_absmax}, {second, second_absmax}, master, elements}, first_map,   \
               second_map, {gradient_scale, beta1, new1, beta2, new2, root_scale, epsilon, step_size, kept},           \
               {rounds_by_chance, seed})))
#define DEFINE_ADAMW_8BIT(T, name)                      \
    DEFINE_ADAMW_8BIT_OF(T, T, adamw_8bit_step_##name)  \
    DEFINE_ADAMW_8BIT_OF(T, float, adamw_8bit_step_of_sums_##name)
FOR_EACH_TYPE(DEFINE_ADAMW_8BIT)
