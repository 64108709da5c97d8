#include "provider/program.h"

#include <charconv>
#include <csignal>
#include <cstdlib>
#include <functional>
#include <system_error>
#include <thread>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include "base/amount.h"
#include "client/key_file.h"
#include "config/units.h"
#include "provider/agent.h"
#include "provider/devices/discover.h"
#include "provider/devices/report.h"
#include "provider/devices/runtimes.h"
#include "provider/offer.h"
#include "provider/sandbox/self_check.h"
#include "provider/state_lock.h"
#include "starminer/v1/transaction.pb.h"
#include "terminal/format.h"
#include "terminal/prompt.h"

namespace starminer::provider {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;

constexpr const char* kVersion = "0.1.0";

std::string default_state_dir() {
  if (const char* home = std::getenv("XDG_STATE_HOME"); home != nullptr && *home != '\0') {
    return std::string(home) + "/starminer-provider";
  }
  const char* home = std::getenv("HOME");
  return (home != nullptr ? std::string(home) : std::string("/var/lib")) + "/.local/state/starminer-provider";
}

std::optional<std::string> passphrase() {
  const char* value = std::getenv("STARMINER_KEY_PASSPHRASE");
  return value != nullptr ? std::optional<std::string>(value) : std::nullopt;
}

/// The agent's key; made at the first use.
Result<SigningKey, std::string> agent_key(const AgentSettings& settings) {
  const std::filesystem::path file = settings.state_dir / "key.json";
  if (std::filesystem::exists(file)) return client::load_key_file(file, passphrase());
  return client::create_key_file(file, passphrase());
}

ExitCode unreachable(const Invocation& call, const client::ApiError& error) {
  return call.fail(error.status == 0 ? ExitCode::Unreachable : ExitCode::Failure,
                   {error.title.empty() ? error.code : error.title, error.code, error.detail, {error.advice}});
}

ExitCode failed(const Invocation& call, const std::string& what, const std::string& why,
                std::vector<std::string> advice = {}) {
  return call.fail(ExitCode::Failure, {what, {}, why, std::move(advice)});
}

/// Key and connection, or the failure that was reported.
struct Session {
  std::unique_ptr<Chain> chain;
  ExitCode code = ExitCode::Ok;
};

Session open_session(const Invocation& call, const AgentSettings& settings) {
  const auto key = agent_key(settings);
  if (!key) return {nullptr, failed(call, "the agent's key cannot be used", key.error())};
  auto chain = Chain::connect(settings.api_url, *key);
  if (!chain) return {nullptr, unreachable(call, chain.error())};
  return {std::move(*chain), ExitCode::Ok};
}

/// The escape attempts inside the sandbox of this machine, or why there is no sandbox.
Result<std::vector<sandbox::SelfTestResult>, std::string> run_self_test(const AgentSettings& settings) {
  sandbox::SandboxOptions options;
  options.root_dir = settings.state_dir / "selftest";
  options.cgroup_parent = settings.cgroup_parent;
  auto sandbox = sandbox::Sandbox::open(std::move(options));
  if (!sandbox) return fail(sandbox.error().text);
  return sandbox::self_test(*sandbox);
}

/// The nodes that setup registered, or the failure that was reported.
struct Registered {
  std::vector<NodeRecord> nodes;
  ExitCode code = ExitCode::Ok;
};

Registered registered_nodes(const Invocation& call, const AgentSettings& settings) {
  auto nodes = load_nodes(settings.state_dir);
  if (!nodes) return {{}, failed(call, "the registration cannot be read", nodes.error())};
  if (!nodes->empty()) return {std::move(*nodes), ExitCode::Ok};
  const std::string why = "there is no node in " + settings.state_dir.string();
  return {{}, call.fail(ExitCode::NotFound, {"this machine is not registered", {}, why, {"starminer-provider setup"}})};
}

/// One of this machine's nodes, and what the command prints of it as JSON.
using NodeStep = std::function<ExitCode(Chain& chain, const NodeRecord& node, json& list)>;

/// Takes the step with each node in turn; the first that fails ends the command.
ExitCode for_each_node(const Invocation& call, const AgentSettings& settings, const NodeStep& step) {
  const Registered registered = registered_nodes(call, settings);
  if (registered.code != ExitCode::Ok) return registered.code;
  const Session session = open_session(call, settings);
  if (!session.chain) return session.code;
  json list = json::array();
  for (const NodeRecord& node : registered.nodes) {
    if (const ExitCode code = step(*session.chain, node, list); code != ExitCode::Ok) return code;
  }
  if (call.json) call.out.line(json{{"nodes", std::move(list)}}.dump());
  return ExitCode::Ok;
}

/// An amount of an answer, in base units; 0 where there is none.
std::uint64_t base_units(const json& object, const char* name) {
  const auto found = object.find(name);
  if (found == object.end() || !found->is_string()) return 0;
  const auto& text = found->get_ref<const std::string&>();
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value);
  return value;
}

