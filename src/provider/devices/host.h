// Facts of the machine itself, read from /proc, /sys and the system calls for them (REG-2). No process is started.
#pragma once

#include <string>

#include "provider/devices/inventory.h"

namespace starminer::provider::devices {

/// `root` is put before /proc, /sys and /etc ("" on a real machine). Facts that cannot be read stay at their defaults.
[[nodiscard]] Host read_host(const std::string& root, const std::string& disk_path);

}  // namespace starminer::provider::devices
