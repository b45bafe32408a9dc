// The words of CUDA C++ that the kernels use, given their meaning on a CPU.
//
// Every CUDA thread of a block is a fiber, which runs until it waits for others; or, with EMULATED_BY_THREADS, a thread
// of its own, so that a missing barrier is a data race that the thread sanitizer sees. Blocks run one after another. A
// barrier that not all threads reach is an error. Shared memory is filled with NaN before each block. Copies that are
// asynchronous on the device happen as late as the program allows: when it waits for them.
#pragma once

#include <atomic>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#ifndef EMULATED_BY_THREADS
#include <ucontext.h>
#endif

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __launch_bounds__(...)
#define __shared__ static

struct dim3 {
    unsigned x = 1, y = 1, z = 1;
};

namespace emulated {

constexpr int WARP = 32;

#ifdef EMULATED_BY_THREADS
/// Lets threads pass when all of them are there.
///
/// A thread that leaves late has seen what came before the barrier, and nothing that others did after it: with a mutex it
/// would, and the sanitizer would take that for an order that the kernel does not have.
class Barrier {
public:
    explicit Barrier(int count) : count_(count) {}

    void wait() {
        const uint64_t turn = turn_.load(std::memory_order_relaxed);
        if (arrived_.fetch_add(1, std::memory_order_acq_rel) + 1 == count_) {
            arrived_.store(0, std::memory_order_relaxed);
            turn_.store(turn + 1, std::memory_order_release);
        }
        while (turn_.load(std::memory_order_acquire) == turn) {
            std::this_thread::yield();
        }
    }

private:
    const int count_;
    std::atomic<int> arrived_{0};
    std::atomic<uint64_t> turn_{0};
};
#else
/// How often fibers have asked in vain since one passed a barrier.
inline size_t waited = 0;

void let_others_run();

/// Lets fibers pass when all of them are there.
class Barrier {
public:
    explicit Barrier(int count) : count_(count) {}

    void wait() {
        const uint64_t turn = turn_;
        if (++arrived_ == count_) {
            arrived_ = 0;
            ++turn_;
            waited = 0;
        }
        while (turn_ == turn) {
            let_others_run();
        }
    }

private:
    const int count_;
    int arrived_ = 0;
    uint64_t turn_ = 0;
};
#endif

/// What the threads of a warp show each other.
struct Warp {
    Barrier barrier{WARP};
    uint64_t words[WARP];
    uint32_t a[WARP][4], b[WARP][2];
};

struct Block {
    Block(dim3 block, size_t shared_bytes) : barrier(int(block.x)), shared(shared_bytes + 16) {
        for (unsigned i = 0; i < block.x; i += WARP) {
            warps.emplace_back();
        }
    }

    unsigned char* dynamic_shared() {
        return reinterpret_cast<unsigned char*>((reinterpret_cast<uintptr_t>(shared.data()) + 15) & ~uintptr_t(15));
    }

    Barrier barrier;
    std::deque<Warp> warps;
    std::vector<unsigned char> shared;
};

struct Copy {
    void* to;
    const void* from;
    size_t bytes;
    size_t zeros;
};

struct Thread {
    dim3 thread, block_index, block, grid;
    Block* in = nullptr;
    std::vector<Copy> open;
    std::deque<std::vector<Copy>> groups;

