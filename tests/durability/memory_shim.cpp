// Preloaded into a program: its n-th allocation by `operator new` finds no memory, counted from the start of the
// process or from SIGUSR2 on. STARMINER_NO_MEMORY_AT is n; with STARMINER_NO_MEMORY_LATER the count begins at the
// signal. At the end of an undisturbed process the count stands in the file that STARMINER_NO_MEMORY_COUNT names. Any
// thread.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <new>

namespace {

std::atomic<bool> counting{false};
std::atomic<unsigned long> allocations{0};
unsigned long failing = 0;

void begin(int) { counting = true; }

[[gnu::constructor]] void set_up() {
  if (const char* at = std::getenv("STARMINER_NO_MEMORY_AT")) failing = std::strtoul(at, nullptr, 10);
  if (std::getenv("STARMINER_NO_MEMORY_LATER") == nullptr) {
    counting = true;
  } else {
    std::signal(SIGUSR2, begin);
  }
}

[[gnu::destructor]] void tell() {
  const char* file = std::getenv("STARMINER_NO_MEMORY_COUNT");
  if (file == nullptr) return;
  const int fd = ::open(file, O_WRONLY | O_CREAT | O_TRUNC, 0600);
  if (fd < 0) return;
  ::dprintf(fd, "%lu\n", allocations.load());
  ::close(fd);
}

void* allocate(std::size_t bytes, std::size_t alignment) {
  // Before the program has said what it does then, nothing of it runs yet.
  const bool counts = counting.load(std::memory_order_relaxed) && std::get_new_handler() != nullptr;
  const bool fails = counts && ++allocations == failing;
  for (;;) {
    void* memory = nullptr;
    if (!fails) {
      memory = alignment == 0 ? std::malloc(bytes == 0 ? 1 : bytes)
                              : std::aligned_alloc(alignment, (bytes + alignment - 1) / alignment * alignment);
    }
    if (memory != nullptr) return memory;
    const std::new_handler handler = std::get_new_handler();
    if (handler == nullptr) throw std::bad_alloc();
    handler();
  }
}

}  // namespace

// As the standard library's own, but for the one that fails.
void* operator new(std::size_t bytes) { return allocate(bytes, 0); }
void* operator new[](std::size_t bytes) { return allocate(bytes, 0); }
void* operator new(std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t bytes, std::align_val_t alignment) {
  return allocate(bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
