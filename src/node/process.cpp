#include "node/process.h"

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

namespace starminer::node {

void start_logging(LogLevel level) {
  auto logger = spdlog::stderr_color_mt("starminerd");
  logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  switch (level) {
    case LogLevel::Debug: logger->set_level(spdlog::level::debug); break;
    case LogLevel::Info: logger->set_level(spdlog::level::info); break;
    case LogLevel::Warning: logger->set_level(spdlog::level::warn); break;
    case LogLevel::Error: logger->set_level(spdlog::level::err); break;
  }
  spdlog::set_default_logger(std::move(logger));
}

StopSignals::StopSignals() {
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a limit on the size of files is then an error of the write, as a full disk is
  sigemptyset(&set_);
  sigaddset(&set_, SIGINT);
  sigaddset(&set_, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &set_, nullptr);
}

void StopSignals::wait() const {
  int signal = 0;
  while (sigwait(&set_, &signal) != 0) continue;
  spdlog::info("stopping on {}", signal == SIGINT ? "SIGINT" : "SIGTERM");
}

}  // namespace starminer::node
