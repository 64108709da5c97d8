#include "node/settings.h"

#include <fcntl.h>
#include <unistd.h>

#include <cstdlib>

namespace starminer::node {

Settings make_settings() {
  Settings settings;
  const char* const home = std::getenv("HOME");
  settings.data_folder = home != nullptr && *home != '\0' ? std::filesystem::path(home) / ".local/share/starminerd"
                                                          : std::filesystem::path("/var/lib/starminerd");
  return settings;
}

void declare_options(config::OptionTable& options, Settings& settings) {
  options.add("data.dir", settings.data_folder, "Folder of chain, artifacts, logs and keys.");
  options.add("api.listen", settings.listen,
              "Where the API listens; port 0 takes a free one, which stands in api.url of the data folder.");
  options.add("api.io_threads", settings.io_threads,
              "Threads that read requests and check single transactions; 0 is one for each core.");
  options.add("api.worker_threads", settings.worker_threads, "Threads that answer requests.");
  options.add("api.connections_max", settings.connections_max, "Open connections at most.");
  options.add("api.connections_per_address_max", settings.connections_per_address_max,
              "Open connections of one address at most.");
  options.add("api.event_streams_max", settings.event_streams_max, "Open event streams at most.");
  options.add("api.read_rate", settings.read_rate, "Public reads per second and address; 0 is no limit.");
  options.add("api.quote_rate", settings.quote_rate, "Quotes and explanations per second and address; 0 is no limit.");
  options.add("api.transaction_rate", settings.transaction_rate,
              "Calls with transactions per second and address; 0 is no limit.");
  options.add("api.signed_rate", settings.signed_rate, "Signed calls per second and key; 0 is no limit.");
  options.add("api.artifact_rate", settings.artifact_rate,
              "Calls for artifacts per second and address; 0 is no limit.");
  options.add_binding(
      "engine.kind",
      config::bind_choice(settings.engine, {{"solo", EngineKind::Solo}, {"cometbft", EngineKind::CometBft}}),
      "Who orders the transactions: this process alone, or the validators of a CometBFT network.");
  options.add(
      "abci.listen", settings.abci_listen,
      "With engine cometbft: where CometBFT finds this node, unix://PATH or tcp://ADDRESS:PORT; abci.sock in the "
      "data folder if not given. Whoever reaches it decides blocks: never a public address.");
  options.add(
      "cometbft.rpc", settings.comet_rpc,
      "With engine cometbft: the RPC of this node's CometBFT (its rpc.laddr), which transactions are handed to.");
  options.add("engine.verify_threads", settings.verify_threads,
              "Threads that check the signatures of batches; 0 is one for each core.");
  options.add("engine.queue_max", settings.queue_max, "Transactions that may wait; more are answered E1107.");
  options.add("engine.queue_max_per_account", settings.queue_max_per_account,
              "Transactions of one account that may wait; a batch has up to 1024.");
  options.add("engine.block_transactions", settings.block_transactions, "Transactions of a block at most.");
  options.add("artifacts.size_max", settings.artifact_max, "Largest artifact.");
  options.add("artifacts.total_max", settings.artifacts_total, "All artifacts together.");
  options.add("artifacts.per_account_max", settings.artifacts_per_account, "Artifacts of one account together.");
  options.add("artifacts.disk_reserve", settings.disk_reserve, "Free space that uploads leave on the disk.");
  options.add("artifacts.upload_ttl", settings.upload_ttl,
              "How long unfinished uploads, and artifacts that no job names, are kept.");
  options.add("artifacts.results_kept", settings.results_kept,
              "How long inputs and results are kept after a job ended.");
  options.add("logs.stream_max", settings.log_stream_max, "Largest output of one stream of a job.");
  options.add("logs.total_max", settings.logs_total, "All outputs of jobs together.");
  options.add("logs.kept", settings.logs_kept, "How long the output is kept after a contract ended.");
  options.add("faucet.enabled", settings.faucet_enabled,
              "Whether to give AGPU away, where the data folder has a faucet key.");
  options.add("faucet.amount", settings.faucet_amount, "Gift of the faucet.");
  options.add("faucet.interval", settings.faucet_interval, "An address gets one gift in this time.");
  options.add("faucet.per_peer_hour", settings.faucet_per_peer_hour, "Gifts per hour for one peer.");
  options.add_binding("log.level",
                      config::bind_choice(settings.log_level, {{"debug", LogLevel::Debug},
                                                               {"info", LogLevel::Info},
                                                               {"warning", LogLevel::Warning},
                                                               {"error", LogLevel::Error}}),
                      "Least severity that is logged to standard error.");
}

bool write_atomically(const std::filesystem::path& file, const std::string& text) {
  std::filesystem::path temporary = file;
  temporary += ".tmp";
  const int fd = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd < 0) return false;
  const bool written = ::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(fd) == 0;
  ::close(fd);
  std::error_code error;
  if (written) std::filesystem::rename(temporary, file, error);
  return written && !error;
}

}  // namespace starminer::node
