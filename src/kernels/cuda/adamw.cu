// AdamW over flat buffers, in PyTorch's order of operations: one pass, everything in place.
#pragma once
#include "common.cuh"

namespace adamw {

constexpr int THREADS = 256;

// The settings of an update; the moments' bias is corrected by `step_size` and `root_scale`.
struct Settings {
    float gradient_scale, beta1, new1, beta2, new2, root_scale, epsilon, step_size, kept;
};

__device__ __forceinline__ float update(float parameter, float gradient, float& first, float& second,
                                        const Settings& s) {
    gradient *= s.gradient_scale;
    first = first * s.beta1 + gradient * s.new1;
    second = second * s.beta2 + gradient * gradient * s.new2;
    return parameter * s.kept - first / (sqrtf(second) * s.root_scale + s.epsilon) * s.step_size;
}

// A number that seed and index alone decide, each bit of it by chance (two rounds of multiply and fold).
__device__ __forceinline__ uint32_t by_chance(uint32_t seed, uint64_t index) {
    uint32_t low = uint32_t(index) ^ seed, high = uint32_t(index >> 32) + 0x9e3779b9u;
#pragma unroll
    for (int round = 0; round < 4; ++round) {
        const uint32_t product = low * 0xd2511f53u, carry = __umulhi(low, 0xd2511f53u);
        low = carry ^ high ^ (seed + uint32_t(round) * 0x9e3779b9u);
        high = product;
    }
    return low ^ high;
}

// Rounded to one of the two neighbours, with a chance that makes the mean exact: a step that is smaller than half the
// distance of two bf16 numbers still moves the parameter, sometimes.
template <class T>
__device__ __forceinline__ T rounded_by_chance(float x, uint32_t) {
    return rounded<T>(x);
}
template <>
__device__ __forceinline__ bf16 rounded_by_chance<bf16>(float x, uint32_t chance) {
    const unsigned bits = __float_as_uint(x);
    if ((bits & 0x7f800000u) == 0x7f800000u) {
        return rounded<bf16>(x);
    }
    return rounded<bf16>(__uint_as_float((bits + (chance & 0xffffu)) & 0xffff0000u));
}

// `master` is null where the parameters are as wide as the state, or are rounded by chance.
// Gradients are of the parameters' type, or sums in float.
template <class T, class G>
__device__ __forceinline__ void step(T* parameters, const G* gradients, float* first, float* second, float* master,
                                     int64_t elements, Settings settings, int rounds_by_chance, uint32_t seed) {
    const int64_t i = int64_t(blockIdx.x) * THREADS + threadIdx.x;
    if (i >= elements) {
        return;
    }
    float m = first[i], v = second[i];
    const float before = master == nullptr ? to_float(parameters[i]) : master[i];
    const float after = update(before, to_float(gradients[i]), m, v, settings);
    first[i] = m;
    second[i] = v;
    if (master != nullptr) {
        master[i] = after;
    }
    parameters[i] = rounds_by_chance ? rounded_by_chance<T>(after, by_chance(seed, uint64_t(i))) : rounded<T>(after);
}

}  // namespace adamw

#define DEFINE_ADAMW_OF(T, G, name)                                                                                         \
    KERNEL(name, adamw::THREADS,                                                                         \
           (T * parameters, const G* gradients, float* first, float* second, float* master, int64_t elements,         \
            float gradient_scale, float beta1, float new1, float beta2, float new2, float root_scale, float epsilon,  \
            float step_size, float kept, int rounds_by_chance, uint32_t seed),                                        \
           adamw::step(parameters, gradients, first, second, master, elements,                                     \
                          {gradient_scale, beta1, new1, beta2, new2, root_scale, epsilon, step_size, kept},           \
                          rounds_by_chance, seed))
#define DEFINE_ADAMW(T, name)                  \
    DEFINE_ADAMW_OF(T, T, adamw_step_##name)   \
    DEFINE_ADAMW_OF(T, float, adamw_step_of_sums_##name)
FOR_EACH_TYPE(DEFINE_ADAMW)
