#include "provider/benchmark/session.h"

#include <algorithm>

#include <fmt/format.h>

#include "provider/benchmark/generator.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::size_t kBuildLogBytes = 2000;

void require(cl_int code, const char* call) {
  if (code == CL_SUCCESS) return;
  throw Failure{
      FailureCode::DriverError,
      fmt::format("{} failed with OpenCL code {}; check the device's driver and that no other program holds its "
                  "memory",
                  call, code)};
}

template <class T>
T device_value(const devices::OpenclApi& api, cl_device_id device, cl_device_info what, const char* name) {
  T value{};
  require(api.get_device_info(device, what, sizeof value, &value, nullptr), name);
  return value;
}

/// The device at its place, if it is still the one discovery saw there.
cl_device_id find_device(const devices::OpenclApi& api, const devices::OpenclDetail& place) {
  const auto platforms = devices::opencl_platforms(api);
  if (place.platform_index < platforms.size()) {
    const auto handles = devices::opencl_devices(api, platforms[place.platform_index]);
    if (place.device_index < handles.size() &&
        devices::opencl_device_text(api, handles[place.device_index], CL_DEVICE_NAME) == place.name) {
      return handles[place.device_index];
    }
  }
  throw Failure{FailureCode::DeviceGone,
                fmt::format("'{}' is no longer device {} of OpenCL platform {}; discover the devices again", place.name,
                            place.device_index, place.platform_index)};
}

}  // namespace

Session::Session(const std::string& library, const devices::OpenclDetail& place, KernelStyle style, KernelFilter filter)
    : filter_(std::move(filter)) {
  auto api = devices::load_opencl(library);
  if (!api) throw Failure{FailureCode::NoOpencl, api.error().message};
  api_ = std::make_unique<devices::OpenclApi>(std::move(*api));
  device_ = find_device(*api_, place);
  cl_int code = CL_SUCCESS;
  context_ = Context(*api_, api_->create_context(nullptr, 1, &device_, nullptr, nullptr, &code));
  require(code, "clCreateContext");
  queue_ = Queue(*api_, api_->create_command_queue(context_.get(), device_, 0, &code));
  require(code, "clCreateCommandQueue");
  const auto type = device_value<cl_device_type>(*api_, device_, CL_DEVICE_TYPE, "CL_DEVICE_TYPE");
  for_processor_ = style == KernelStyle::Auto ? (type & CL_DEVICE_TYPE_CPU) != 0 : style == KernelStyle::Processor;
  has_fp64_ = place.fp64;
  memory_bytes_ = device_value<cl_ulong>(*api_, device_, CL_DEVICE_GLOBAL_MEM_SIZE, "CL_DEVICE_GLOBAL_MEM_SIZE");
  allocation_bytes_max_ =
      device_value<cl_ulong>(*api_, device_, CL_DEVICE_MAX_MEM_ALLOC_SIZE, "CL_DEVICE_MAX_MEM_ALLOC_SIZE");
  driver_version_ = devices::opencl_device_text(*api_, device_, CL_DRIVER_VERSION);
}

Program Session::build(std::string_view component, std::string_view source, const std::string& options) {
  std::string text = std::string(kGeneratorSource) + std::string(source);
  if (filter_) text = filter_(component, std::move(text));
  const char* start = text.c_str();
  const std::size_t size = text.size();
  cl_int code = CL_SUCCESS;
  Program program(*api_, api_->create_program_with_source(context_.get(), 1, &start, &size, &code));
  require(code, "clCreateProgramWithSource");
  code = api_->build_program(program.get(), 1, &device_, options.c_str(), nullptr, nullptr);
  if (code != CL_SUCCESS) {
    std::string log(kBuildLogBytes, '\0');
    if (api_->get_program_build_info(program.get(), device_, CL_PROGRAM_BUILD_LOG, log.size(), log.data(), nullptr) !=
        CL_SUCCESS)
      log.clear();
    log.erase(std::find(log.begin(), log.end(), '\0'), log.end());
    throw Failure{FailureCode::DriverError,
                  fmt::format("the driver cannot build the kernel '{}' (OpenCL code {}): {}; update the driver",
                              component, code, log.empty() ? "no log" : log)};
  }
  return program;
}

Kernel Session::kernel(const Program& program, const char* name) {
  cl_int code = CL_SUCCESS;
  Kernel made(*api_, api_->create_kernel(program.get(), name, &code));
  require(code, "clCreateKernel");
  return made;
}

Buffer Session::allocate(std::uint64_t bytes) {
  cl_int code = CL_SUCCESS;
  Buffer made(*api_, api_->create_buffer(context_.get(), CL_MEM_READ_WRITE, bytes, nullptr, &code));
  require(code, "clCreateBuffer");
  return made;
}

void Session::set_argument(const Kernel& kernel, cl_uint index, const Buffer& buffer) {
  cl_mem memory = buffer.get();
  require(api_->set_kernel_arg(kernel.get(), index, sizeof memory, &memory), "clSetKernelArg");
}

void Session::set_argument(const Kernel& kernel, cl_uint index, std::uint32_t word) {
  const cl_uint value = word;
  require(api_->set_kernel_arg(kernel.get(), index, sizeof value, &value), "clSetKernelArg");
}

void Session::enqueue(const Kernel& kernel, const Range& range) {
  const std::size_t* local = range.local[0] == 0 ? nullptr : range.local.data();
  require(api_->enqueue_nd_range_kernel(queue_.get(), kernel.get(), 2, nullptr, range.global.data(), local, 0, nullptr,
                                        nullptr),
          "clEnqueueNDRangeKernel");
}

void Session::finish() { require(api_->finish(queue_.get()), "clFinish"); }

void Session::read(const Buffer& buffer, void* into, std::size_t bytes) {
  require(api_->enqueue_read_buffer(queue_.get(), buffer.get(), CL_TRUE, 0, bytes, into, 0, nullptr, nullptr),
          "clEnqueueReadBuffer");
}

}  // namespace starminer::provider::benchmark
