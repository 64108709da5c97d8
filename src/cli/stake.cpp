// stake show, stake lock, stake unbond: AMAX that an account locks as stake, and its way back.
#include <memory>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "base/amount.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/session.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/format.h"
#include "terminal/key_values.h"
#include "terminal/prompt.h"
#include "terminal/text.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

std::string amax(std::uint64_t base) { return format_amount(Asset::Amax, base); }

/// Millionths as credits with two digits after the point, rounded down: what is shown is there.
std::string credits(std::uint64_t micro) {
  constexpr std::uint64_t kHundredth = 10'000;
  return fmt::format("{}.{:02}", micro / (100 * kHundredth), micro / kHundredth % 100);
}

std::string return_time(const Invocation& call, std::uint64_t unix_ms) {
  return terminal::human_time(static_cast<std::int64_t>(unix_ms),
                              call.utc ? terminal::Zone::Utc : terminal::Zone::Local);
}

ExitCode show(const Invocation& call, const Settings& settings, const std::string& of) {
  if (!of.empty() && !AccountId::parse(of)) {
    return call.fail(ExitCode::Usage, {fmt::format("{} is no address", of), "", "an address begins with sm1", {}});
  }
  auto api = open_session(settings, of.empty() ? KeyNeed::Required : KeyNeed::IfThere);
  if (!api) return report(call, api.error());
  const auto stake = (*api)->get(fmt::format("/v1/accounts/{}/stake", of.empty() ? (*api)->address() : of));
  if (!stake) return report(call, stake.error());
  if (call.json) {
    call.out.line(compact(*stake));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  lines.add("Staked", amax(number_of(*stake, "bonded")));
  for (const json& part : list_of(*stake, "unbondings")) {
    lines.add("Unbonding", fmt::format("{}, returns {}  {}", amax(number_of(part, "amount")),
                                       return_time(call, number_of(part, "returns_ms")), shown(part, "id")));
  }
  lines.add("Credits", fmt::format("{}, at most {}; {} more in an hour", credits(number_of(*stake, "credits_micro")),
                                   credits(number_of(*stake, "credits_micro_max")),
                                   credits(number_of(*stake, "credits_micro_hour"))));
  lines.more(fmt::format("{} is burned with each; spend them: starminer run job.yaml --credits 100",
                         agpu(number_of(*stake, "credit_burn"))));
  lines.add("Smallest stake", amax(number_of(*stake, "minimum")));
  lines.add("Unbonding takes", terminal::human_duration(number_of(*stake, "unbond_ms")));
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

/// "2.5" or "2.5 AMAX".
std::optional<std::uint64_t> parse_amax(std::string text) {
  static constexpr std::string_view kSymbol = "AMAX";
  if (text.ends_with(kSymbol)) {
    text.resize(text.size() - kSymbol.size());
    text.erase(text.find_last_not_of(' ') + 1);
  }
  const auto base = parse_tokens(text);
  return base && *base != 0 && *base <= kAmountMax ? base : std::nullopt;
}

enum class Step : std::uint8_t { Lock, Unbond };

ExitCode change(const Invocation& call, const Settings& settings, const std::string& text, Step step) {
  const auto amount = parse_amax(text);
  if (!amount) {
    return call.fail(ExitCode::Usage, {fmt::format("\"{}\" is no amount of AMAX", text),
                                       "",
                                       "an amount is a decimal above zero, such as 2.5, with at most nine digits",
                                       {}});
  }
  auto api = open_session(settings, KeyNeed::Required);
  if (!api) return report(call, api.error());
  const auto stake = (*api)->get(fmt::format("/v1/accounts/{}/stake", (*api)->address()));
  if (!stake) return report(call, stake.error());
  const std::string takes = terminal::human_duration(number_of(*stake, "unbond_ms"));
  const std::string question =
      step == Step::Lock ? fmt::format("Stake {}? It comes back {} after you ask for it.", amax(*amount), takes)
                         : fmt::format("Unbond {}? It returns to your balance after {}.", amax(*amount), takes);
  if (terminal::ask(call.err, {question, false, call.yes}) != terminal::Answer::Yes) return ExitCode::NotConfirmed;
  v1::TransactionBody body;
  const auto fill = [&](auto& operation) {
    operation.set_asset(v1::AMAX);
    operation.set_amount(*amount);
  };
  step == Step::Lock ? fill(*body.mutable_stake_lock()) : fill(*body.mutable_stake_unbond());
  const auto receipt = (*api)->send(std::move(body));
  if (!receipt) return report(call, receipt.error());
  if (call.json) {
    call.out.line(compact({{"transaction", receipt->transaction},
                           {"height", receipt->height},
                           {"subject", receipt->subject},
                           {"asset", "AMAX"},
                           {"amount", fmt::format("{}", *amount)}}));
    return ExitCode::Ok;
  }
  call.out.line(step == Step::Lock ? fmt::format("{} staked {}", call.out.tick(), amax(*amount))
                                   : fmt::format("{} {} unbonds and returns in {}: {}", call.out.tick(), amax(*amount),
                                                 takes, terminal::sanitize_line(receipt->subject)));
  call.out.line(fmt::format("  transaction {} in block {}", receipt->transaction, receipt->height));
  return ExitCode::Ok;
}

}  // namespace

void add_stake_commands(config::Command& root, const Settings& settings) {
  config::Command& group = root.add("stake", "Lock AMAX as stake, and take it back");
  const auto of = std::make_shared<std::string>();
  config::Command& shown = group.add("show", "Show what an account has staked, what unbonds, and its credits");
  shown.positional("address", *of, "Another account; your own if left out.").placeholder("ADDRESS");
  shown.prints()
      .example("starminer stake show", "Your own stake")
      .returns(ExitCode::NotFound, "there is no key yet")
      .returns(ExitCode::Unreachable)
      .run([&settings, of](const Invocation& call) { return show(call, settings, *of); });
  const auto add_step = [&](const char* name, const char* summary, const char* line, const char* says,
                            const char* refused, Step step) {
    const auto amount = std::make_shared<std::string>();
    config::Command& command = group.add(name, summary);
    command.positional("amount", *amount, "How much AMAX, such as 2.5.").required().placeholder("AMOUNT");
    command.prints().asks();
    command.example(line, says)
        .returns(ExitCode::Refused, refused)
        .returns(ExitCode::Unreachable)
        .returns(ExitCode::NotConfirmed)
        .run([&settings, amount, step](const Invocation& call) { return change(call, settings, *amount, step); });
  };
  add_step("lock", "Lock an amount of your balance as stake", "starminer stake lock 100", "Stake 100 AMAX",
           "the balance is too small, or the stake would be", Step::Lock);
  add_step("unbond", "Begin to take part of your stake back", "starminer stake unbond 40",
           "40 AMAX return after the time of unbonding", "less is staked, or too little would stay", Step::Unbond);
}

}  // namespace starminer::cli
