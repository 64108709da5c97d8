#include "client/genesis_file.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "api/http/json.h"

namespace starminer::client {
namespace {

using nlohmann::json;
using protocol::Genesis;
using protocol::GenesisAccount;

constexpr std::uint64_t kVersion = 1;
constexpr std::size_t kFileBytesMax = 64U << 20U;
constexpr std::size_t kAccountsMax = 1'000'000;

/// Collects the first error; later reads give defaults.
class Reader {
 public:
  [[nodiscard]] const std::string& error() const { return error_; }

  void fault(const std::string& where, std::string_view expected) {
    if (error_.empty()) error_ = fmt::format("{} must be {}", where, expected);
  }

  template <std::size_t kCount>
  bool object(const json& value, const std::string& where, const std::array<std::string_view, kCount>& names) {
    if (!value.is_object()) {
      fault(where, "an object");
      return false;
    }
    for (const auto& [name, member] : value.items()) {
      if (std::find(names.begin(), names.end(), name) == names.end() && error_.empty()) {
        error_ = fmt::format("{} has the unknown member '{}'; it may have: {}", where, name, fmt::join(names, ", "));
      }
    }
    for (const std::string_view name : names) {
      if (!value.contains(name) && error_.empty()) error_ = fmt::format("{} lacks the member '{}'", where, name);
    }
    return error_.empty();
  }

  std::string text(const json& value, const std::string& where) {
    if (value.is_string()) return value.get<std::string>();
    fault(where, "a text");
    return {};
  }

  std::uint64_t number(const json& value, const std::string& where) {
    if (value.is_number_unsigned()) return value.get<std::uint64_t>();
    fault(where, "a whole number");
    return 0;
  }

  std::uint64_t amount(const json& value, const std::string& where) {
    static constexpr std::string_view kExpected = "a text with a number of base units, \"1000000000\" for one token";
    std::uint64_t base = 0;
    const std::string digits = value.is_string() ? value.get<std::string>() : "";
    const auto [end, code] = std::from_chars(digits.data(), digits.data() + digits.size(), base);
    const bool valid = !digits.empty() && code == std::errc{} && end == digits.data() + digits.size() &&
                       base <= kAmountMax && (digits.size() == 1 || digits.front() != '0');
    if (!valid) fault(where, kExpected);
    return base;
  }

  AccountId account(const json& value, const std::string& where) {
    if (value.is_string()) {
      if (const auto id = AccountId::parse(value.get_ref<const std::string&>())) return *id;
    }
    fault(where, "an address (sm1...)");
    return {};
  }

 private:
  std::string error_;
};

void read_accounts(Reader& reader, const json& list, Genesis& genesis) {
  if (!list.is_array() || list.size() > kAccountsMax) return reader.fault("accounts", "a list of accounts");
  static constexpr std::array<std::string_view, 4> kMembers = {"address", "agpu", "amax", "usd"};
  std::set<AccountId> seen;
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("accounts[{}]", i);
    if (!reader.object(list[i], where, kMembers)) return;
    GenesisAccount account;
    account.account = reader.account(list[i]["address"], where + ".address");
    account.agpu = {reader.amount(list[i]["agpu"], where + ".agpu")};
    account.amax = {reader.amount(list[i]["amax"], where + ".amax")};
    account.usd = {reader.amount(list[i]["usd"], where + ".usd")};
    if (!seen.insert(account.account).second) reader.fault(where + ".address", "an address that no other entry has");
    genesis.accounts.push_back(account);
  }
}

void read_operators(Reader& reader, const json& list, Genesis& genesis) {
  if (!list.is_array() || list.empty()) return reader.fault("operators", "a list of at least one address");
  for (std::size_t i = 0; i < list.size(); ++i) {
    genesis.operators.push_back(reader.account(list[i], fmt::format("operators[{}]", i)));
  }
}

void read_proposers(Reader& reader, const json& list, Genesis& genesis) {
  if (!list.is_array() || list.empty()) return reader.fault("proposers", "a list of at least one proposer");
  static constexpr std::array<std::string_view, 2> kMembers = {"address", "vrf_key"};
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string where = fmt::format("proposers[{}]", i);
    if (!reader.object(list[i], where, kMembers)) return;
    protocol::GenesisProposer proposer;
    proposer.account = reader.account(list[i]["address"], where + ".address");
    const auto key = from_hex(reader.text(list[i]["vrf_key"], where + ".vrf_key"));
    const auto element = key ? attestation::vrf::Element::from_view(*key) : std::nullopt;
    if (!element) reader.fault(where + ".vrf_key", "64 lower-case hexadecimal characters");
    proposer.vrf_key = element.value_or(attestation::vrf::Element{});
    genesis.proposers.push_back(proposer);
  }
}

