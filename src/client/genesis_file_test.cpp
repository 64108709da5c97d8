// A genesis survives its file, and what is wrong in one is named.
#include "client/genesis_file.h"

#include <gtest/gtest.h>

#include "attestation/vrf/vrf.h"
#include "base/signature.h"

namespace starminer::client {
namespace {

using protocol::Genesis;
using protocol::Parameter;

Genesis a_genesis() {
  const AccountId account = SigningKey::from_seed(sha256("operator").bytes).account();
  Genesis genesis;
  genesis.chain_id = "test-1";
  genesis.preset = protocol::Preset::Dev;
  genesis.time = {1'760'000'000'000};
  genesis.operators = {account};
  genesis.proposers = {{account, attestation::vrf::SecretKey::from_seed(sha256("operator").bytes).public_key()}};
  genesis.accounts = {{account, {1'000 * kBasePerToken}, {}, {}}};
  return genesis;
}

std::string error_of(std::string_view text) {
  const auto genesis = parse_genesis(text);
  return genesis ? std::string("(accepted)") : genesis.error();
}

std::string with(std::string text, std::string_view place, std::string_view instead) {
  const std::size_t at = text.find(place);
  EXPECT_NE(at, std::string::npos) << place;
  return text.replace(at, place.size(), instead);
}

TEST(GenesisFile, GivesBackWhatWasWritten) {
  Genesis genesis = a_genesis();
  EXPECT_EQ(format_genesis(genesis).find("parameters"), std::string::npos) << "named only where the preset is changed";
  EXPECT_EQ(format_genesis(*parse_genesis(format_genesis(genesis))), format_genesis(genesis));
  genesis.parameters = {{Parameter::AckMs, 900}, {Parameter::ArchiveAfterMs, 60'000}};
  const auto again = parse_genesis(format_genesis(genesis));
  ASSERT_TRUE(again.has_value()) << again.error();
  EXPECT_EQ(format_genesis(*again), format_genesis(genesis));
  protocol::Machine machine;
  ASSERT_TRUE(machine.start(*again).has_value());
  EXPECT_EQ(machine.params().get(Parameter::ArchiveAfterMs), 60'000U);
  EXPECT_EQ(machine.params().get(Parameter::AckMs), 900U);
  EXPECT_EQ(machine.params().get(Parameter::StartMs), 6'000U) << "the others are those of the preset";
}

TEST(GenesisFile, NamesWhoGovernsOrNobody) {
  Genesis genesis = a_genesis();
  EXPECT_EQ(format_genesis(genesis).find("governance"), std::string::npos);
  EXPECT_FALSE(parse_genesis(format_genesis(genesis))->governance);
  genesis.governance = genesis.operators.front();
  const std::string text = format_genesis(genesis);
  EXPECT_EQ(parse_genesis(text)->governance, genesis.governance);
  EXPECT_EQ(error_of(with(text, "governance\": \"sm1", "governance\": \"xx1")),
            "governance must be an address (sm1...)");
}

TEST(GenesisFile, NamesAParameterThatCannotBe) {
  Genesis genesis = a_genesis();
  genesis.parameters = {{Parameter::ArchiveAfterMs, 60'000}};
  const std::string text = format_genesis(genesis);
  EXPECT_EQ(error_of(with(text, "ArchiveAfterMs", "ArchivAfterMs")),
            "parameters.ArchivAfterMs must be a parameter's name; see starminer params");
  EXPECT_EQ(error_of(with(text, ": 60000", ": -1")), "parameters.ArchiveAfterMs must be a whole number");
  genesis.parameters = {{Parameter::ArchiveAfterMs, 99}};
  protocol::Machine machine;
  const auto started = machine.start(genesis);
  ASSERT_FALSE(started.has_value());
  EXPECT_EQ(started.error(), "parameter ArchiveAfterMs: 99 lies outside of 100 to 3153600000");
}

}  // namespace
}  // namespace starminer::client
