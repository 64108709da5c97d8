#include "sandbox/fixture.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <sstream>

namespace starminer::provider::sandbox {

namespace fs = std::filesystem;

SandboxOptions SandboxFixture::options() const {
  const fs::path bin{STARMINER_BIN_DIR};
  SandboxOptions options;
  options.root_dir = root_ / "jobs";
  options.supervisor_path = bin / "starminer-supervisor";
  options.init_path = bin / "starminer-sandbox-init";
  options.attempts_path = bin / "starminer-attempts";
  options.cgroup_parent = "starminer-test-" + std::to_string(::getpid());
  return options;
}

void SandboxFixture::SetUp() {
  std::string name = "/var/tmp/starminer-sandbox-XXXXXX";
  ASSERT_NE(::mkdtemp(name.data()), nullptr);
  root_ = name;
  auto opened = Sandbox::open(options());
  ASSERT_TRUE(opened) << opened.error().text;
  sandbox_ = std::make_unique<Sandbox>(std::move(*opened));
}

void SandboxFixture::TearDown() {
  if (sandbox_ != nullptr) {
    for (const std::string& job : sandbox_->list_jobs()) {
      auto found = sandbox_->adopt(job);
      if (!found || !found->running) continue;
      ADD_FAILURE() << "job " << job << " was left running";
      found->running->request_kill();
      (void)found->running->wait(10'000);
    }
    EXPECT_TRUE(eventually([this] { return find_processes(root_.string()).empty(); })) << "processes were left";
    for (const auto& [controller, parent] : sandbox_->cgroups().parents) {
      for (const auto& entry : fs::directory_iterator(parent)) {
        EXPECT_FALSE(entry.is_directory()) << "a control group was left: " << entry.path();
      }
      ::rmdir(parent.c_str());
    }
  }
  std::error_code error;
  fs::remove_all(root_, error);
  EXPECT_FALSE(error) << error.message();
}

SandboxSpec SandboxFixture::shell(const std::string& job_id, const std::string& command) const {
  SandboxSpec spec;
  spec.job_id = job_id;
  spec.argv = {"/bin/sh", "-c", command};
  spec.limits.memory_bytes = 64ULL << 20U;
  spec.limits.processes = 32;
  spec.limits.output_bytes = 8ULL << 20U;
  spec.limits.output_files = 100;
  spec.limits.scratch_bytes = 8ULL << 20U;
  spec.limits.log_bytes = 64ULL << 10U;
  spec.limits.wall_ms = 60'000;
  spec.limits.term_grace_ms = 500;
  return spec;
}

SandboxSpec SandboxFixture::attempt(const std::string& job_id, const std::vector<std::string>& arguments) const {
  SandboxSpec spec = shell(job_id, "");
  spec.binds.push_back({fs::path(STARMINER_BIN_DIR) / "starminer-attempts", "/opt/starminer-attempts"});
  spec.argv = {"/opt/starminer-attempts"};
  spec.argv.insert(spec.argv.end(), arguments.begin(), arguments.end());
  return spec;
}

ExitReport SandboxFixture::run(const SandboxSpec& spec) {
  auto job = sandbox_->start(spec);
  if (!job) {
    ADD_FAILURE() << spec.job_id << " did not start: " << job.error().text;
    return {};
  }
  auto ended = job->wait(120'000);
  if (!ended || !*ended) {
    ADD_FAILURE() << spec.job_id << " did not end: " << (ended ? "still running" : ended.error().text);
    return {};
  }
  return **ended;
}

namespace {

std::string whole_log(const fs::path& job_dir, LogStream stream) {
  const auto chunk = read_job_log(job_dir, stream, 0, 1U << 20U);
  return chunk ? chunk->bytes : "(no log: " + chunk.error().text + ")";
}

}  // namespace

std::string SandboxFixture::output_of(const std::string& job_id) const {
  return whole_log(sandbox_->job_directory(job_id), LogStream::StandardOutput);
}

std::string SandboxFixture::errors_of(const std::string& job_id) const {
  return whole_log(sandbox_->job_directory(job_id), LogStream::StandardError);
}

std::vector<pid_t> find_processes(const std::string& text) {
  std::vector<pid_t> found;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    const std::string name = entry.path().filename().string();
    if (!std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isdigit(c) != 0; })) continue;
    const pid_t pid = static_cast<pid_t>(std::stol(name));
    const auto line = read_file(entry.path() / "cmdline", 1U << 20U);
    if (pid != ::getpid() && line && line->find(text) != std::string::npos) found.push_back(pid);
  }
  return found;
}

std::vector<std::string> list_loop_devices(const fs::path& folder) {
  std::vector<std::string> devices;
  for (const auto& entry : fs::directory_iterator("/sys/block")) {
    std::ifstream file(entry.path() / "loop" / "backing_file");
    std::string image;
    if (std::getline(file, image) && image.starts_with(folder.string() + "/")) {
      devices.push_back(entry.path().filename().string());
    }
  }
  return devices;
}

std::size_t count_mounts() {
  std::ifstream mounts("/proc/self/mountinfo");
  std::size_t count = 0;
  for (std::string line; std::getline(mounts, line);) ++count;
  return count;
}

}  // namespace starminer::provider::sandbox