void read_parameters(Reader& reader, const json& object, Genesis& genesis) {
  if (!object.is_object()) return reader.fault("parameters", "an object of names and values");
  for (const auto& [name, value] : object.items()) {
    const auto parameter = protocol::find_parameter(name);
    if (!parameter) return reader.fault("parameters." + name, "a parameter's name; see starminer params");
    genesis.parameters.push_back({*parameter, reader.number(value, "parameters." + name)});
  }
}

}  // namespace

Result<Genesis, std::string> parse_genesis(std::string_view text) {
  const auto document = api::http::parse_json(text, {kFileBytesMax, 8, 10 * kAccountsMax});
  if (!document) {
    // The reader speaks of a body, as it serves the API first.
    static constexpr std::string_view kBody = "The body is refused: ";
    const std::string& detail = document.error().detail;
    return fail(detail.substr(detail.starts_with(kBody) ? kBody.size() : 0));
  }
  static constexpr std::array<std::string_view, 10> kMembers = {"version",    "chain_id",  "preset",   "time_ms",
                                                                "operators",  "proposers", "accounts", "treasury",
                                                                "governance", "parameters"};
  Reader reader;
  Genesis genesis;
  json root = *document;
  // Left out where all parameters are those of the preset.
  if (root.is_object() && !root.contains("parameters")) root["parameters"] = json::object();
  // Left out where nobody may set parameters.
  if (root.is_object() && !root.contains("governance")) root["governance"] = nullptr;
  if (reader.object(root, "the genesis", kMembers)) {
    if (reader.number(root["version"], "version") != kVersion) reader.fault("version", fmt::format("{}", kVersion));
    genesis.chain_id = reader.text(root["chain_id"], "chain_id");
    const auto preset = protocol::find_preset(reader.text(root["preset"], "preset"));
    if (!preset) reader.fault("preset", "main, test or dev");
    genesis.preset = preset.value_or(protocol::Preset::Main);
    genesis.time = {reader.number(root["time_ms"], "time_ms")};
    read_operators(reader, root["operators"], genesis);
    read_proposers(reader, root["proposers"], genesis);
    read_accounts(reader, root["accounts"], genesis);
    genesis.treasury = {reader.amount(root["treasury"], "treasury")};
    if (!root["governance"].is_null()) genesis.governance = reader.account(root["governance"], "governance");
    read_parameters(reader, root["parameters"], genesis);
  }
  if (!reader.error().empty()) return fail(reader.error());
  return genesis;
}

std::string format_genesis(const Genesis& genesis) {
  nlohmann::ordered_json accounts = nlohmann::ordered_json::array();
  for (const GenesisAccount& account : genesis.accounts) {
    accounts.push_back({{"address", account.account.text()},
                        {"agpu", fmt::format("{}", account.agpu.base)},
                        {"amax", fmt::format("{}", account.amax.base)},
                        {"usd", fmt::format("{}", account.usd.base)}});
  }
  nlohmann::ordered_json operators = nlohmann::ordered_json::array();
  for (const AccountId& account : genesis.operators) operators.push_back(account.text());
  nlohmann::ordered_json proposers = nlohmann::ordered_json::array();
  for (const protocol::GenesisProposer& proposer : genesis.proposers) {
    proposers.push_back({{"address", proposer.account.text()}, {"vrf_key", to_hex(proposer.vrf_key.view())}});
  }
  nlohmann::ordered_json root = {{"version", kVersion},
                                 {"chain_id", genesis.chain_id},
                                 {"preset", preset_name(genesis.preset)},
                                 {"time_ms", genesis.time.ms},
                                 {"operators", std::move(operators)},
                                 {"proposers", std::move(proposers)},
                                 {"accounts", std::move(accounts)},
                                 {"treasury", fmt::format("{}", genesis.treasury.base)}};
  if (genesis.governance) root["governance"] = genesis.governance->text();
  for (const auto& [parameter, value] : genesis.parameters) {
    root["parameters"][std::string(protocol::parameter_info(parameter).name)] = value;
  }
  return root.dump(2) + "\n";
}

Result<Genesis, std::string> load_genesis(const std::filesystem::path& file) {
  std::ifstream stream(file, std::ios::binary);
  if (!stream) return fail(fmt::format("{} cannot be read", file.string()));
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  auto genesis = parse_genesis(text);
  if (!genesis) return fail(fmt::format("{}: {}", file.string(), genesis.error()));
  return genesis;
}

}  // namespace starminer::client
