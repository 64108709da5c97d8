// Why a benchmark gave no rating. Inside this folder it travels as an exception, because every OpenCL call can fail;
// benchmark.cpp turns it into a result at the only place where it leaves.
#pragma once

#include <cstdint>
#include <string>

namespace starminer::provider::benchmark {

enum class FailureCode : std::uint8_t {
  NoOpencl,     ///< the device has no OpenCL driver
  DeviceGone,   ///< the device is not where discovery saw it
  DriverError,  ///< a call or a kernel build failed
  WrongResult,  ///< the device computed something else than the reference
  Unsupported,  ///< the device lacks what this kind of work needs
  TimedOut,     ///< no end within the deadline
  Crashed,      ///< the driver ended the process
  Busy,         ///< another benchmark on this host held the lock for too long
  BadRequest    ///< options without sense
};

struct Failure {
  FailureCode code{};
  std::string message;  ///< what happened and what to do
};

}  // namespace starminer::provider::benchmark
