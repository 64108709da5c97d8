// The OpenCL functions that discovery and benchmark call, found at run time in the ICD loader's library, so that no
// program links to it. Types and numbers come from the Khronos headers. Loading runs driver code: only in a child
// process.
#pragma once

#ifndef CL_TARGET_OPENCL_VERSION
#define CL_TARGET_OPENCL_VERSION 120
#endif
#include <string>
#include <utility>
#include <vector>

#include <CL/cl.h>
#include <CL/cl_ext.h>

#include "base/result.h"
#include "provider/devices/shared_library.h"

namespace starminer::provider::devices {

/// All pointers are set; valid while the object lives.
struct OpenclApi {
  explicit OpenclApi(SharedLibrary loaded) : library(std::move(loaded)) {}

  SharedLibrary library;
  decltype(&clGetPlatformIDs) get_platform_ids = nullptr;
  decltype(&clGetPlatformInfo) get_platform_info = nullptr;
  decltype(&clGetDeviceIDs) get_device_ids = nullptr;
  decltype(&clGetDeviceInfo) get_device_info = nullptr;
  decltype(&clCreateContext) create_context = nullptr;
  decltype(&clReleaseContext) release_context = nullptr;
  decltype(&clCreateCommandQueue) create_command_queue = nullptr;
  decltype(&clReleaseCommandQueue) release_command_queue = nullptr;
  decltype(&clCreateBuffer) create_buffer = nullptr;
  decltype(&clReleaseMemObject) release_mem_object = nullptr;
  decltype(&clCreateProgramWithSource) create_program_with_source = nullptr;
  decltype(&clBuildProgram) build_program = nullptr;
  decltype(&clGetProgramBuildInfo) get_program_build_info = nullptr;
  decltype(&clReleaseProgram) release_program = nullptr;
  decltype(&clCreateKernel) create_kernel = nullptr;
  decltype(&clReleaseKernel) release_kernel = nullptr;
  decltype(&clSetKernelArg) set_kernel_arg = nullptr;
  decltype(&clEnqueueNDRangeKernel) enqueue_nd_range_kernel = nullptr;
  decltype(&clEnqueueReadBuffer) enqueue_read_buffer = nullptr;
  decltype(&clFinish) finish = nullptr;
};

struct OpenclLoadError {
  bool absent = false;  ///< the loader library is not installed
  std::string message;
};

[[nodiscard]] Result<OpenclApi, OpenclLoadError> load_opencl(const std::string& library);

/// Platforms in the loader's order; empty if there are none.
[[nodiscard]] std::vector<cl_platform_id> opencl_platforms(const OpenclApi& api);
/// Devices of all types in the platform's order; empty if there are none.
[[nodiscard]] std::vector<cl_device_id> opencl_devices(const OpenclApi& api, cl_platform_id platform);
/// Text properties, without surrounding white space; empty where the driver refuses.
[[nodiscard]] std::string opencl_platform_text(const OpenclApi& api, cl_platform_id platform, cl_platform_info what);
[[nodiscard]] std::string opencl_device_text(const OpenclApi& api, cl_device_id device, cl_device_info what);

}  // namespace starminer::provider::devices
