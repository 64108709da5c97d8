#include "attestation/dcap/collateral.h"

#include <algorithm>
#include <utility>

#include "attestation/json/json.h"

namespace starminer::attestation::dcap {
namespace {

using json::Kind;
using json::Value;

constexpr std::size_t kComponents = 16;

struct StatusName {
  TcbStatus status;
  std::string_view name;
};
constexpr std::array<StatusName, 7> kStatusNames = {
    {{TcbStatus::UpToDate, "UpToDate"},
     {TcbStatus::SWHardeningNeeded, "SWHardeningNeeded"},
     {TcbStatus::ConfigurationNeeded, "ConfigurationNeeded"},
     {TcbStatus::ConfigurationAndSWHardeningNeeded, "ConfigurationAndSWHardeningNeeded"},
     {TcbStatus::OutOfDate, "OutOfDate"},
     {TcbStatus::OutOfDateConfigurationNeeded, "OutOfDateConfigurationNeeded"},
     {TcbStatus::Revoked, "Revoked"}}};

/// Hex in the text that Intel signs is upper case, mostly.
template <std::size_t N>
bool read_hex(const Value& object, std::string_view name, std::array<std::uint8_t, N>& field) {
  auto text = object.text_of(name);
  if (!text) return false;
  for (char& c : *text) {
    if (c >= 'A' && c <= 'F') c = static_cast<char>(c - 'A' + 'a');
  }
  const auto bytes = from_hex(*text);
  if (!bytes || bytes->size() != N) return false;
  std::copy(bytes->begin(), bytes->end(), field.begin());
  return true;
}

template <class T>
bool read_number(const Value& object, std::string_view name, T& field) {
  const auto number = object.number_of(name);
  if (!number || *number > static_cast<T>(~T{0})) return false;
  field = static_cast<T>(*number);
  return true;
}

bool read_validity(const Value& object, x509::Validity& validity) {
  const auto issued = x509::parse_time(object.text_of("issueDate").value_or(""));
  const auto next = x509::parse_time(object.text_of("nextUpdate").value_or(""));
  if (!issued || !next) return false;
  validity = {*issued, *next};
  return true;
}

bool read_status(const Value& level, StatusLevel& status) {
  const auto known = parse_status(level.text_of("tcbStatus").value_or(""));
  const auto date = level.text_of("tcbDate");
  if (!known || !date) return false;
  status.status = *known;
  status.date = *date;
  const Value* advisories = level.find("advisoryIDs");
  if (advisories == nullptr) return true;
  for (const Value& advisory : advisories->items) {
    if (advisory.kind != Kind::String) return false;
    status.advisories.push_back(advisory.string);
  }
  return advisories->kind == Kind::Array;
}

/// [{"svn": 2, ...}, ...] of 16.
bool read_components(const Value* list, std::array<std::uint8_t, kComponents>& components) {
  if (list == nullptr || list->items.size() != kComponents) return false;
  for (std::size_t i = 0; i < kComponents; ++i) {
    if (!read_number(list->items[i], "svn", components[i])) return false;
  }
  return true;
}

/// "sgxtcbcomp01svn" to "sgxtcbcomp16svn".
bool read_named_components(const Value& tcb, std::array<std::uint8_t, kComponents>& components) {
  for (std::size_t i = 0; i < kComponents; ++i) {
    const std::string number = std::to_string(i + 1);
    const std::string name = "sgxtcbcomp" + std::string(2 - number.size(), '0') + number + "svn";
    if (!read_number(tcb, name, components[i])) return false;
  }
  return true;
}

bool read_level(const Value& from, std::uint64_t version, bool tdx, TcbLevel& level) {
  const Value* tcb = from.find("tcb", Kind::Object);
  if (tcb == nullptr || !read_number(*tcb, "pcesvn", level.pce_svn) || !read_status(from, level.status)) return false;
  if (version == 2) return read_named_components(*tcb, level.sgx);
  if (!read_components(tcb->find("sgxtcbcomponents", Kind::Array), level.sgx)) return false;
  return !tdx || read_components(tcb->find("tdxtcbcomponents", Kind::Array), level.tdx.emplace());
}

bool read_isv_levels(const Value& from, std::vector<IsvLevel>& levels) {
  const Value* list = from.find("tcbLevels", Kind::Array);
  if (list == nullptr) return false;
  for (const Value& row : list->items) {
    IsvLevel& level = levels.emplace_back();
    const Value* tcb = row.find("tcb", Kind::Object);
    if (tcb == nullptr || !read_number(*tcb, "isvsvn", level.isv_svn) || !read_status(row, level.status)) return false;
  }
  return true;
}

bool read_module(const Value& from, ModuleIdentity& module) {
  return read_hex(from, "mrsigner", module.mr_signer) && read_hex(from, "attributes", module.attributes) &&
         read_hex(from, "attributesMask", module.attributes_mask);
}

bool read_modules(const Value& document, TcbInfo& info) {
  const Value* module = document.find("tdxModule", Kind::Object);
  if (module == nullptr || !read_module(*module, info.module.emplace())) return false;
  const Value* identities = document.find("tdxModuleIdentities");
  if (identities == nullptr) return true;
  for (const Value& row : identities->items) {
    ModuleIdentity& identity = info.identities.emplace_back();
    identity.id = row.text_of("id").value_or("");
    if (identity.id.empty() || !read_module(row, identity) || !read_isv_levels(row, identity.levels)) return false;
  }
  return identities->kind == Kind::Array;
}

}  // namespace

std::string_view name_of(TcbStatus status) {
  const auto* const found = std::find_if(kStatusNames.begin(), kStatusNames.end(),
                                         [status](const StatusName& row) { return row.status == status; });
  return found == kStatusNames.end() ? "" : found->name;
}

std::optional<TcbStatus> parse_status(std::string_view name) {
  const auto* const found = std::find_if(kStatusNames.begin(), kStatusNames.end(),
                                         [name](const StatusName& row) { return row.name == name; });
  return found == kStatusNames.end() ? std::nullopt : std::optional(found->status);
}

std::optional<SignedText> parse_service_form(std::string_view text, std::string_view name) {
  const std::string before = "{\"" + std::string(name) + "\":";
  constexpr std::string_view kBetween = ",\"signature\":\"";
  constexpr std::string_view kAfter = "\"}";
  constexpr std::size_t kHex = 128;
  if (text.ends_with('\n')) text.remove_suffix(1);
  const std::size_t around = before.size() + kBetween.size() + kHex + kAfter.size();
  if (text.size() <= around || !text.starts_with(before) || !text.ends_with(kAfter)) return std::nullopt;
  const std::size_t inner = text.size() - around;
  if (text.substr(before.size() + inner, kBetween.size()) != kBetween) return std::nullopt;
  auto signature = from_hex(text.substr(before.size() + inner + kBetween.size(), kHex));
  if (!signature) return std::nullopt;
  return SignedText{std::string(text.substr(before.size(), inner)), std::move(*signature)};
}

std::optional<TcbInfo> parse_tcb_info(std::string_view text) {
  const auto document = json::parse(text);
  if (!document || document->kind != Kind::Object) return std::nullopt;
  TcbInfo info;
  const std::uint64_t version = document->number_of("version").value_or(0);
  const std::string id = document->text_of("id").value_or(version == 2 ? "SGX" : "");
  info.tdx = id == "TDX";
  const bool known = (version == 2 && id == "SGX") || (version == 3 && (id == "SGX" || id == "TDX"));
  if (!known || document->number_of("tcbType") != 0U || !read_validity(*document, info.validity) ||
      !read_hex(*document, "fmspc", info.fmspc) || !read_hex(*document, "pceId", info.pce_id) ||
      !read_number(*document, "tcbEvaluationDataNumber", info.evaluation) ||
      (info.tdx && !read_modules(*document, info))) {
    return std::nullopt;
  }
  const Value* levels = document->find("tcbLevels", Kind::Array);
  if (levels == nullptr) return std::nullopt;
  for (const Value& level : levels->items) {
    if (!read_level(level, version, info.tdx, info.levels.emplace_back())) return std::nullopt;
  }
  return info;
}

std::optional<QeIdentity> parse_qe_identity(std::string_view text) {
  const auto document = json::parse(text);
  if (!document || document->kind != Kind::Object || document->number_of("version") != 2U) return std::nullopt;
  QeIdentity identity;
  identity.id = document->text_of("id").value_or("");
  if ((identity.id != "QE" && identity.id != "TD_QE") || !read_validity(*document, identity.validity) ||
      !read_number(*document, "tcbEvaluationDataNumber", identity.evaluation) ||
      !read_hex(*document, "miscselect", identity.misc_select) ||
      !read_hex(*document, "miscselectMask", identity.misc_select_mask) ||
      !read_hex(*document, "attributes", identity.attributes) ||
      !read_hex(*document, "attributesMask", identity.attributes_mask) ||
      !read_hex(*document, "mrsigner", identity.mr_signer) ||
      !read_number(*document, "isvprodid", identity.isv_prod_id) || !read_isv_levels(*document, identity.levels)) {
    return std::nullopt;
  }
  return identity;
}

}  // namespace starminer::attestation::dcap
