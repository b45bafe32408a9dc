// Runs one kernel on the CPU: reads its name, its launch and its arguments, writes the buffers back as it leaves them.
//
// Numbers are little endian: u32 length and bytes of the name; u32 grid x, y, z, block x, bytes of shared memory, number
// of arguments; each argument a u8: 0 for a number, followed by its 8 bytes; 1 for a buffer, by u64 length and bytes; 2
// for a null pointer. The answer is the bytes of every buffer, in order.

#include "cuda_on_cpu.h"

#include "kernels.cu"

namespace {

void read(void* to, size_t bytes) {
    if (bytes != 0 && std::fread(to, 1, bytes, stdin) != bytes) {
        std::fprintf(stderr, "the input ends too early\n");
        std::exit(2);
    }
}

template <class T>
T number() {
    T value;
    read(&value, sizeof(T));
    return value;
}

}  // namespace

int main() {
    std::string name(number<uint32_t>(), ' ');
    read(name.data(), name.size());
    dim3 grid, block;
    grid.x = number<uint32_t>();
    grid.y = number<uint32_t>();
    grid.z = number<uint32_t>();
    block.x = number<uint32_t>();
    const size_t shared = number<uint32_t>();
    std::vector<emulated::Argument> arguments(number<uint32_t>());
    // A buffer of exactly its bytes, so that the address sanitizer sees a step beyond it.
    std::vector<std::pair<std::unique_ptr<unsigned char[]>, size_t>> buffers;
    for (emulated::Argument& argument : arguments) {
        switch (number<uint8_t>()) {
            case 0:
                read(argument.number, 8);
                break;
            case 1: {
                const size_t bytes = number<uint64_t>();
                buffers.emplace_back(new unsigned char[bytes], bytes);
                argument.pointer = buffers.back().first.get();
                read(argument.pointer, bytes);
                break;
            }
            default:
                break;
        }
    }
    const auto found = emulated::kernels().find(name);
    if (found == emulated::kernels().end()) {
        std::fprintf(stderr, "there is no kernel %s\n", name.c_str());
        return 2;
    }
    found->second(grid, block, shared, arguments);
    for (const auto& [bytes, size] : buffers) {
        std::fwrite(bytes.get(), 1, size, stdout);
    }
    return std::fflush(stdout) == 0 ? 0 : 2;
}