/// "  stands by with 110 AGPU until ..." for a line of status; empty where the node is not in the reserve.
std::string reserve_text(const json& node) {
  const auto found = node.find("reserve");
  if (found == node.end() || !found->is_object()) return "";
  const std::string until = terminal::human_time(found->value("until_ms", std::int64_t{0}), terminal::Zone::Utc);
  return fmt::format("  {} with {} until {}, {} jobs drawn, {} declined",
                     found->value("standing", "") == "stands_by" ? "stands by" : "too little staked to stand by",
                     format_amount(Asset::Agpu, base_units(*found, "stake")), until, found->value("draws", 0),
                     found->value("declines", 0));
}

}  // namespace

ProviderProgram::ProviderProgram()
    : state_dir_(default_state_dir()),
      program_({"starminer-provider", "Offer this machine's devices on the StarMiner market", kVersion}) {
  add_options();
  add_commands();
  program_.configure(options_, {"/etc/starminer/starminer-provider.toml"});
}

void ProviderProgram::add_options() {
  options_.add("api.url", settings_.api_url,
               "The network node to talk to, or several with commas between: all hear beats and logs, the first that "
               "answers the rest.");
  options_.add("state.dir", state_dir_, "Key, registration, journals and jobs of this agent.");
  options_.add("provider.name", settings_.name, "Name shown on the market.");
  options_.add("provider.payout", settings_.payout, "Address that is paid; empty: the agent's own.");
  options_.add("offer.region", settings_.region, "Region of this machine.");
  options_.add("offer.country", settings_.country, "Country code of this machine, for data residency; ZZ: not stated.");
  options_.add("offer.site", settings_.site,
               "Name of the site; hosts of this account with the same one, class and region may share a job.");
  options_.add("offer.site_tier", settings_.site_tier, "Tier of the site, 0 to 4.");
  options_.add("offer.co2", settings_.g_co2_per_kwh, "Energy of this machine: g CO2 per kWh.");
  options_.add("offer.renewable_percent", settings_.renewable_percent, "Energy: share from renewable sources.");
  options_.add("offer.pue_milli", settings_.pue_milli, "Energy of the site over that of its computers, x 1000.");
  options_.add("offer.energy_certificate", settings_.energy_certificate,
               "SHA-256 of the certificate that attestors check, in hexadecimal.");
  options_.add("offer.floor", settings_.floor_32nds, "Least price in 1/32 of the class's anchor.");
  options_.add("offer.cpu_threads", settings_.cpu_threads, "Threads offered to jobs; 0: all.");
  options_.add("offer.ram_bytes", settings_.ram_bytes, "Memory offered to jobs in bytes; 0: three quarters.");
  options_.add("offer.disk_bytes", settings_.disk_bytes, "Disk offered to jobs in bytes; 0: half of what is free.");
  options_.add("benchmark.quick", settings_.quick_benchmark, "Measure shorter, for demonstrations.");
  options_.add("sandbox.cgroup_parent", settings_.cgroup_parent, "Folder of the control groups of jobs.");
  options_.add("log.level", log_level_, "trace, debug, info, warn or error.");
}

