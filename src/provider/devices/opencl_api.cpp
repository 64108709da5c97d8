#include "provider/devices/opencl_api.h"

#include <algorithm>
#include <utility>

namespace starminer::provider::devices {
namespace {

constexpr cl_uint kPlatformsMax = 32;
constexpr cl_uint kDevicesPerPlatformMax = 64;
constexpr std::size_t kTextBytesMax = 64 * 1024;

template <class Pointer>
bool bind(const SharedLibrary& library, const char* name, Pointer& into) {
  into = library.find<std::remove_pointer_t<Pointer>>(name);
  return into != nullptr;
}

bool bind_all(OpenclApi& api) {
  const auto& l = api.library;
  return bind(l, "clGetPlatformIDs", api.get_platform_ids) && bind(l, "clGetPlatformInfo", api.get_platform_info) &&
         bind(l, "clGetDeviceIDs", api.get_device_ids) && bind(l, "clGetDeviceInfo", api.get_device_info) &&
         bind(l, "clCreateContext", api.create_context) && bind(l, "clReleaseContext", api.release_context) &&
         bind(l, "clCreateCommandQueue", api.create_command_queue) &&
         bind(l, "clReleaseCommandQueue", api.release_command_queue) && bind(l, "clCreateBuffer", api.create_buffer) &&
         bind(l, "clReleaseMemObject", api.release_mem_object) &&
         bind(l, "clCreateProgramWithSource", api.create_program_with_source) &&
         bind(l, "clBuildProgram", api.build_program) && bind(l, "clGetProgramBuildInfo", api.get_program_build_info) &&
         bind(l, "clReleaseProgram", api.release_program) && bind(l, "clCreateKernel", api.create_kernel) &&
         bind(l, "clReleaseKernel", api.release_kernel) && bind(l, "clSetKernelArg", api.set_kernel_arg) &&
         bind(l, "clEnqueueNDRangeKernel", api.enqueue_nd_range_kernel) &&
         bind(l, "clEnqueueReadBuffer", api.enqueue_read_buffer) && bind(l, "clFinish", api.finish);
}

std::string trimmed(std::string text) {
  text.erase(std::find(text.begin(), text.end(), '\0'), text.end());
  const auto first = text.find_first_not_of(" \t\n");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\n") - first + 1);
}

template <class Query>
std::string read_text(const Query& query) {
  std::size_t size = 0;
  if (query(0, nullptr, &size) != CL_SUCCESS || size == 0 || size > kTextBytesMax) return {};
  std::string text(size, '\0');
  if (query(size, text.data(), nullptr) != CL_SUCCESS) return {};
  return trimmed(std::move(text));
}

}  // namespace

Result<OpenclApi, OpenclLoadError> load_opencl(const std::string& name) {
  auto library = SharedLibrary::open(name);
  if (!library) {
    const bool absent = library.error().find("cannot open shared object file: No such file") != std::string::npos;
    return fail(OpenclLoadError{absent, absent ? "no OpenCL on this machine (" + name +
                                                     " is not installed); for a machine without GPU install "
                                                     "ocl-icd-libopencl1 and pocl-opencl-icd"
                                               : library.error() + "; reinstall ocl-icd-libopencl1"});
  }
  OpenclApi api(std::move(*library));
  if (!bind_all(api)) {
    return fail(OpenclLoadError{false, name + " lacks functions of OpenCL 1.2; install ocl-icd-libopencl1"});
  }
  return api;
}

std::vector<cl_platform_id> opencl_platforms(const OpenclApi& api) {
  cl_uint count = 0;
  if (api.get_platform_ids(0, nullptr, &count) != CL_SUCCESS || count == 0) return {};
  std::vector<cl_platform_id> platforms(std::min(count, kPlatformsMax));
  if (api.get_platform_ids(static_cast<cl_uint>(platforms.size()), platforms.data(), nullptr) != CL_SUCCESS) return {};
  return platforms;
}

std::vector<cl_device_id> opencl_devices(const OpenclApi& api, cl_platform_id platform) {
  cl_uint count = 0;
  if (api.get_device_ids(platform, CL_DEVICE_TYPE_ALL, 0, nullptr, &count) != CL_SUCCESS || count == 0) return {};
  std::vector<cl_device_id> devices(std::min(count, kDevicesPerPlatformMax));
  const auto size = static_cast<cl_uint>(devices.size());
  if (api.get_device_ids(platform, CL_DEVICE_TYPE_ALL, size, devices.data(), nullptr) != CL_SUCCESS) return {};
  return devices;
}

std::string opencl_platform_text(const OpenclApi& api, cl_platform_id platform, cl_platform_info what) {
  return read_text([&](std::size_t size, void* value, std::size_t* needed) {
    return api.get_platform_info(platform, what, size, value, needed);
  });
}

std::string opencl_device_text(const OpenclApi& api, cl_device_id device, cl_device_info what) {
  return read_text([&](std::size_t size, void* value, std::size_t* needed) {
    return api.get_device_info(device, what, size, value, needed);
  });
}

}  // namespace starminer::provider::devices