    Warp& warp() { return in->warps[thread.x / WARP]; }
    int lane() const { return int(thread.x % WARP); }
};

/// What thread `index` does: every block of the grid, one after another.
inline void run_blocks(Thread& thread, unsigned index, Block& shared, dim3 grid, dim3 block,
                       const std::function<void()>& body) {
    thread.thread = {index, 0, 0};
    thread.block = block;
    thread.grid = grid;
    thread.in = &shared;
    for (unsigned z = 0; z < grid.z; ++z) {
        for (unsigned y = 0; y < grid.y; ++y) {
            for (unsigned x = 0; x < grid.x; ++x) {
                thread.block_index = {x, y, z};
                shared.barrier.wait();
                if (index == 0) {
                    std::memset(shared.shared.data(), 0xff, shared.shared.size());
                }
                shared.barrier.wait();
                body();
            }
        }
    }
    if (!thread.open.empty() || !thread.groups.empty()) {
        std::fprintf(stderr, "thread %u ends with copies that it never waited for\n", index);
        std::exit(3);
    }
}

#ifdef EMULATED_BY_THREADS
inline thread_local Thread own;

inline Thread& current() { return own; }

inline void run_all(Block& shared, dim3 grid, dim3 block, const std::function<void()>& body) {
    std::vector<std::thread> threads;
    for (unsigned index = 0; index < block.x; ++index) {
        threads.emplace_back([&, index] { run_blocks(own, index, shared, grid, block, body); });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
}
#else
/// A thread that is one of many on the only thread of the process.
struct Fiber {
    Thread thread;
    ucontext_t context;
    std::unique_ptr<char[]> stack;
    bool done = false;
};

inline std::vector<Fiber>* fibers = nullptr;
inline size_t running = 0;
inline const std::function<void(unsigned)>* fiber_body = nullptr;
inline ucontext_t outside;

inline Thread& current() { return (*fibers)[running].thread; }

/// Goes on with the next fiber that is not done, if there is one.
inline void let_others_run() {
    std::vector<Fiber>& all = *fibers;
    // Each fiber asks again when its turn comes: after three rounds in which nobody passed, nobody will.
    if (++waited > 3 * all.size()) {
        std::fprintf(stderr, "not all threads reach a barrier\n");
        std::exit(3);
    }
    const size_t before = running;
    for (size_t step = 1; step <= all.size(); ++step) {
        const size_t next = (before + step) % all.size();
        if (!all[next].done) {
            if (next != before) {
                running = next;
                swapcontext(&all[before].context, &all[next].context);
            }
            return;
        }
    }
    swapcontext(&all[before].context, &outside);
}

inline void enter_fiber() {
    (*fiber_body)(unsigned(running));
    (*fibers)[running].done = true;
    waited = 0;
    let_others_run();
}

inline void run_all(Block& shared, dim3 grid, dim3 block, const std::function<void()>& body) {
    constexpr size_t STACK = 256 << 10;
    std::vector<Fiber> all(block.x);
    const std::function<void(unsigned)> one = [&](unsigned index) {
        run_blocks(current(), index, shared, grid, block, body);
    };
    fibers = &all;
    fiber_body = &one;
    running = waited = 0;
    for (Fiber& fiber : all) {
        fiber.stack.reset(new char[STACK]);
        getcontext(&fiber.context);
        fiber.context.uc_stack.ss_sp = fiber.stack.get();
        fiber.context.uc_stack.ss_size = STACK;
        fiber.context.uc_link = &outside;
        makecontext(&fiber.context, enter_fiber, 0);
    }
    swapcontext(&outside, &all[0].context);
}
#endif

/// Runs a kernel: `body` is called by each thread of each block.
inline void launch(dim3 grid, dim3 block, size_t shared_bytes, const std::function<void()>& body) {
    if (block.y != 1 || block.z != 1 || block.x % WARP != 0 || block.x == 0 || block.x > 1024) {
        std::fprintf(stderr, "a block of %u x %u x %u threads; whole warps in one dimension are expected\n", block.x,
                     block.y, block.z);
        std::exit(3);
    }
    Block shared(block, shared_bytes);
    run_all(shared, grid, block, body);
}

/// Shows `value` to the warp and returns what lane `from` shows.
template <class T>
T exchange(T value, int from) {
    static_assert(sizeof(T) <= 8);
    Warp& warp = current().warp();
    std::memcpy(&warp.words[current().lane()], &value, sizeof(T));
    warp.barrier.wait();
    std::memcpy(&value, &warp.words[from], sizeof(T));
    warp.barrier.wait();
    return value;
}

/// An argument of a kernel: a pointer to a buffer, or the bytes of a number.
struct Argument {
    void* pointer = nullptr;
    unsigned char number[8] = {};
};

template <class T>
T unpacked(const Argument& argument) {
    if constexpr (std::is_pointer_v<T>) {
        return static_cast<T>(argument.pointer);
    } else {
        T value;
        std::memcpy(&value, argument.number, sizeof(T));
        return value;
    }
}

using Call = std::function<void(dim3, dim3, size_t, const std::vector<Argument>&)>;

inline std::map<std::string, Call>& kernels() {
    static std::map<std::string, Call> all;
    return all;
}

template <class... A, size_t... I>
void call(void (*kernel)(A...), const std::vector<Argument>& arguments, std::index_sequence<I...>) {
    kernel(unpacked<A>(arguments[I])...);
}

struct Registered {
    template <class... A>
    Registered(const char* name, void (*kernel)(A...)) {
        const std::string title = name;
        kernels()[title] = [=](dim3 grid, dim3 block, size_t shared, const std::vector<Argument>& arguments) {
            if (arguments.size() != sizeof...(A)) {
                std::fprintf(stderr, "%s takes %zu arguments, not %zu\n", title.c_str(), sizeof...(A), arguments.size());
                std::exit(3);
            }
            launch(grid, block, shared, [&] { call(kernel, arguments, std::index_sequence_for<A...>()); });
        };
    }
};

}  // namespace emulated

#define threadIdx (::emulated::current().thread)
#define blockIdx (::emulated::current().block_index)
#define blockDim (::emulated::current().block)
#define gridDim (::emulated::current().grid)

inline void __syncthreads() {
    ::emulated::current().in->barrier.wait();
}

inline void __syncwarp(unsigned = 0xffffffffu) {
    ::emulated::current().warp().barrier.wait();
}

template <class T>
T __shfl_xor_sync(unsigned, T value, int mask) {
    return ::emulated::exchange(value, ::emulated::current().lane() ^ mask);
}

template <class T>
T __shfl_sync(unsigned, T value, int from) {
    return ::emulated::exchange(value, from % ::emulated::WARP);
}

template <class T>
T __shfl_down_sync(unsigned, T value, unsigned by) {
    const unsigned from = unsigned(::emulated::current().lane()) + by;
    return ::emulated::exchange(value, from < 32 ? int(from) : ::emulated::current().lane());
}

template <class T>
T atomicAdd(T* place, T value) {
    std::atomic_ref<T> there(*place);
    T old = there.load();
    while (!there.compare_exchange_weak(old, old + value)) {
    }
    return old;
}

template <class T>
T __ldg(const T* place) {
    return *place;
}

inline float __expf(float x) {
    return std::exp(x);
}

inline float exp2f_fast(float x) {
    return std::exp2(x);
}

inline float rsqrtf(float x) {
    return 1.0f / std::sqrt(x);
}

inline unsigned __float_as_uint(float x) {
    unsigned bits;
    std::memcpy(&bits, &x, 4);
    return bits;
}

inline float __uint_as_float(unsigned bits) {
    float x;
    std::memcpy(&x, &bits, 4);
    return x;
}

inline unsigned __umulhi(unsigned a, unsigned b) {
    return unsigned((uint64_t(a) * b) >> 32);
}

/// bfloat16: the upper half of a float, rounded to nearest even.
struct __nv_bfloat16 {
    uint16_t bits;
};

inline float __bfloat162float(__nv_bfloat16 x) {
    return __uint_as_float(unsigned(x.bits) << 16);
}

inline __nv_bfloat16 __float2bfloat16(float x) {
    const unsigned bits = __float_as_uint(x);
    if (std::isnan(x)) {
        return {uint16_t((bits >> 16) | 0x40)};
    }
    return {uint16_t((bits + 0x7fff + ((bits >> 16) & 1)) >> 16)};
}

struct __half {
    _Float16 value;
};

inline float __half2float(__half x) {
    return float(x.value);
}

inline __half __float2half(float x) {
    return {_Float16(x)};
}