void ProviderProgram::add_commands() {
  const auto prepared = [this](auto command) {
    return [this, command](const Invocation& call) {
      settings_.state_dir = std::filesystem::absolute(state_dir_);
      for (const config::Option& option : options_.all()) {
        if (option.origin.layer != config::Layer::Default) settings_.stated.insert(option.name);
      }
      std::error_code error;
      std::filesystem::create_directories(settings_.state_dir, error);
      if (!error) std::filesystem::permissions(settings_.state_dir, std::filesystem::perms::owner_all, error);
      if (error) {
        return failed(call, "the state folder cannot be used",
                      fmt::format("{}: {}", settings_.state_dir.string(), error.message()),
                      {"make it writable for this user, or name another: --state-dir"});
      }
      spdlog::set_default_logger(spdlog::get("agent") ? spdlog::get("agent") : spdlog::stderr_color_mt("agent"));
      spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
      spdlog::set_level(spdlog::level::from_str(log_level_));
      return std::invoke(command, this, call);
    };
  };
  program_.root()
      .add("devices", "Show the devices and runtimes of this machine")
      .prints()
      .example("starminer-provider devices", "What would be offered")
      .run(prepared(&ProviderProgram::show_devices));
  program_.root()
      .add("selftest", "Check that the sandbox holds on this machine")
      .prints()
      .example("starminer-provider selftest", "Run every escape attempt inside the sandbox")
      .run(prepared(&ProviderProgram::self_test));
  program_.root()
      .add("address", "Print the agent's address, making its key at first")
      .prints()
      .example("starminer-provider address", "The account that pays fees and the node's lock")
      .run(prepared(&ProviderProgram::show_address));
  program_.root()
      .add("setup", "Find devices, measure them and register this machine")
      .prints()
      .returns(ExitCode::Unreachable)
      .example("starminer-provider setup --offer-region eu-central", "Register in a region")
      .run(prepared(&ProviderProgram::set_up));
  program_.root()
      .add("run", "Serve jobs until stopped")
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotFound, "This machine is not registered.")
      .example("starminer-provider run", "Serve with the registration of setup")
      .run(prepared(&ProviderProgram::serve));
  program_.root()
      .add("status", "Show this machine's nodes on the market")
      .prints()
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotFound, "This machine is not registered.")
      .example("starminer-provider status --json", "For scripts")
      .run(prepared(&ProviderProgram::show_status));
  const auto change = [&](const char* name, const char* summary, const char* done, int number) {
    program_.root()
        .add(name, summary)
        .prints()
        .returns(ExitCode::Unreachable)
        .returns(ExitCode::NotFound, "This machine is not registered.")
        .example(fmt::format("starminer-provider {}", name), summary)
        .run(prepared([done, number](const ProviderProgram* program, const Invocation& call) {
          return program->change_status(call, number, done);
        }));
  };
  change("drain", "Finish what runs and take nothing new", "draining", v1::NodeSetStatus::DRAIN);
  change("resume", "Take jobs again after drain", "active", v1::NodeSetStatus::RESUME);
  change("leave", "Leave the market when the last job has ended", "leaving", v1::NodeSetStatus::LEAVE);
  add_reserve_commands(prepared);
}

void ProviderProgram::add_reserve_commands(const Prepared& prepared) {
  config::Command& group = program_.root().add("reserve", "Stand by for surges of demand, with a stake");
  config::Command& join = group.add("join", "Commit this machine's nodes to the reserve of their class and region");
  join.describe(
      "While the class is short of GPUs, jobs of requesters with enough stake prefer nodes of the reserve. AGPU is "
      "staked on each node from the agent's account and returns when the node leaves the reserve, at the earliest "
      "after the "
      "time given. Until then the node neither drains nor leaves, its offer does not narrow, and each job that it "
      "takes and does not begin costs part of the stake. On a node that stands by already this adds stake and time.");
  join.option("--stake", reserve_.stake, "AGPU on each node; a tenth above the smallest if left out.")
      .placeholder("AMOUNT");
  join.option("--for", reserve_.time, "How long the nodes stay, such as 30d.").required().placeholder("TIME");
  join.prints()
      .asks()
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotConfirmed)
      .returns(ExitCode::NotFound, "This machine is not registered.")
      .example("starminer-provider reserve join --for 30d", "Stand by for thirty days")
      .example("starminer-provider reserve join --for 1d --stake 5", "Add 5 AGPU to a stake that has shrunk")
      .run(prepared(&ProviderProgram::join_reserve));
  group.add("leave", "Take this machine's nodes out of the reserve; their stakes return")
      .prints()
      .returns(ExitCode::Unreachable)
      .returns(ExitCode::NotFound, "This machine is not registered.")
      .example("starminer-provider reserve leave", "After the time given with join")
      .run(prepared(&ProviderProgram::leave_reserve));
}

ExitCode ProviderProgram::show_devices(const Invocation& call) const {
  devices::DiscoverOptions options;
  options.disk_path = settings_.state_dir.string();
  const devices::Inventory inventory = devices::discover(options);
  call.out.line(call.json ? devices::inventory_json(inventory) : devices::format_inventory(inventory));
  return inventory.nodes.empty() ? ExitCode::NotFound : ExitCode::Ok;
}

