#include "attestation/dcap/status.h"

#include <algorithm>
#include <set>

namespace starminer::attestation::dcap {
namespace {

template <std::size_t N>
bool equal_under(const std::array<std::uint8_t, N>& mask, const std::array<std::uint8_t, N>& found,
                 const std::array<std::uint8_t, N>& expected) {
  for (std::size_t i = 0; i < N; ++i) {
    if ((found[i] & mask[i]) != (expected[i] & mask[i])) return false;
  }
  return true;
}

template <std::size_t N>
bool covers(const std::array<std::uint8_t, N>& has, const std::array<std::uint8_t, N>& needs, std::size_t from) {
  for (std::size_t i = from; i < N; ++i) {
    if (has[i] < needs[i]) return false;
  }
  return true;
}

bool applies(const TcbLevel& level, const Quote& quote, const PckFields& pck) {
  if (!covers(pck.tcb_components, level.sgx, 0) || pck.pce_svn < level.pce_svn) return false;
  if (!quote.domain) return true;
  // A module that has an identity of its own is judged by that, not by the first two components.
  const std::size_t from = quote.domain->tee_tcb_svn[1] > 0 ? 2 : 0;
  return level.tdx && covers(quote.domain->tee_tcb_svn, *level.tdx, from);
}

const IsvLevel* level_for(const std::vector<IsvLevel>& levels, std::uint16_t isv_svn) {
  const auto found =
      std::find_if(levels.begin(), levels.end(), [isv_svn](const IsvLevel& level) { return level.isv_svn <= isv_svn; });
  return found == levels.end() ? nullptr : &*found;
}

/// "TDX_01" for version 1: two hexadecimal digits.
std::string module_id(std::uint8_t version) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  return std::string("TDX_") + kDigits[version >> 4] + kDigits[version & 15];
}

const ModuleIdentity* find_identity(const TdReport& domain, const TcbInfo& info) {
  const auto found = std::find_if(info.identities.begin(), info.identities.end(), [&](const ModuleIdentity& row) {
    return row.id == module_id(domain.tee_tcb_svn[1]);
  });
  return found == info.identities.end() ? nullptr : &*found;
}

std::string judge_module(const TdReport& domain, const TcbInfo& info, PlatformStatus& result) {
  if (std::string fault = module_fault(domain, info); !fault.empty()) return fault;
  if (domain.tee_tcb_svn[1] == 0) return {};
  const ModuleIdentity* identity = find_identity(domain, info);
  if (identity == nullptr) return "no identity of the TDX module";
  const IsvLevel* level = level_for(identity->levels, domain.tee_tcb_svn[0]);
  if (level == nullptr) return "no level of the TDX module";
  result.module = level->status;
  return {};
}

std::string judge_quoting_enclave(const Quote& quote, const QeIdentity& identity, PlatformStatus& result) {
  if (std::string fault = quoting_enclave_fault(quote, identity); !fault.empty()) return fault;
  const IsvLevel* level = level_for(identity.levels, quote.qe_report.isv_svn);
  if (level == nullptr) return "no level of the quoting enclave";
  result.quoting_enclave = level->status;
  return {};
}

std::string judge_parts(const Quote& quote, const PckFields& pck, const TcbInfo& info, const QeIdentity& identity,
                        PlatformStatus& result) {
  if (info.fmspc != pck.fmspc) return "fmspc mismatch " + to_hex(info.fmspc) + " " + to_hex(pck.fmspc);
  if (info.pce_id != pck.pce_id) return "pceid mismatch";
  if (info.tdx != quote.is_tdx()) return "TCB info of another TEE";
  const auto level = std::find_if(info.levels.begin(), info.levels.end(),
                                  [&](const TcbLevel& row) { return applies(row, quote, pck); });
  if (level == info.levels.end()) return "no level";
  result.platform = level->status;
  if (quote.domain) {
    if (std::string error = judge_module(*quote.domain, info, result); !error.empty()) return error;
  }
  return judge_quoting_enclave(quote, identity, result);
}

}  // namespace

std::string quoting_enclave_fault(const Quote& quote, const QeIdentity& identity) {
  const EnclaveReport& report = quote.qe_report;
  if (identity.id != (quote.is_tdx() ? "TD_QE" : "QE")) return "identity of another quoting enclave";
  if (report.mr_signer != identity.mr_signer) return "another signer of the quoting enclave";
  if (report.isv_prod_id != identity.isv_prod_id) return "another product than the quoting enclave";
  if (!equal_under(identity.attributes_mask, report.attributes, identity.attributes)) {
    return "other attributes of the quoting enclave";
  }
  if (!equal_under(identity.misc_select_mask, report.misc_select, identity.misc_select)) {
    return "other MISCSELECT of the quoting enclave";
  }
  return {};
}

std::string module_fault(const TdReport& domain, const TcbInfo& info) {
  if (!info.module) return "TCB info of another TEE";
  const ModuleIdentity* const named = domain.tee_tcb_svn[1] > 0 ? find_identity(domain, info) : nullptr;
  const ModuleIdentity& identity = named == nullptr ? *info.module : *named;
  if (identity.mr_signer != domain.mr_signer_seam) return "another signer of the TDX module";
  if (!equal_under(identity.attributes_mask, domain.seam_attributes, identity.attributes)) {
    return "other attributes of the TDX module";
  }
  return {};
}

TcbStatus merge(TcbStatus platform, TcbStatus other) {
  if (platform == TcbStatus::Revoked || other == TcbStatus::Revoked) return TcbStatus::Revoked;
  if (other != TcbStatus::OutOfDate && other != TcbStatus::OutOfDateConfigurationNeeded) return platform;
  switch (platform) {
    case TcbStatus::UpToDate:
    case TcbStatus::SWHardeningNeeded: return TcbStatus::OutOfDate;
    case TcbStatus::ConfigurationNeeded:
    case TcbStatus::ConfigurationAndSWHardeningNeeded: return TcbStatus::OutOfDateConfigurationNeeded;
    default: return platform;
  }
}

PlatformStatus judge_platform(const Quote& quote, const PckFields& pck, const TcbInfo& info,
                              const QeIdentity& identity) {
  PlatformStatus result;
  result.error = judge_parts(quote, pck, info, identity, result);
  std::set<std::string> advisories;
  for (const auto& level : {result.platform, result.module, result.quoting_enclave}) {
    if (level) advisories.insert(level->advisories.begin(), level->advisories.end());
  }
  result.advisories.assign(advisories.begin(), advisories.end());
  if (!result.error.empty()) return result;
  TcbStatus status = result.platform->status;
  if (result.module) status = merge(status, result.module->status);
  result.status = merge(status, result.quoting_enclave->status);
  return result;
}

}  // namespace starminer::attestation::dcap
