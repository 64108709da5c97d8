// The configuration of starminerd: every option with its default, and where the files of a data folder lie.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "base/amount.h"
#include "config/options.h"
#include "config/units.h"

namespace starminer::node {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };

/// Who orders the transactions.
enum class EngineKind : std::uint8_t { Solo, CometBft };

struct Settings {
  std::filesystem::path data_folder;
  config::HostPort listen{"127.0.0.1", 7700};
  LogLevel log_level = LogLevel::Info;

  std::uint32_t io_threads = 0;  // 0: one for each core
  std::uint32_t worker_threads = 4;
  std::uint32_t connections_max = 10'000;
  std::uint32_t connections_per_address_max = 1'000;
  std::uint32_t event_streams_max = 2'000;
  // Requests per second and address (signed ones per key); 0 is no limit.
  std::uint32_t read_rate = 500;
  std::uint32_t quote_rate = 50;
  std::uint32_t transaction_rate = 2'000;
  std::uint32_t signed_rate = 200;
  std::uint32_t artifact_rate = 100;

  EngineKind engine = EngineKind::Solo;
  std::string abci_listen;  // empty: abci.sock in the data folder
  std::string comet_rpc = "tcp://127.0.0.1:26657";
  std::uint32_t verify_threads = 0;  // 0: one for each core
  std::uint32_t queue_max = 15'000;
  std::uint32_t queue_max_per_account = 1'024;
  std::uint32_t block_transactions = 5'000;

  config::ByteSize artifact_max{64ULL << 30U};
  config::ByteSize artifacts_total{1ULL << 40U};
  config::ByteSize artifacts_per_account{256ULL << 30U};
  config::ByteSize disk_reserve{256ULL << 20U};
  std::chrono::milliseconds upload_ttl{std::chrono::hours(24)};
  std::chrono::milliseconds results_kept{std::chrono::hours(7 * 24)};

  config::ByteSize log_stream_max{16ULL << 20U};
  config::ByteSize logs_total{4ULL << 30U};
  std::chrono::milliseconds logs_kept{std::chrono::hours(7 * 24)};

  bool faucet_enabled = true;
  Agpu faucet_amount{100 * kBasePerToken};
  std::chrono::milliseconds faucet_interval{std::chrono::minutes(1)};
  std::uint32_t faucet_per_peer_hour = 120;
};

/// Defaults; the data folder is ~/.local/share/starminerd, or /var/lib/starminerd without a home.
[[nodiscard]] Settings make_settings();
/// `settings` must outlive the table.
void declare_options(config::OptionTable& options, Settings& settings);

/// Files of a data folder.
struct DataFolder {
  std::filesystem::path root;

  [[nodiscard]] std::filesystem::path genesis() const { return root / "genesis.json"; }
  [[nodiscard]] std::filesystem::path operator_key() const { return root / "operator.key.json"; }
  [[nodiscard]] std::filesystem::path vrf_key() const { return root / "vrf.key.json"; }
  [[nodiscard]] std::filesystem::path faucet_key() const { return root / "faucet.key.json"; }
  [[nodiscard]] std::filesystem::path chain() const { return root / "chain"; }
  /// A copy of the chain that a snapshot is read from; there while one is made.
  [[nodiscard]] std::filesystem::path checkpoint() const { return root / "checkpoint"; }
  [[nodiscard]] std::filesystem::path artifacts() const { return root / "artifacts"; }
  [[nodiscard]] std::filesystem::path relay() const { return root / "relay"; }
  /// The address that the API listens on, written when it does: how scripts find a free port.
  [[nodiscard]] std::filesystem::path api_url() const { return root / "api.url"; }
};

/// Writes a file whole or not at all: beside it, synced, renamed.
[[nodiscard]] bool write_atomically(const std::filesystem::path& file, const std::string& text);

}  // namespace starminer::node
