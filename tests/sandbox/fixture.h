// A sandbox on a directory of its own for each test, which checks at its end that nothing was left behind.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "provider/sandbox/sandbox.h"

namespace starminer::provider::sandbox {

class SandboxFixture : public ::testing::Test {
 protected:
  void SetUp() override;
  void TearDown() override;

  /// A spec of small limits that runs a shell command.
  [[nodiscard]] SandboxSpec shell(const std::string& job_id, const std::string& command) const;
  /// A spec that runs one of the shipped attempts.
  [[nodiscard]] SandboxSpec attempt(const std::string& job_id, const std::vector<std::string>& arguments) const;

  /// Starts and waits for the end; a failure to start is a test failure.
  ExitReport run(const SandboxSpec& spec);
  [[nodiscard]] std::string output_of(const std::string& job_id) const;
  [[nodiscard]] std::string errors_of(const std::string& job_id) const;

  [[nodiscard]] Sandbox& sandbox() { return *sandbox_; }
  [[nodiscard]] const std::filesystem::path& root() const { return root_; }
  [[nodiscard]] SandboxOptions options() const;

 private:
  std::filesystem::path root_;
  std::unique_ptr<Sandbox> sandbox_;
};

/// Whether a condition comes true within ten seconds; for what the kernel finishes in its own time.
template <class F>
[[nodiscard]] bool eventually(F condition) {
  const std::int64_t deadline = steady_ms() + 10'000;
  while (!condition()) {
    if (steady_ms() > deadline) return false;
    const timespec pause{0, 5'000'000};
    ::nanosleep(&pause, nullptr);
  }
  return true;
}

/// Processes of this machine whose command line holds the text.
[[nodiscard]] std::vector<pid_t> find_processes(const std::string& text);

/// Loop devices whose image lies, or lay, below a folder; others on this machine may have some, too.
[[nodiscard]] std::vector<std::string> list_loop_devices(const std::filesystem::path& folder);
[[nodiscard]] std::size_t count_mounts();

}  // namespace starminer::provider::sandbox
