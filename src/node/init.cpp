// starminerd init
#include <algorithm>
#include <array>
#include <cctype>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <random>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "client/genesis_file.h"
#include "client/key_file.h"
#include "client/vrf_key_file.h"
#include "engine/engine.h"
#include "node/commands.h"
#include "storage/files.h"
#include "terminal/key_values.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using protocol::Genesis;
using protocol::GenesisAccount;

GenesisAccount& entry_of(Genesis& genesis, const AccountId& account) {
  const auto found = std::find_if(genesis.accounts.begin(), genesis.accounts.end(),
                                  [&](const GenesisAccount& entry) { return entry.account == account; });
  if (found != genesis.accounts.end()) return *found;
  genesis.accounts.push_back({account, {}, {}, {}});
  return genesis.accounts.back();
}

bool add_to(std::uint64_t& base, std::uint64_t more) {
  const auto sum = checked_add(base, more);
  if (!sum || *sum > kAmountMax) return false;
  base = *sum;
  return true;
}

/// "sm1...=1000 AGPU"; an address may occur several times.
Result<void, std::string> add_account(Genesis& genesis, const std::string& text) {
  const std::size_t equals = text.find('=');
  const auto account = AccountId::parse(std::string_view(text).substr(0, equals));
  if (equals == std::string::npos || !account) {
    return fail(fmt::format("'{}': expected ADDRESS=AMOUNT, such as \"sm1...=1000 AGPU\"", text));
  }
  const std::string_view amount = std::string_view(text).substr(equals + 1);
  GenesisAccount& entry = entry_of(genesis, *account);
  std::string error;
  for (const Asset asset : {Asset::Agpu, Asset::Amax, Asset::Usd}) {
    const auto base = config::parse_token_amount(amount, asset_name(asset));
    if (!base) {
      if (asset == Asset::Agpu) error = base.error().text;
      continue;
    }
    std::uint64_t& sum = asset == Asset::Agpu   ? entry.agpu.base
                         : asset == Asset::Amax ? entry.amax.base
                                                : entry.usd.base;
    if (!add_to(sum, *base)) return fail(fmt::format("'{}': the sum is larger than an amount can be", text));
    return {};
  }
  return fail(fmt::format("'{}': {}", text, error));
}

/// "ArchiveAfterMs=60000". Bounds are for the machine to judge.
Result<void, std::string> set_parameter(Genesis& genesis, const std::string& text) {
  const std::size_t equals = text.find('=');
  const auto parameter = protocol::find_parameter(std::string_view(text).substr(0, equals));
  if (equals == std::string::npos || !parameter) {
    return fail(fmt::format("'{}': expected NAME=VALUE with a name of starminer params, such as AckMs=30000", text));
  }
  const char* const last = text.data() + text.size();
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data() + equals + 1, last, value);
  if (error != std::errc{} || end != last) {
    return fail(fmt::format("'{}': the value is no whole number", text));
  }
  const auto same = [&](const protocol::GenesisParameter& entry) { return entry.parameter == *parameter; };
  if (std::any_of(genesis.parameters.begin(), genesis.parameters.end(), same)) {
    return fail(fmt::format("'{}': the parameter was given before", text));
  }
  genesis.parameters.push_back({*parameter, value});
  return {};
}

/// An address, "none", or empty: then the operator where nobody's money is at stake, and nobody on preset main.
Result<void, std::string> name_governance(Genesis& genesis, const AccountId& operator_account,
                                          const std::string& text) {
  if (text == "none") return {};
  if (text.empty()) {
    if (genesis.preset != protocol::Preset::Main) genesis.governance = operator_account;
    return {};
  }
  genesis.governance = AccountId::parse(text);
  if (!genesis.governance) return fail(fmt::format("'{}': expected an address, sm1..., or none", text));
  return {};
}

