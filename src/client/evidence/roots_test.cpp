#include "client/evidence/roots.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/hash.h"

namespace starminer::client::evidence {
namespace {

std::vector<std::string> hashes(const std::vector<Bytes>& certificates) {
  std::vector<std::string> list;
  for (const Bytes& certificate : certificates) list.push_back(sha256(certificate).hex().substr(0, 8));
  return list;
}

// REQ: VER-2
TEST(Roots, AreThoseOfTheVendors) {
  const Roots roots = shipped_roots();
  EXPECT_THAT(hashes(roots.amd),
              testing::UnorderedElementsAre("69d063b4", "69d063b4", "4c6598d1", "4c6598d1", "1f084161", "1f084161"));
  EXPECT_EQ(roots.amd_chains.size(), 6U);
  EXPECT_THAT(hashes(roots.intel), testing::Each("44a0196b"));
  EXPECT_EQ(roots.intel_signers.size(), 1U);
  EXPECT_THAT(hashes(roots.nvidia_device), testing::ElementsAre("102bf659"));
  EXPECT_EQ(roots.nvidia_rim.size(), 1U);
}

TEST(Roots, AFolderIsReadLikeOurs) {
  const std::filesystem::path folder = std::filesystem::path(STARMINER_VECTORS) / "attestation/roots";
  const auto loaded = load_roots(folder);
  ASSERT_TRUE(loaded) << loaded.error();
  const Roots shipped = shipped_roots();
  EXPECT_EQ(loaded->amd, shipped.amd);
  EXPECT_EQ(loaded->amd_chains, shipped.amd_chains);
  EXPECT_EQ(loaded->intel, shipped.intel);
  EXPECT_EQ(loaded->intel_signers, shipped.intel_signers);
  EXPECT_EQ(loaded->nvidia_device, shipped.nvidia_device);
  EXPECT_EQ(loaded->nvidia_rim, shipped.nvidia_rim);
}

}  // namespace
}  // namespace starminer::client::evidence
