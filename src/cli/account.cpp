// login, address, balance, transfer: the user's key and money.
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "client/key_file.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/key_values.h"
#include "terminal/prompt.h"
#include "terminal/table.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using terminal::Style;

// ---- login

struct LoginResult {
  std::string address;
  bool key_made = false;
  std::optional<std::uint64_t> gift;  // base units, where the faucet gave something
  std::uint64_t balance = 0;
  std::string note;  // why there is no gift
};

void say_login(const Invocation& call, const Settings& settings, const LoginResult& result) {
  const auto& out = call.out;
  const std::string key = settings.key_file.string();
  out.line(fmt::format("{} {} key {}", out.tick(), result.key_made ? "made your" : "you have a", key));
  if (result.key_made) {
    out.line(
        fmt::format("  {}  whoever has this file has the money, and nobody can restore it: copy it to a safe place",
                    out.paint(Style::Warning, "back it up")));
    out.line(fmt::format("  cp {} /media/usb/starminer-key.json", key));
    if (!passphrase()) out.line("  it is not sealed: to seal a new key, set STARMINER_KEY_PASSPHRASE before login");
  }
  out.line(fmt::format("  address  {}", result.address));
  if (result.gift) out.line(fmt::format("{} the faucet gave {}", out.tick(), agpu(*result.gift)));
  if (!result.note.empty()) out.line("  " + result.note);
  out.line(fmt::format("  balance  {}", agpu(result.balance)));
}

Outcome<bool> ensure_key(const Settings& settings) {
  std::error_code error;
  if (std::filesystem::exists(settings.key_file, error)) return false;
  const auto made = client::create_key_file(settings.key_file, passphrase());
  if (!made) return fail(local_trouble("the key cannot be saved", made.error(), {"another place: --key-file FILE"}));
  return true;
}

/// Asks the faucet where the account has nothing yet and the network has one.
Outcome<void> fund(client::Api& api, LoginResult& result) {
  const auto account = api.get("/v1/accounts/" + result.address);
  if (!account) return fail(trouble_of(account.error()));
  result.balance = number_of(member(*account, "balances"), "AGPU");
  if (result.balance > 0) return {};
  const auto status = api.get("/v1/status");
  if (!status) return fail(trouble_of(status.error()));
  if (!flag_of(*status, "faucet")) {
    result.note = fmt::format("the network {} gives nothing away: have someone run  starminer transfer {} AMOUNT",
                              shown(*status, "chain_id"), result.address);
    return {};
  }
  const auto gift = api.post("/v1/faucet", {{"address", result.address}});
  if (!gift) return fail(trouble_of(gift.error()));
  result.gift = number_of(*gift, "amount");
  const auto after = api.get("/v1/accounts/" + result.address);
  if (!after) return fail(trouble_of(after.error()));
  result.balance = number_of(member(*after, "balances"), "AGPU");
  return {};
}

ExitCode login(const Invocation& call, const Settings& settings) {
  LoginResult result;
  const auto made = ensure_key(settings);
  if (!made) return report(call, made.error());
  result.key_made = *made;
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  result.address = (*api)->address();
  const auto funded = fund(**api, result);
  if (!funded) {
    if (!call.json && result.key_made) {
      call.err.line(fmt::format("your key was made: {} (address {}); login again asks for funds only",
                                settings.key_file.string(), result.address));
    }
    return report(call, funded.error());
  }
  if (!call.json) {
    say_login(call, settings, result);
    return ExitCode::Ok;
  }
  call.out.line(compact({{"address", result.address},
                         {"key_file", settings.key_file.string()},
                         {"key_made", result.key_made},
                         {"faucet_gave", result.gift ? json(fmt::format("{}", *result.gift)) : json()},
                         {"balance", fmt::format("{}", result.balance)}}));
  return ExitCode::Ok;
}

// ---- address and balance

ExitCode address(const Invocation& call, const Settings& settings) {
  const auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const std::string own = (*api)->address();
  call.out.line(call.json ? compact({{"address", own}}) : own);
  return ExitCode::Ok;
}

/// "locked" rows are named after what they are for.
std::string purpose_text(const std::string& purpose) {
  if (purpose == "account_deposit") return "deposit of the account";
  if (purpose == "escrow") return "escrow of job";
  if (purpose == "node_identity") return "identity of node";
  if (purpose == "stake") return "stake of";
  if (purpose == "price_lock") return "price lock of job";
  if (purpose == "notice") return "notice to contract";
  if (purpose == "reserve") return "reserve of node";
  return purpose;
}