/// "ADDRESS=VRF-KEY": the address of a validator's consensus key as CometBFT writes it, and its public VRF key.
Result<protocol::GenesisProposer, std::string> parse_validator(const std::string& text) {
  const std::size_t equals = text.find('=');
  std::string digits = text;
  std::transform(digits.begin(), digits.end(), digits.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  const std::string_view both = digits;
  const auto bytes = equals == std::string::npos ? std::nullopt : from_hex(both.substr(0, equals));
  const auto account = bytes ? AccountId::from_view(*bytes) : std::nullopt;
  const auto key_bytes = equals == std::string::npos ? std::nullopt : from_hex(both.substr(equals + 1));
  const auto key = key_bytes ? attestation::vrf::PublicKey::from_view(*key_bytes) : std::nullopt;
  if (!account || !key) {
    return fail(
        fmt::format("'{}': expected ADDRESS=KEY, 40 and 64 hexadecimal characters: the address of "
                    "priv_validator_key.json, and what starminerd vrf-key prints",
                    text));
  }
  return protocol::GenesisProposer{*account, *key};
}

std::string make_chain_id(const std::string& preset) {
  std::random_device device;
  return fmt::format("starminer-{}-{:08x}", preset, device());
}

ExitCode refuse(const config::Invocation& call, ExitCode code, std::string what, std::string why,
                std::vector<std::string> advice = {}) {
  return call.fail(code, {std::move(what), "", std::move(why), std::move(advice)});
}

/// Makes the key, or takes the one of an init that broke off before its genesis was written.
Result<AccountId, std::string> key_at(const std::filesystem::path& file) {
  std::error_code ignored;
  const auto key = std::filesystem::exists(file, ignored) ? client::load_key_file(file, std::nullopt)
                                                          : client::create_key_file(file, std::nullopt);
  if (!key) return fail(key.error());
  return key->account();
}

void report(const config::Invocation& call, const DataFolder& folder, const Genesis& genesis,
            const std::optional<AccountId>& faucet, bool network) {
  if (call.json) {
    const nlohmann::json object = {
        {"data_dir", folder.root.string()},
        {"genesis", folder.genesis().string()},
        {"chain_id", genesis.chain_id},
        {"preset", preset_name(genesis.preset)},
        {"operator", genesis.operators.front().text()},
        {"vrf_key", network ? nlohmann::json() : nlohmann::json(to_hex(genesis.proposers.front().vrf_key.view()))},
        {"validators", network ? genesis.proposers.size() : 0},
        {"governance", genesis.governance ? nlohmann::json(genesis.governance->text()) : nlohmann::json()},
        {"faucet", faucet ? nlohmann::json(faucet->text()) : nlohmann::json()}};
    call.out.line(object.dump());
    return;
  }
  terminal::KeyValues lines;
  lines.add("chain", fmt::format("{} (preset {})", genesis.chain_id, preset_name(genesis.preset)));
  lines.add("folder", folder.root.string());
  lines.add("genesis", folder.genesis().string());
  lines.add("operator", genesis.operators.front().text());
  if (network) {
    lines.add("validators", fmt::format("{}", genesis.proposers.size()));
  } else {
    lines.add("VRF key", to_hex(genesis.proposers.front().vrf_key.view()));
  }
  if (faucet) lines.add("faucet", faucet->text());
  lines.add("governance", genesis.governance ? genesis.governance->text() : "none: the parameters stay as they are");
  call.out.stream() << lines.render(call.out) << std::flush;
  call.out.line("");
  call.out.line(fmt::format("Back up {}: who holds it reports for this network.", folder.operator_key().string()));
  if (network) {
    call.out.line("Give genesis.json to every validator; each keeps its own vrf.key.json beside it.");
    call.out.line(
        fmt::format("Start it with: starminerd run --engine-kind cometbft --data-dir {}", folder.root.string()));
    return;
  }
  call.out.line(fmt::format("Back up {}: without it this chain makes no further block.", folder.vrf_key().string()));
  call.out.line(fmt::format("Start it with: starminerd run --data-dir {}", folder.root.string()));
}

}  // namespace

ExitCode init(const config::Invocation& call, const Settings& settings, const InitRequest& request) {
  const DataFolder folder{settings.data_folder};
  const auto preset = protocol::find_preset(request.preset);
  if (!preset) return refuse(call, ExitCode::Usage, "no preset " + request.preset, "expected main, test or dev");
  std::error_code error;
  if (std::filesystem::exists(folder.genesis(), error)) {
    return refuse(call, ExitCode::Usage, "there is a chain already", folder.genesis().string() + " exists",
                  {"name another folder: --data-dir", "or start this one: starminerd run"});
  }
  // Where the folder above may be written to but not read, its name is as durable as that file system makes it.
  const bool made = storage::make_folder(folder.root);
  const int reason = errno;
  if (!made && !std::filesystem::is_directory(folder.root, error)) {
    return refuse(call, ExitCode::Failure, "no data folder", folder.root.string() + ": " + std::strerror(reason),
                  {"make the folder above it writable for this user, or name another: --data-dir"});
  }
  const auto operator_account = key_at(folder.operator_key());
  if (!operator_account) return refuse(call, ExitCode::Failure, "no operator key", operator_account.error());
  std::vector<protocol::GenesisProposer> proposers;
  for (const std::string& text : request.validators) {
    const auto validator = parse_validator(text);
    if (!validator) return refuse(call, ExitCode::Usage, "a validator is malformed", validator.error());
    proposers.push_back(*validator);
  }
  if (proposers.empty()) {
    const auto key = std::filesystem::exists(folder.vrf_key(), error) ? client::load_vrf_key_file(folder.vrf_key())
                                                                      : client::create_vrf_key_file(folder.vrf_key());
    if (!key) return refuse(call, ExitCode::Failure, "no VRF key", key.error());
    proposers = {{*operator_account, key->public_key()}};
  }

  Genesis genesis;
  genesis.preset = *preset;
  genesis.chain_id = request.chain_id.empty() ? make_chain_id(request.preset) : request.chain_id;
  genesis.time = engine::Engine::wall_clock();
  genesis.operators = {*operator_account};
  genesis.proposers = std::move(proposers);
  entry_of(genesis, *operator_account).agpu = request.operator_funds;
  std::optional<AccountId> faucet;
  if (*preset == protocol::Preset::Dev) {
    const auto account = key_at(folder.faucet_key());
    if (!account) return refuse(call, ExitCode::Failure, "no faucet key", account.error());
    faucet = *account;
    entry_of(genesis, *account).agpu = request.faucet_funds;
  }
  for (const std::string& text : request.accounts) {
    if (const auto added = add_account(genesis, text); !added) {
      return refuse(call, ExitCode::Usage, "an account is malformed", added.error());
    }
  }
  for (const std::string& text : request.parameters) {
    if (const auto done = set_parameter(genesis, text); !done) {
      return refuse(call, ExitCode::Usage, "a parameter is malformed", done.error());
    }
  }
  if (const auto named = name_governance(genesis, *operator_account, request.governance); !named) {
    return refuse(call, ExitCode::Usage, "the governance account is malformed", named.error());
  }
  // The machine itself says whether it would start with this.
  protocol::Machine machine;
  if (const auto started = machine.start(genesis); !started) {
    return refuse(call, ExitCode::Usage, "the genesis is not valid", started.error());
  }
  if (!write_atomically(folder.genesis(), client::format_genesis(genesis))) {
    return refuse(call, ExitCode::Failure, "the genesis cannot be written", folder.genesis().string());
  }
  report(call, folder, genesis, faucet, !request.validators.empty());
  return ExitCode::Ok;
}

}  // namespace starminer::node
