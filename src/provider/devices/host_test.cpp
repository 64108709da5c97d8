#include "provider/devices/host.h"

#include <filesystem>
#include <fstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "provider/devices/runtimes.h"

namespace starminer::provider::devices {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

/// A small tree that stands for another machine.
class HostTree : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = (fs::temp_directory_path() / "starminer-host-XXXXXX").string();
    ASSERT_NE(mkdtemp(pattern.data()), nullptr);
    root_ = pattern;
  }
  void TearDown() override { fs::remove_all(root_); }

  void write(const std::string& path, const std::string& text, bool executable = false) const {
    const fs::path full = root_ + path;
    fs::create_directories(full.parent_path());
    std::ofstream(full) << text;
    if (executable) fs::permissions(full, fs::perms::owner_all);
  }
  void write_debian() const {
    write("/etc/os-release", "NAME=\"Debian\"\nID=debian\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
    write("/etc/debian_version", "12.5\n");
  }

  std::string root_;
};

// REQ: REG-2
TEST_F(HostTree, ReadsProcessorMemoryNumaAndNetwork) {
  std::string cpuinfo;
  for (int i = 0; i < 8; ++i) {
    cpuinfo += "processor\t: " + std::to_string(i) +
               "\nmodel name\t: Big Processor 9000\nphysical id\t: " + std::to_string(i / 4) +
               "\ncore id\t\t: " + std::to_string(i % 2) + "\n\n";
  }
  write("/proc/cpuinfo", cpuinfo);
  write("/proc/meminfo", "MemTotal:       1048576 kB\nMemFree: 5 kB\nMemAvailable:    524288 kB\n");
  write("/sys/devices/system/node/node0/x", "");
  write("/sys/devices/system/node/node1/x", "");
  write("/sys/devices/system/node/online", "0-1");
  write("/sys/class/net/lo/operstate", "up\n");
  write("/sys/class/net/lo/speed", "999999\n");
  write("/sys/class/net/eth0/operstate", "up\n");
  write("/sys/class/net/eth0/speed", "10000\n");
  write("/sys/class/net/eth1/operstate", "down\n");
  write("/sys/class/net/eth1/speed", "400000\n");
  write("/sys/class/net/veth/operstate", "up\n");
  write("/sys/class/net/veth/speed", "-1\n");
  write_debian();
  const Host host = read_host(root_, root_);
  EXPECT_EQ(host.cpu_model, "Big Processor 9000");
  EXPECT_EQ(host.cpu_cores, 4U);
  EXPECT_GE(host.cpu_threads, 1U);
  EXPECT_EQ(host.memory_bytes, 1ULL << 30U);
  EXPECT_EQ(host.memory_available_bytes, 1ULL << 29U);
  EXPECT_EQ(host.numa_nodes, 2U);
  EXPECT_EQ(host.network_mbps, 10'000U);
  EXPECT_EQ(host.os, "Debian GNU/Linux 12 (bookworm)");
  EXPECT_GT(host.disk_total_bytes, 0U);
  EXPECT_GE(host.disk_total_bytes, host.disk_free_bytes);
}

TEST_F(HostTree, EmptyMachineGivesDefaults) {
  const Host host = read_host(root_, root_ + "/nowhere");
  EXPECT_FALSE(host.cpu_model.empty());
  EXPECT_EQ(host.memory_bytes, 0U);
  EXPECT_EQ(host.numa_nodes, 1U);
  EXPECT_FALSE(host.network_mbps);
  EXPECT_EQ(host.disk_total_bytes, 0U);
}

TEST_F(HostTree, RuntimeTagsCarryTheVersionsFound) {
  write_debian();
  write("/usr/bin/python3", "#!/bin/sh\necho Python 3.12.4\n", true);
  write("/usr/bin/blender", "#!/bin/sh\necho 'Blender 4.1.0 LTS'\n", true);
  write("/usr/lib/python3/dist-packages/torch/version.py", "__version__ = '2.3.1a0+gitunknown'\ndebug = False\n");
  const auto report = probe_runtimes(root_);
  ASSERT_EQ(report.present.size(), 4U);
  EXPECT_EQ(report.present[0].tag, "debian/base");
  EXPECT_EQ(report.present[0].version, "12.5");
  EXPECT_EQ(report.present[1].tag, "debian/python-3.12");
  EXPECT_EQ(report.present[2].tag, "debian/pytorch-2.3");
  EXPECT_EQ(report.present[2].version, "2.3.1");
  EXPECT_EQ(report.present[3].tag, "debian/blender-4.1");
  EXPECT_EQ(report.present[3].program, "/usr/bin/blender");
  EXPECT_THAT(report.present[3].read_only_paths, testing::Contains("/usr"));
  EXPECT_TRUE(report.missing.empty());
}

TEST_F(HostTree, MissingAndBrokenRuntimesSayWhatToDo) {
  write_debian();
  write("/usr/bin/python3", "#!/bin/sh\necho broken >&2\nexit 4\n", true);
  const auto report = probe_runtimes(root_);
  ASSERT_EQ(report.present.size(), 1U);
  ASSERT_EQ(report.missing.size(), 3U);
  EXPECT_THAT(report.missing[0].advice, HasSubstr("ended with status 4: broken"));
  EXPECT_THAT(report.missing[1].advice, HasSubstr("apt-get install python3-torch"));
  EXPECT_THAT(report.missing[2].advice, HasSubstr("apt-get install blender"));
}

TEST_F(HostTree, OtherSystemsHaveNoDebianRuntimes) {
  write("/etc/os-release", "ID=ubuntu\nID_LIKE=debian\n");
  write("/etc/debian_version", "bookworm/sid\n");
  write("/usr/bin/python3", "#!/bin/sh\necho Python 3.12.4\n", true);
  const auto report = probe_runtimes(root_);
  EXPECT_TRUE(report.present.empty());
  EXPECT_EQ(report.missing.size(), 4U);
}

}  // namespace
}  // namespace starminer::provider::devices
