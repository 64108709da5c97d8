// NVIDIA GPUs through the management library, loaded at run time (REG-2). Calls into the driver: run it in a child
// process.
#pragma once

#include <string>

#include "provider/devices/driver_report.h"

namespace starminer::provider::devices {

/// Asks the library of this name or path. Never fails: absence and errors are in the report's source.
[[nodiscard]] DriverReport read_nvml(const std::string& library);

}  // namespace starminer::provider::devices
