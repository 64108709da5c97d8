#include "attestation/dcap/status.h"

#include <functional>

#include <gtest/gtest.h>

namespace starminer::attestation::dcap {
namespace {

struct World {
  Quote quote;
  PckFields pck;
  TcbInfo info;
  QeIdentity identity;

  World() {
    TdReport& domain = quote.domain.emplace();
    domain.tee_tcb_svn = {5, 1, 3};
    quote.qe_report.isv_svn = 6;
    quote.qe_report.isv_prod_id = 2;
    pck.tcb_components.fill(5);
    pck.pce_svn = 11;
    info.tdx = true;
    info.module.emplace();
    info.module->attributes_mask.fill(0xff);
    ModuleIdentity identity_1 = *info.module;
    identity_1.id = "TDX_01";
    identity_1.levels = {{5, level(TcbStatus::UpToDate)}, {2, level(TcbStatus::OutOfDate)}};
    info.identities = {identity_1};
    TcbLevel newest;
    newest.sgx.fill(5);
    newest.pce_svn = 11;
    newest.tdx.emplace() = {9, 9, 3};  // the first two are the module's, which has an identity
    newest.status = level(TcbStatus::UpToDate);
    TcbLevel older = newest;
    older.sgx.fill(3);
    older.pce_svn = 5;
    older.tdx.emplace() = {};
    older.status = level(TcbStatus::OutOfDate);
    older.status.advisories = {"INTEL-SA-2", "INTEL-SA-1"};
    info.levels = {newest, older};
    identity.id = "TD_QE";
    identity.attributes_mask.fill(0xff);
    identity.isv_prod_id = 2;
    identity.levels = {{6, level(TcbStatus::UpToDate)}, {4, level(TcbStatus::OutOfDate)}};
  }

  static StatusLevel level(TcbStatus status) { return {status, "2025-01-01T00:00:00Z", {}}; }
  [[nodiscard]] PlatformStatus judge() const { return judge_platform(quote, pck, info, identity); }
  [[nodiscard]] std::string answer() const {
    const PlatformStatus result = judge();
    return result.status ? std::string(name_of(*result.status)) : result.error;
  }
};

// REQ: VER-2
TEST(Status, FollowsIntelsAlgorithm) {
  struct Row {
    const char* expected;
    std::function<void(World&)> change;
  };
  const Row rows[] = {
      {"UpToDate", [](World&) {}},
      {"fmspc mismatch 000000000000 010000000000", [](World& world) { world.pck.fmspc[0] = 1; }},
      {"pceid mismatch", [](World& world) { world.info.pce_id[1] = 1; }},
      {"TCB info of another TEE", [](World& world) { world.info.tdx = false; }},
      {"OutOfDate", [](World& world) { world.pck.tcb_components[15] = 4; }},
      {"OutOfDate", [](World& world) { world.pck.pce_svn = 10; }},
      {"OutOfDate", [](World& world) { world.quote.domain->tee_tcb_svn[2] = 2; }},
      {"no level", [](World& world) { world.pck.tcb_components[0] = 2; }},
      {"no level", [](World& world) { world.info.levels.clear(); }},
      {"OutOfDate", [](World& world) { world.quote.domain->tee_tcb_svn[0] = 4; }},
      {"no level of the TDX module", [](World& world) { world.quote.domain->tee_tcb_svn[0] = 1; }},
      {"no identity of the TDX module", [](World& world) { world.quote.domain->tee_tcb_svn[1] = 2; }},
      {"another signer of the TDX module",
       [](World& world) {
         world.quote.domain->tee_tcb_svn[1] = 2;
         world.quote.domain->mr_signer_seam[0] = 1;
       }},
      {"another signer of the TDX module", [](World& world) { world.quote.domain->mr_signer_seam[0] = 1; }},
      {"other attributes of the TDX module", [](World& world) { world.quote.domain->seam_attributes[7] = 1; }},
      {"identity of another quoting enclave", [](World& world) { world.identity.id = "QE"; }},
      {"another signer of the quoting enclave", [](World& world) { world.quote.qe_report.mr_signer[0] = 1; }},
      {"another product than the quoting enclave", [](World& world) { world.quote.qe_report.isv_prod_id = 3; }},
      {"other attributes of the quoting enclave", [](World& world) { world.quote.qe_report.attributes[0] = 2; }},
      {"other MISCSELECT of the quoting enclave",
       [](World& world) {
         world.identity.misc_select_mask.fill(0xff);
         world.quote.qe_report.misc_select[0] = 1;
       }},
      {"OutOfDate", [](World& world) { world.quote.qe_report.isv_svn = 5; }},
      {"no level of the quoting enclave", [](World& world) { world.quote.qe_report.isv_svn = 3; }},
      {"Revoked", [](World& world) { world.identity.levels[0].status.status = TcbStatus::Revoked; }},
  };
  for (const Row& row : rows) {
    World world;
    row.change(world);
    EXPECT_EQ(world.answer(), row.expected);
  }
}

TEST(Status, AModuleWithoutVersionIsJudgedByAllComponents) {
  World world;
  world.quote.domain->tee_tcb_svn = {9, 0, 3};
  world.info.levels[0].tdx.emplace() = {9, 0, 3};
  EXPECT_EQ(world.answer(), "UpToDate");
  EXPECT_FALSE(world.judge().module);
  world.quote.domain->tee_tcb_svn[0] = 8;
  EXPECT_EQ(world.answer(), "OutOfDate");
  world.info.module->mr_signer[0] = 1;
  EXPECT_EQ(world.answer(), "another signer of the TDX module");
}

TEST(Status, EnclavesHaveNoModule) {
  World world;
  world.quote.domain.reset();
  world.quote.enclave.emplace();
  world.info.tdx = false;
  world.identity.id = "QE";
  EXPECT_EQ(world.answer(), "UpToDate");
}

TEST(Status, AdvisoriesAreThoseOfTheLevelsThatApply) {
  World world;
  EXPECT_TRUE(world.judge().advisories.empty());
  world.pck.pce_svn = 10;
  EXPECT_EQ(world.judge().advisories, (std::vector<std::string>{"INTEL-SA-1", "INTEL-SA-2"}));
}

TEST(Status, PartsOutOfDateMakeThePlatformSo) {
  using enum TcbStatus;
  EXPECT_EQ(merge(UpToDate, UpToDate), UpToDate);
  EXPECT_EQ(merge(UpToDate, OutOfDate), OutOfDate);
  EXPECT_EQ(merge(SWHardeningNeeded, OutOfDate), OutOfDate);
  EXPECT_EQ(merge(ConfigurationNeeded, OutOfDate), OutOfDateConfigurationNeeded);
  EXPECT_EQ(merge(ConfigurationAndSWHardeningNeeded, OutOfDate), OutOfDateConfigurationNeeded);
  EXPECT_EQ(merge(OutOfDateConfigurationNeeded, OutOfDate), OutOfDateConfigurationNeeded);
  EXPECT_EQ(merge(SWHardeningNeeded, UpToDate), SWHardeningNeeded);
  EXPECT_EQ(merge(Revoked, UpToDate), Revoked);
  EXPECT_EQ(merge(UpToDate, Revoked), Revoked);
}

}  // namespace
}  // namespace starminer::attestation::dcap