ExitCode ProviderProgram::self_test(const Invocation& call) const {
  const auto attempts = run_self_test(settings_);
  if (!attempts) return failed(call, "this machine cannot run jobs safely", attempts.error());
  const auto& results = *attempts;
  json list = json::array();
  std::size_t passed = 0;
  for (const auto& result : results) {
    passed += result.passed ? 1 : 0;
    if (call.json) {
      list.push_back({{"name", result.name}, {"passed", result.passed}, {"detail", result.detail}});
    } else if (!result.passed) {
      call.out.line(fmt::format("{} {}  {}", call.out.cross(), result.name, result.detail));
    }
  }
  if (call.json) {
    call.out.line(json{{"passed", passed}, {"total", results.size()}, {"tests", std::move(list)}}.dump());
  } else {
    call.out.line(fmt::format("sandbox tier 1 self-test {}/{}", passed, results.size()));
  }
  return sandbox::all_passed(results) ? ExitCode::Ok : ExitCode::Failure;
}

ExitCode ProviderProgram::show_address(const Invocation& call) const {
  const auto key = agent_key(settings_);
  if (!key) return failed(call, "the agent's key cannot be used", key.error());
  const std::string address = key->account().text();
  call.out.line(call.json ? json{{"address", address}}.dump() : address);
  return ExitCode::Ok;
}

ExitCode ProviderProgram::set_up(const Invocation& call) const {
  const auto say = [&](const std::string& line) {
    if (!call.json) call.out.line(fmt::format("{} {}", call.out.tick(), line));
  };
  const Session session = open_session(call, settings_);
  if (!session.chain) return session.code;
  const auto fault = fault_of_offer(*session.chain, settings_);
  if (!fault) return unreachable(call, fault.error());
  if (!fault->empty())
    return call.fail(ExitCode::Usage, {"the offer is wrong; nothing was registered", {}, *fault, {}});
  devices::DiscoverOptions options;
  options.disk_path = settings_.state_dir.string();
  const devices::Inventory inventory = devices::discover(options);
  for (const devices::NodeCandidate& node : inventory.nodes) {
    say(fmt::format("{} x {} ({})", node.devices.size(), node.model, node.hardware_class));
  }
  for (const devices::Runtime& runtime : inventory.runtimes) say(fmt::format("runtime {}", runtime.tag));
  const auto attempts = run_self_test(settings_);
  if (!attempts) return failed(call, "this machine cannot run jobs safely", attempts.error());
  for (const auto& attempt : *attempts) {
    if (attempt.passed) continue;
    return failed(call, "this machine cannot run jobs safely", fmt::format("{}: {}", attempt.name, attempt.detail),
                  {"see all: starminer-provider selftest"});
  }
  say(fmt::format("sandbox held against {} attempts to escape", attempts->size()));
  const auto nodes = register_machine(*session.chain, settings_, inventory, say);
  if (!nodes) return failed(call, "the machine could not be registered", nodes.error());
  json list = json::array();
  for (const NodeRecord& node : *nodes) {
    list.push_back({{"id", node.id.text()}, {"class", node.hardware_class}, {"ratings", node.ratings}});
    say(fmt::format("node {} is ready; start serving with: starminer-provider run", node.id.text()));
  }
  if (call.json) call.out.line(json{{"provider", session.chain->key().account().text()}, {"nodes", list}}.dump());
  return ExitCode::Ok;
}

ExitCode ProviderProgram::serve(const Invocation& call) const {
  Registered registered = registered_nodes(call, settings_);
  if (registered.code != ExitCode::Ok) return registered.code;
  const auto lock = StateLock::take(settings_.state_dir);
  if (!lock) return failed(call, "the agent cannot start", lock.error());
  const Session session = open_session(call, settings_);
  if (!session.chain) return session.code;
  // What the owner has changed in the settings or installed since: a market that does not answer now hears at the next
  // start, as serving matters more.
  const auto say = [](const std::string& line) { spdlog::info("{}", line); };
  const auto current =
      update_offers(*session.chain, settings_, devices::probe_runtimes("").present, registered.nodes, say);
  if (!current) spdlog::warn("the offer could not be compared with the market's: {}", current.error());
  for (const NodeRecord& node : registered.nodes)
    spdlog::info("node {} ({}) serves", node.id.text(), node.hardware_class);
  auto agent = Agent::open(settings_, *session.chain, std::move(registered.nodes));
  if (!agent) return failed(call, "the agent cannot start", agent.error());
  // Signals are taken by one thread, so that nothing else is interrupted at a random place.
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    spdlog::info("stopping; running jobs go on and are adopted by the next start");
    (*agent)->stop();
  });
  (*agent)->run();
  waiter.join();
  return ExitCode::Ok;
}

ExitCode ProviderProgram::show_status(const Invocation& call) const {
  return for_each_node(call, settings_, [&](Chain& chain, const NodeRecord& node, json& list) {
    auto answer = chain.get("/v1/nodes/" + node.id.text());
    if (!answer) return unreachable(call, answer.error());
    if (!call.json) {
      call.out.line(fmt::format("{}  {}  {} jobs  {}{}", node.id.text(), answer->value("status", ""),
                                answer->value("/free/jobs"_json_pointer, 0), node.hardware_class,
                                reserve_text(*answer)));
    }
    list.push_back(std::move(*answer));
    return ExitCode::Ok;
  });
}

