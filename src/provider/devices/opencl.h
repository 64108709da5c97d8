// Devices of all OpenCL platforms, loaded at run time (REG-2). Calls into drivers: run it in a child process.
#pragma once

#include <string>

#include "provider/devices/driver_report.h"

namespace starminer::provider::devices {

/// Asks the loader library of this name or path. Never fails: absence and errors are in the report's source.
[[nodiscard]] DriverReport read_opencl(const std::string& library);

}  // namespace starminer::provider::devices