ExitCode balance(const Invocation& call, const Settings& settings, const std::string& of) {
  auto api = open_session(settings, of.empty() ? KeyNeed::Required : KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  if (!of.empty() && !AccountId::parse(of)) {
    return call.fail(ExitCode::Usage, {fmt::format("{} is no address", of), "", "an address begins with sm1", {}});
  }
  const auto account = (*api)->get("/v1/accounts/" + (of.empty() ? (*api)->address() : of));
  if (!account) return report(call, account.error());
  if (call.json) {
    call.out.line(compact(*account));
    return ExitCode::Ok;
  }
  if (!flag_of(*account, "exists")) {
    call.out.line("0 AGPU  this account does not exist yet; a first transfer makes it (on a devnet: starminer login)");
    return ExitCode::Ok;
  }
  const json& balances = member(*account, "balances");
  terminal::KeyValues lines;
  for (const auto& [asset, amount] : balances.items()) {
    const std::uint64_t base = number_of(balances, asset);
    if (base > 0 || asset == "AGPU") lines.add(asset, terminal::sanitize_line(format_tokens(base)));
  }
  for (const json& lock : list_of(*account, "locks")) {
    lines.add("held", fmt::format("{} {}  {} {}", format_tokens(number_of(lock, "amount")), shown(lock, "asset"),
                                  purpose_text(shown(lock, "purpose")), shown(lock, "subject")));
  }
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

// ---- transfer

struct TransferRequest {
  std::string to;
  std::string amount;
  Asset asset = Asset::Agpu;
};

Trouble bad_amount(const std::string& why) {
  return {ExitCode::Usage,
          {"the amount is not valid", "", why, {"an amount is a decimal such as 2.5 with at most nine digits"}}};
}

/// "2.5", or "2.5 AGPU" where the symbol is that of the asset.
Outcome<std::uint64_t> parse_amount(const TransferRequest& request) {
  std::string text = request.amount;
  const std::string symbol(asset_name(request.asset));
  if (text.ends_with(symbol)) {
    text.resize(text.size() - symbol.size());
    text.erase(text.find_last_not_of(' ') + 1);
  }
  if (text.starts_with('-')) return fail(bad_amount(fmt::format("{} is negative", request.amount)));
  const auto base = parse_tokens(text);
  if (!base || *base > kAmountMax) {
    const bool digits = !text.empty() && text.find_first_not_of("0123456789.") == std::string::npos;
    return fail(bad_amount(digits ? fmt::format("{} is too large or too precise; at most {}", request.amount,
                                                format_amount(request.asset, kAmountMax))
                                  : fmt::format("\"{}\" is no amount of {}", request.amount, symbol)));
  }
  if (*base == 0) return fail(bad_amount("it is zero"));
  return *base;
}

ExitCode transfer(const Invocation& call, const Settings& settings, const TransferRequest& request) {
  const auto to = AccountId::parse(request.to);
  if (!to) {
    return call.fail(ExitCode::Usage, {fmt::format("\"{}\" is no address", request.to),
                                       "",
                                       "an address begins with sm1 and has a checksum",
                                       {"copy it whole; the receiver sees it with: starminer address"}});
  }
  const auto amount = parse_amount(request);
  if (!amount) return report(call, amount.error());
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const std::string what = format_amount(request.asset, *amount);
  const auto answer = terminal::ask(call.err, {fmt::format("Send {} to {}?", what, request.to), false, call.yes});
  if (answer != terminal::Answer::Yes) return ExitCode::NotConfirmed;
  v1::TransactionBody body;
  v1::Transfer& operation = *body.mutable_transfer();
  operation.set_to(to->bytes.data(), to->bytes.size());
  operation.set_asset(static_cast<v1::Asset>(request.asset));
  operation.set_amount(*amount);
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  if (call.json) {
    call.out.line(compact({{"transaction", receipt->transaction},
                           {"height", receipt->height},
                           {"to", request.to},
                           {"asset", asset_name(request.asset)},
                           {"amount", fmt::format("{}", *amount)}}));
  } else {
    call.out.line(fmt::format("{} sent {} to {}", call.out.tick(), what, request.to));
    call.out.line(fmt::format("  transaction {} in block {}", receipt->transaction, receipt->height));
  }
  return ExitCode::Ok;
}

void add_transfer(config::Command& root, const Settings& settings) {
  const auto request = std::make_shared<TransferRequest>();
  config::Command& command = root.add("transfer", "Send an amount to another account");
  command.positional("address", request->to, "The receiver, sm1...").required().placeholder("ADDRESS");
  command.positional("amount", request->amount, "How much, such as 2.5.").required().placeholder("AMOUNT");
  command.add_argument(
      {"--asset",
       config::bind_choice(request->asset, {{"AGPU", Asset::Agpu}, {"AMAX", Asset::Amax}, {"USD", Asset::Usd}}),
       "What is sent. A first transfer of AGPU makes the receiver's account."});
  command.prints().asks();
  command.example("starminer transfer sm1... 2.5", "Send 2.5 AGPU")
      .example("starminer transfer sm1... 100 --asset USD --yes", "The same with the stable asset, in a script")
      .returns(ExitCode::Refused, "the balance is too small")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed)
      .run([&settings, request](const Invocation& call) { return transfer(call, settings, *request); });
}

}  // namespace

void add_account_commands(config::Command& root, const Settings& settings) {
  root.add("login", "Make a key, if there is none, and ask a development network for funds")
      .describe(
          "Makes a key file that only you can read, says how to back it up, and asks the faucet of a development "
          "network if the account has nothing. Doing it again changes nothing.\n\nWith STARMINER_KEY_PASSPHRASE in "
          "the environment a new key is sealed with it, and a sealed key is opened.")
      .prints()
      .example("starminer login", "Begin")
      .example("starminer login --key-file work.json", "A second account")
      .returns(ExitCode::Refused, "the faucet has given its share for now")
      .returns(ExitCode::Unreachable)
      .run([&settings](const Invocation& call) { return login(call, settings); });
  root.add("address", "Print the address of your account")
      .prints()
      .example("starminer address", "What others need to send you something")
      .returns(ExitCode::NotFound, "there is no key yet")
      .run([&settings](const Invocation& call) { return address(call, settings); });
  const auto of = std::make_shared<std::string>();
  config::Command& command = root.add("balance", "Show what an account has and what is held");
  command.positional("address", *of, "Another account; your own if left out.").placeholder("ADDRESS");
  command.prints()
      .example("starminer balance", "Your own account")
      .example("starminer balance --json", "In base units of 10^-9, for scripts")
      .returns(ExitCode::NotFound, "there is no key yet")
      .returns(ExitCode::Unreachable)
      .run([&settings, of](const Invocation& call) { return balance(call, settings, *of); });
  add_transfer(root, settings);
}

}  // namespace starminer::cli
