#include "provider/devices/discover.h"

#include <algorithm>
#include <cstdlib>
#include <initializer_list>
#include <map>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <nlohmann/json.hpp>

#include "provider/devices/report.h"

namespace starminer::provider::devices {
namespace {

using testing::HasSubstr;

/// Settings of the fake library, taken back at the end of the test.
class Environment {
 public:
  Environment(std::initializer_list<std::pair<const std::string, std::string>> values) : values_(values) {
    for (const auto& [name, value] : values_) setenv(name.c_str(), value.c_str(), 1);
  }
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment() {
    for (const auto& [name, value] : values_) unsetenv(name.c_str());
  }

 private:
  std::map<std::string, std::string> values_;
};

/// NVML by the fake library, no OpenCL, so that the result does not depend on this machine.
Inventory discover_fake() {
  DiscoverOptions options;
  options.nvml_library = STARMINER_FAKE_NVML;
  options.opencl_library = "libstarminer-no-such-opencl.so.1";
  options.with_runtimes = false;
  return discover(options);
}

std::string eight_h100() {
  std::string text;
  for (int i = 0; i < 8; ++i) text += "NVIDIA H100 80GB HBM3|81559;";
  return text;
}

// REQ: REG-2
TEST(Discover, EightCardsOfOneModelAreOneNode) {
  const Environment environment{{"FAKE_NVML_DEVICES", eight_h100()}, {"FAKE_NVML_NVLINKS", "18"}};
  const auto inventory = discover_fake();
  ASSERT_EQ(inventory.devices.size(), 8U);
  const Device& fourth = inventory.devices[3];
  EXPECT_EQ(fourth.name, "NVIDIA H100 80GB HBM3");
  EXPECT_EQ(fourth.hardware_class, "H100");
  EXPECT_EQ(fourth.id, "GPU-00000000-0000-0000-0000-000000000003");
  EXPECT_EQ(fourth.pci_bus_id, "0000:13:00.0");
  EXPECT_EQ(fourth.device_file, "/dev/nvidia3");
  EXPECT_EQ(fourth.driver_version, "550.54.15");
  EXPECT_EQ(fourth.memory_bytes, 81'559ULL << 20U);
  EXPECT_EQ(fourth.memory_free_bytes, (81'559ULL << 20U) - (1ULL << 29U));
  ASSERT_TRUE(fourth.nvml);
  EXPECT_EQ(fourth.nvml->compute_capability, "9.0");
  EXPECT_EQ(fourth.nvml->pcie_generation_max, 5U);
  EXPECT_EQ(fourth.nvml->pcie_width_max, 16U);
  EXPECT_EQ(fourth.nvml->power_mw, 71'250U);
  EXPECT_EQ(fourth.nvml->temperature_c, 41U);
  EXPECT_EQ(fourth.nvml->utilization_percent, 7U);
  EXPECT_EQ(fourth.nvml->nvlinks_active, 18U);
  ASSERT_EQ(inventory.nodes.size(), 1U);
  EXPECT_EQ(inventory.nodes[0].devices.size(), 8U);
  EXPECT_EQ(inventory.nodes[0].hardware_class, "H100");
  EXPECT_EQ(inventory.nodes[0].interconnect, "nvlink");
  EXPECT_EQ(inventory.sources[0].state, SourceState::Ready);
  EXPECT_EQ(inventory.sources[1].state, SourceState::Absent);
}

TEST(Discover, ModelsAreSeparateNodesAndTheGenericClassIsSplitByModel) {
  const Environment environment{
      {"FAKE_NVML_DEVICES", "NVIDIA L40S|46068;NVIDIA T4|15360;NVIDIA L40S|46068;NVIDIA L4|23034"}};
  const auto inventory = discover_fake();
  ASSERT_EQ(inventory.nodes.size(), 3U);
  EXPECT_EQ(inventory.nodes[0].hardware_class, "L40S");
  EXPECT_EQ(inventory.nodes[0].devices, (std::vector<std::size_t>{0, 2}));
  EXPECT_EQ(inventory.nodes[0].interconnect, "pcie");
  EXPECT_EQ(inventory.nodes[1].hardware_class, "GPU");
  EXPECT_EQ(inventory.nodes[1].model, "NVIDIA T4");
  EXPECT_EQ(inventory.nodes[2].model, "NVIDIA L4");
  EXPECT_EQ(inventory.nodes[2].interconnect, "none");
}

TEST(Discover, CardWithMigIsListedButNotOffered) {
  const Environment environment{{"FAKE_NVML_DEVICES", "NVIDIA A100-SXM4-80GB|81920"}, {"FAKE_NVML_MIG", "1"}};
  const auto inventory = discover_fake();
  ASSERT_EQ(inventory.devices.size(), 1U);
  EXPECT_THAT(inventory.devices[0].unusable, HasSubstr("nvidia-smi -i 0 -mig 0"));
  EXPECT_TRUE(inventory.nodes.empty());
}

TEST(Discover, LostCardDoesNotTakeTheOthersAlong) {
  const Environment environment{{"FAKE_NVML_DEVICES", eight_h100()}, {"FAKE_NVML_LOST", "5"}};
  const auto inventory = discover_fake();
  EXPECT_EQ(inventory.devices.size(), 7U);
  ASSERT_EQ(inventory.sources[0].warnings.size(), 1U);
  EXPECT_THAT(inventory.sources[0].warnings[0], HasSubstr("GPU 5: GPU is lost"));
}

TEST(Discover, DriverWithoutOptionalFactsStillGivesDevices) {
  const Environment environment{{"FAKE_NVML_DEVICES", "NVIDIA H200|143771"}, {"FAKE_NVML_MISSING", "1"}};
  const auto inventory = discover_fake();
  ASSERT_EQ(inventory.devices.size(), 1U);
  EXPECT_EQ(inventory.devices[0].id, "nvml-0");
  EXPECT_EQ(inventory.devices[0].hardware_class, "H200");
  EXPECT_TRUE(inventory.devices[0].pci_bus_id.empty());
  EXPECT_FALSE(inventory.devices[0].nvml->temperature_c);
  EXPECT_TRUE(inventory.devices[0].device_file.empty());
}

TEST(Discover, DriverWithoutCardIsEmpty) {
  const auto inventory = discover_fake();
  EXPECT_TRUE(inventory.devices.empty());
  EXPECT_EQ(inventory.sources[0].state, SourceState::Empty);
  EXPECT_THAT(inventory.warnings.back(), HasSubstr("no usable device"));
}

TEST(Discover, RefusingDriverSaysWhatToDo) {
  const Environment environment{{"FAKE_NVML_INIT", "9"}};
  const auto inventory = discover_fake();
  EXPECT_EQ(inventory.sources[0].state, SourceState::Failed);
  EXPECT_THAT(inventory.sources[0].message, HasSubstr("Driver Not Loaded (NVML code 9); load the kernel driver"));
}

TEST(Discover, HungDriverIsLeftBehind) {
  const Environment environment{{"FAKE_NVML_HANG", "1"}};
  DiscoverOptions options;
  options.nvml_library = STARMINER_FAKE_NVML;
  options.opencl_library = "libstarminer-no-such-opencl.so.1";
  options.driver_deadline = std::chrono::milliseconds(300);
  options.with_runtimes = false;
  const auto inventory = discover(options);
  EXPECT_EQ(inventory.sources[0].state, SourceState::TimedOut);
  EXPECT_THAT(inventory.sources[0].message, HasSubstr("no answer within 300 ms"));
}

TEST(Discover, CrashingLibraryIsReported) {
  const Environment environment{{"FAKE_NVML_CRASH", "1"}};
  const auto inventory = discover_fake();
  EXPECT_EQ(inventory.sources[0].state, SourceState::Crashed);
  EXPECT_THAT(inventory.sources[0].message, HasSubstr("signal 11"));
  EXPECT_THAT(inventory.sources[0].message, HasSubstr("assertion in driver"));
}

TEST(Discover, ChatterOfDriversReachesNoStream) {
  const Environment environment{{"FAKE_NVML_DEVICES", "NVIDIA H200|143771"}, {"FAKE_NVML_NOISE", "1"}};
  testing::internal::CaptureStdout();
  testing::internal::CaptureStderr();
  const auto inventory = discover_fake();
  EXPECT_EQ(testing::internal::GetCapturedStdout(), "");
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(inventory.devices.size(), 1U);
}

TEST(Discover, LyingDeviceCountIsBounded) {
  const Environment environment{{"FAKE_NVML_DEVICES", "NVIDIA H200|143771"}, {"FAKE_NVML_COUNT", "4000000000"}};
  const auto inventory = discover_fake();
  EXPECT_EQ(inventory.devices.size(), 1U);
  EXPECT_THAT(inventory.sources[0].warnings[0], HasSubstr("claims 4000000000 GPUs"));
}

TEST(Discover, BrokenLibrariesAreReported) {
  DiscoverOptions options;
  options.nvml_library = STARMINER_BROKEN_NVML;
  options.opencl_library = STARMINER_BROKEN_NVML;
  options.with_runtimes = false;
  const auto inventory = discover(options);
  EXPECT_EQ(inventory.sources[0].state, SourceState::Failed);
  EXPECT_THAT(inventory.sources[0].message, HasSubstr("lacks functions"));
  EXPECT_EQ(inventory.sources[1].state, SourceState::Failed);
  EXPECT_THAT(inventory.sources[1].message, HasSubstr("OpenCL 1.2"));
  options.nvml_library = "/proc/self/status";
  EXPECT_EQ(discover(options).sources[0].state, SourceState::Failed);
}

// REQ: REG-2
TEST(Discover, ProcessorThroughPoclIsOneDeviceOfClassCpu) {
  DiscoverOptions options;
  options.nvml_library = "libstarminer-no-such-nvml.so.1";
  const auto inventory = discover(options);
  EXPECT_EQ(inventory.sources[0].state, SourceState::Absent);
  ASSERT_EQ(inventory.sources[1].state, SourceState::Ready) << inventory.sources[1].message;
  const auto cpu = std::find_if(inventory.devices.begin(), inventory.devices.end(),
                                [](const Device& d) { return d.kind == DeviceKind::Cpu; });
  ASSERT_NE(cpu, inventory.devices.end()) << "install pocl-opencl-icd";
  EXPECT_EQ(cpu->hardware_class, "CPU");
  EXPECT_EQ(cpu->id, "cpu-0");
  EXPECT_EQ(cpu->name, inventory.host.cpu_model);
  EXPECT_GT(cpu->memory_bytes, 0U);
  EXPECT_GT(cpu->compute_units, 0U);
  ASSERT_TRUE(cpu->opencl);
  if (inventory.devices.size() == 1) {
    ASSERT_EQ(inventory.nodes.size(), 1U);
    EXPECT_EQ(inventory.nodes[0].hardware_class, "CPU");
  }
}

Device opencl_gpu(const std::string& name, const std::string& pci, std::uint32_t index) {
  Device device;
  device.kind = DeviceKind::Gpu;
  device.name = name;
  device.pci_bus_id = pci;
  device.compute_units = 108 + index;
  device.opencl = OpenclDetail{};
  device.opencl->platform = "Vendor";
  device.opencl->device_index = index;
  return device;
}

Device nvml_gpu(const std::string& name, const std::string& pci) {
  Device device;
  device.kind = DeviceKind::Gpu;
  device.name = name;
  device.id = "GPU-" + pci;
  device.pci_bus_id = pci;
  device.nvml = NvmlDetail{};
  return device;
}

TEST(MergeDevices, PciAddressDecidesEvenAgainstTheOrder) {
  std::vector<std::string> warnings;
  const auto merged =
      merge_devices({nvml_gpu("X", "0000:01:00.0"), nvml_gpu("X", "0000:02:00.0")},
                    {opencl_gpu("X", "0000:02:00.0", 0), opencl_gpu("X", "0000:01:00.0", 1)}, Host{}, warnings);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].opencl->device_index, 1U);
  EXPECT_EQ(merged[0].compute_units, 109U);
  EXPECT_EQ(merged[1].opencl->device_index, 0U);
  EXPECT_TRUE(warnings.empty());
}

TEST(MergeDevices, WithoutAddressesModelAndOrderDecide) {
  std::vector<std::string> warnings;
  const auto merged =
      merge_devices({nvml_gpu("X", "0000:01:00.0"), nvml_gpu("Y", "0000:02:00.0"), nvml_gpu("X", "0000:03:00.0")},
                    {opencl_gpu("X", "", 0), opencl_gpu("X", "", 1), opencl_gpu("Z", "", 2)}, Host{}, warnings);
  ASSERT_EQ(merged.size(), 4U);
  EXPECT_EQ(merged[0].opencl->device_index, 0U);
  EXPECT_FALSE(merged[1].opencl);
  EXPECT_EQ(merged[2].opencl->device_index, 1U);
  EXPECT_EQ(merged[3].name, "Z");
  ASSERT_EQ(warnings.size(), 1U);
  EXPECT_THAT(warnings[0], HasSubstr("install nvidia-opencl-icd"));
}

TEST(MergeDevices, SameCardOfTwoPlatformsAndSameProcessorOfTwoPlatformsAreOneEach) {
  std::vector<std::string> warnings;
  Device cpu = opencl_gpu("pthread", "", 0);
  cpu.kind = DeviceKind::Cpu;
  Host host;
  host.cpu_model = "Some Processor";
  const auto merged = merge_devices(
      {nvml_gpu("X", "0000:01:00.0")},
      {cpu, opencl_gpu("X", "0000:01:00.0", 0), opencl_gpu("mesa X", "0000:01:00.0", 7), cpu}, host, warnings);
  ASSERT_EQ(merged.size(), 2U);
  EXPECT_EQ(merged[0].opencl->device_index, 0U);
  EXPECT_EQ(merged[1].name, "Some Processor");
  EXPECT_EQ(warnings.size(), 2U);
  const auto nodes = group_nodes(merged);
  ASSERT_EQ(nodes.size(), 1U);
  EXPECT_EQ(nodes[0].model, "X");
}

TEST(Report, JsonAndTableShowTheDevices) {
  const Environment environment{{"FAKE_NVML_DEVICES", eight_h100()}, {"FAKE_NVML_NVLINKS", "18"}};
  const auto inventory = discover_fake();
  const auto json = nlohmann::json::parse(inventory_json(inventory));
  EXPECT_EQ(json["devices"].size(), 8U);
  EXPECT_EQ(json["devices"][0]["hardware_class"], "H100");
  EXPECT_EQ(json["devices"][0]["nvml"]["nvlinks_active"], 18);
  EXPECT_EQ(json["nodes"][0]["devices"].size(), 8U);
  EXPECT_EQ(json["sources"][1]["state"], "absent");
  const std::string table = format_inventory(inventory);
  EXPECT_THAT(table, HasSubstr("8 x H100 (NVIDIA H100 80GB HBM3), 79.6 GiB each, nvlink"));
  EXPECT_THAT(table, HasSubstr("compute 9.0, PCIe 5 x16, 18 NVLinks"));
}

TEST(DriverReport, DecoderRefusesWhatIsNoReport) {
  EXPECT_FALSE(decode_driver_report(""));
  EXPECT_FALSE(decode_driver_report("{}"));
  EXPECT_FALSE(decode_driver_report("{\"source\":3,\"devices\":[]}"));
  DriverReport report;
  report.source.source = "NVML";
  report.devices.push_back(nvml_gpu("N\xff", "0000:01:00.0"));
  std::string text = encode_driver_report(report);
  ASSERT_TRUE(decode_driver_report(text));
  EXPECT_FALSE(decode_driver_report(text.substr(0, text.size() - 1)));
  text.replace(text.find("\"gpu\""), 5, "\"toy\"");
  EXPECT_FALSE(decode_driver_report(text));
}

}  // namespace
}  // namespace starminer::provider::devices
