// One OpenCL device with a context and an in-order queue, and owners of what lives on it. Private to this folder, and
// only for use in a child process, from one thread. Every function throws Failure; messages name the call and the
// driver's code.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "provider/benchmark/failure.h"
#include "provider/benchmark/kernel_options.h"
#include "provider/devices/inventory.h"
#include "provider/devices/opencl_api.h"

namespace starminer::provider::benchmark {

/// Owner of one OpenCL object: Release is the member of OpenclApi that ends it.
template <class Object, auto Release>
class Owned {
 public:
  Owned() = default;
  Owned(const devices::OpenclApi& api, Object object) : api_(&api), object_(object) {}
  Owned(Owned&& other) noexcept : api_(other.api_), object_(std::exchange(other.object_, nullptr)) {}
  Owned& operator=(Owned&& other) noexcept {
    std::swap(api_, other.api_);
    std::swap(object_, other.object_);
    return *this;
  }
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() {
    if (object_ != nullptr) (api_->*Release)(object_);
  }
  [[nodiscard]] Object get() const { return object_; }

 private:
  const devices::OpenclApi* api_ = nullptr;
  Object object_ = nullptr;
};

using Context = Owned<cl_context, &devices::OpenclApi::release_context>;
using Queue = Owned<cl_command_queue, &devices::OpenclApi::release_command_queue>;
using Buffer = Owned<cl_mem, &devices::OpenclApi::release_mem_object>;
using Program = Owned<cl_program, &devices::OpenclApi::release_program>;
using Kernel = Owned<cl_kernel, &devices::OpenclApi::release_kernel>;

/// Work-items of a launch; `local` of {0, 0} leaves the choice to the driver.
struct Range {
  std::array<std::size_t, 2> global{1, 1};
  std::array<std::size_t, 2> local{0, 0};
};

class Session {
 public:
  Session(const std::string& library, const devices::OpenclDetail& place, KernelStyle style, KernelFilter filter);

  [[nodiscard]] bool for_processor() const { return for_processor_; }
  [[nodiscard]] bool has_fp64() const { return has_fp64_; }
  [[nodiscard]] std::uint64_t memory_bytes() const { return memory_bytes_; }
  [[nodiscard]] std::uint64_t allocation_bytes_max() const { return allocation_bytes_max_; }
  [[nodiscard]] const std::string& driver_version() const { return driver_version_; }

  /// Builds generator plus source. `component` names it in errors and for the filter.
  [[nodiscard]] Program build(std::string_view component, std::string_view source, const std::string& options);
  [[nodiscard]] Kernel kernel(const Program& program, const char* name);
  [[nodiscard]] Buffer allocate(std::uint64_t bytes);

  /// Sets the arguments in order and enqueues. Arguments are Buffers and 32-bit words.
  template <class... Arguments>
  void launch(const Kernel& kernel, const Range& range, const Arguments&... arguments) {
    cl_uint index = 0;
    (set_argument(kernel, index++, arguments), ...);
    enqueue(kernel, range);
  }

  void finish();
  void read(const Buffer& buffer, void* into, std::size_t bytes);

 private:
  void set_argument(const Kernel& kernel, cl_uint index, const Buffer& buffer);
  void set_argument(const Kernel& kernel, cl_uint index, std::uint32_t word);
  void enqueue(const Kernel& kernel, const Range& range);

  std::unique_ptr<devices::OpenclApi> api_;  // first member: outlives what is released through it
  cl_device_id device_ = nullptr;
  Context context_;
  Queue queue_;
  KernelFilter filter_;
  bool for_processor_ = false;
  bool has_fp64_ = false;
  std::uint64_t memory_bytes_ = 0;
  std::uint64_t allocation_bytes_max_ = 0;
  std::string driver_version_;
};

}  // namespace starminer::provider::benchmark
