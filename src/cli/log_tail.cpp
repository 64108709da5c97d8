#include "cli/log_tail.h"

#include <fmt/format.h>

namespace starminer::cli {
namespace {

// A failure is shown with its last lines only, so older text is let go of.
constexpr std::size_t kKeptBytes = 256U << 10U;

}  // namespace

Outcome<std::string> LogTail::more() {
  const auto piece =
      api_.get_log(fmt::format("/v1/contracts/{}/logs?stream={}&offset={}", contract_, stream_, offset_));
  if (!piece) {
    if (piece.error().is_transient()) return std::string();
    return fail(trouble_of(piece.error()));
  }
  offset_ += piece->size();
  return sanitizer_.feed(*piece);
}

std::string last_lines(client::Api& api, const std::string& contract, const std::string& stream, std::size_t count) {
  LogTail tail(api, contract, stream);
  std::string kept;
  for (;;) {
    const std::uint64_t before = tail.offset();
    const auto more = tail.more();
    if (!more || tail.offset() == before) break;
    kept += *more;
    if (kept.size() > 2 * kKeptBytes) kept.erase(0, kept.size() - kKeptBytes);
  }
  while (kept.ends_with('\n')) kept.pop_back();
  std::size_t start = kept.size();
  for (std::size_t lines = 0; lines < count && start > 0; ++lines) {
    const std::size_t feed = kept.rfind('\n', start - 1);
    start = feed == std::string::npos ? 0 : feed;
  }
  return kept.substr(start > 0 ? start + 1 : 0);
}

}  // namespace starminer::cli
