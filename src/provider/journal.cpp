#include "provider/journal.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <string_view>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starminer::provider {
namespace {

constexpr std::array<std::string_view, 5> kPhaseNames = {"taken", "fetching", "starting", "uploading", "closed"};

std::string fault(const std::filesystem::path& path) {
  return fmt::format("{}: {}", path.string(), std::strerror(errno));
}

bool sync_directory(const std::filesystem::path& directory) {
  const int descriptor = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return false;
  const bool synced = ::fsync(descriptor) == 0;
  ::close(descriptor);
  return synced;
}

std::optional<JournalEntry> parse(std::istream& stream) {
  const nlohmann::json document = nlohmann::json::parse(stream, nullptr, false);
  if (!document.is_object() || !document.contains("contract") || !document.contains("phase")) return std::nullopt;
  if (!document["contract"].is_string() || !document["phase"].is_string()) return std::nullopt;
  const auto contract = ContractId::parse(document["contract"].get_ref<const std::string&>());
  const auto* const phase =
      std::find(kPhaseNames.begin(), kPhaseNames.end(), document["phase"].get_ref<const std::string&>());
  if (!contract || phase == kPhaseNames.end()) return std::nullopt;
  return JournalEntry{*contract, static_cast<JobPhase>(phase - kPhaseNames.begin())};
}

}  // namespace

Result<void, std::string> write_file_durably(const std::filesystem::path& file, const std::string& text) {
  const std::filesystem::path temporary = file.string() + ".new";
  const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, S_IRUSR | S_IWUSR);
  if (descriptor < 0) return fail(fault(temporary));
  const bool written =
      ::write(descriptor, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && ::fsync(descriptor) == 0;
  const std::string message = written ? std::string() : fault(temporary);
  ::close(descriptor);
  if (!written) return fail(message);
  if (::rename(temporary.c_str(), file.c_str()) != 0 || !sync_directory(file.parent_path())) return fail(fault(file));
  return {};
}

Journal::Journal(std::filesystem::path directory) : directory_(std::move(directory)) {
  std::filesystem::create_directories(directory_);
}

std::filesystem::path Journal::file_of(const ContractId& contract) const {
  return directory_ / (contract.text() + ".json");
}

Result<std::vector<JournalEntry>, std::string> Journal::load() const {
  std::vector<JournalEntry> entries;
  for (const auto& item : std::filesystem::directory_iterator(directory_)) {
    if (item.path().extension() != ".json") continue;
    std::ifstream stream(item.path());
    const auto entry = parse(stream);
    if (!entry)
      return fail(fmt::format("{} is damaged; move it away: the chain tells what became of it", item.path().string()));
    entries.push_back(*entry);
  }
  return entries;
}

std::optional<JournalEntry> Journal::find(const ContractId& contract) const {
  std::ifstream stream(file_of(contract));
  if (!stream) return std::nullopt;
  return parse(stream);
}

Result<void, std::string> Journal::write(const JournalEntry& entry) const {
  const nlohmann::json document = {{"contract", entry.contract.text()},
                                   {"phase", kPhaseNames[static_cast<std::size_t>(entry.phase)]}};
  return write_file_durably(file_of(entry.contract), document.dump() + "\n");
}

void Journal::forget(const ContractId& contract) const {
  std::error_code ignored;
  std::filesystem::remove(file_of(contract), ignored);
}

}  // namespace starminer::provider
