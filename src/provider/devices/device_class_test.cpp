#include "provider/devices/device_class.h"

#include <algorithm>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

namespace starminer::provider::devices {
namespace {

struct Row {
  std::string_view model;
  std::uint64_t memory_mib;
  std::string_view expected;
};

// REQ: REG-2
TEST(DeviceClass, NamesFollowTheTable) {
  const std::vector<Row> rows{
      {"NVIDIA GeForce RTX 4090", 24'564, "RTX4090"},
      {"NVIDIA GeForce RTX 4090 D", 24'564, "GPU"},
      {"NVIDIA GeForce RTX 4090 Laptop GPU", 16'376, "GPU"},
      {"NVIDIA GeForce RTX 4080", 16'376, "GPU"},
      {"NVIDIA GeForce RTX 3090", 24'576, "GPU"},
      {"NVIDIA L40S", 46'068, "L40S"},
      {"NVIDIA L40", 46'068, "GPU"},
      {"NVIDIA L4", 23'034, "GPU"},
      {"NVIDIA A100-SXM4-80GB", 81'920, "A100"},
      {"NVIDIA A100 80GB PCIe", 81'920, "A100"},
      {"A100-SXM4-80GB", 81'251, "A100"},
      {"NVIDIA A100-SXM4-40GB", 40'960, "GPU"},
      {"NVIDIA A100-PCIE-40GB", 40'960, "GPU"},
      {"NVIDIA A100-SXM4-80GB MIG 1g.10gb", 9'728, "GPU"},
      {"GRID A100D-40C", 40'960, "GPU"},
      {"NVIDIA A100-80C", 81'920, "GPU"},
      {"NVIDIA A800-SXM4-80GB", 81'920, "GPU"},
      {"NVIDIA H100 80GB HBM3", 81'559, "H100"},
      {"NVIDIA H100 PCIe", 81'559, "H100"},
      {"NVIDIA H100 NVL", 95'830, "H100"},
      {"NVIDIA GH200 480GB", 97'871, "GPU"},
      {"NVIDIA H800", 81'559, "GPU"},
      {"NVIDIA H20", 97'871, "GPU"},
      {"NVIDIA H200", 143'771, "H200"},
      {"NVIDIA H200 NVL", 143'771, "H200"},
      {"NVIDIA B200", 183'359, "B200"},
      {"NVIDIA GB200", 189'471, "GPU"},
      {"NVIDIA RTX 6000 Ada Generation", 49'140, "GPU"},
      {"Quadro RTX 4000", 8'192, "GPU"},
      {"AMD Instinct MI300X", 196'592, "GPU"},
      {"Intel(R) Arc(TM) A770 Graphics", 16'225, "GPU"},
      {"", 0, "GPU"},
      {"rtx", 24'564, "GPU"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(gpu_class(row.model, row.memory_mib << 20U), row.expected) << row.model;
  }
}

TEST(DeviceClass, EveryAnswerIsAListedName) {
  const auto names = class_names();
  EXPECT_EQ(names.size(), 8U);
  for (const std::string_view model : {"NVIDIA H200", "anything", "NVIDIA B200"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), gpu_class(model, 200ULL << 30U)), names.end());
  }
}

}  // namespace
}  // namespace starminer::provider::devices