ExitCode ProviderProgram::change_status(const Invocation& call, int change, const char* done) const {
  return for_each_node(call, settings_, [&](Chain& chain, const NodeRecord& node, json& list) {
    const auto shown = chain.get("/v1/nodes/" + node.id.text());
    if (!shown) return unreachable(call, shown.error());
    if (shown->value("status", "") == "left") {
      if (change != v1::NodeSetStatus::LEAVE) {
        return failed(call, "the node has left", node.id.text(),
                      {"register it as a new one: starminer-provider setup"});
      }
      if (!call.json) call.out.line(fmt::format("{} {} has left before", call.out.tick(), node.id.text()));
      return ExitCode::Ok;
    }
    v1::TransactionBody body;
    body.mutable_node_set_status()->set_node(to_text(node.id.view()));
    body.mutable_node_set_status()->set_change(static_cast<v1::NodeSetStatus::Change>(change));
    const auto receipt = chain.send(body);
    if (!receipt) return unreachable(call, receipt.error());
    if (!call.json) call.out.line(fmt::format("{} {} {}", call.out.tick(), node.id.text(), done));
    list.push_back({{"id", node.id.text()}, {"transaction", receipt->transaction}});
    return ExitCode::Ok;
  });
}

ExitCode ProviderProgram::join_reserve(const Invocation& call) const {
  const auto window = config::parse_duration(reserve_.time);
  if (!window) return call.fail(ExitCode::Usage, {"--for is no time", {}, window.error().text, {}});
  const auto stated = reserve_.stake.empty() ? std::optional<std::uint64_t>(0) : parse_tokens(reserve_.stake);
  if (!stated || *stated > kAmountMax) {
    return call.fail(ExitCode::Usage, {fmt::format("\"{}\" is no amount of AGPU", reserve_.stake),
                                       {},
                                       "an amount is a decimal, such as 110 or 2.5",
                                       {}});
  }
  return for_each_node(call, settings_, [&](Chain& chain, const NodeRecord& node, json& list) {
    const auto pools = chain.get("/v1/pools");
    if (!pools) return unreachable(call, pools.error());
    const std::uint64_t per_device = base_units(*pools, "stake_per_gpu");
    const auto shown = chain.get("/v1/nodes/" + node.id.text());
    if (!shown) return unreachable(call, shown.error());
    const bool committed = shown->contains("reserve") && shown->at("reserve").is_object();
    const std::uint64_t least = per_device * shown->value("devices", std::uint64_t{1});
    const std::uint64_t stake = reserve_.stake.empty() ? (committed ? 0 : least + least / 10) : *stated;
    const auto answer = terminal::ask(
        call.err, {fmt::format("Stake {} on {} and stay in the reserve for {}?", format_amount(Asset::Agpu, stake),
                               node.id.text(), config::format_duration(*window)),
                   false, call.yes});
    if (answer != terminal::Answer::Yes) return ExitCode::NotConfirmed;
    v1::TransactionBody body;
    body.mutable_reserve_join()->set_node(to_text(node.id.view()));
    body.mutable_reserve_join()->set_amount(stake);
    body.mutable_reserve_join()->set_window_ms(static_cast<std::uint64_t>(window->count()));
    const auto receipt = chain.send(body);
    if (!receipt) return unreachable(call, receipt.error());
    if (!call.json) call.out.line(fmt::format("{} {} stands by", call.out.tick(), node.id.text()));
    list.push_back(
        {{"id", node.id.text()}, {"staked", fmt::format("{}", stake)}, {"transaction", receipt->transaction}});
    return ExitCode::Ok;
  });
}

ExitCode ProviderProgram::leave_reserve(const Invocation& call) const {
  return for_each_node(call, settings_, [&](Chain& chain, const NodeRecord& node, json& list) {
    v1::TransactionBody body;
    body.mutable_reserve_leave()->set_node(to_text(node.id.view()));
    const auto receipt = chain.send(body);
    if (!receipt) return unreachable(call, receipt.error());
    if (!call.json) {
      call.out.line(fmt::format("{} {} left the reserve; its stake is back", call.out.tick(), node.id.text()));
    }
    list.push_back({{"id", node.id.text()}, {"transaction", receipt->transaction}});
    return ExitCode::Ok;
  });
}

}  // namespace starminer::provider
