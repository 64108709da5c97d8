// Text of a strict form, read from its front: what is not exactly as expected fails, and stays failed. Plain value
// over text that must outlive it.
#pragma once

#include <charconv>
#include <cstdint>
#include <string_view>

namespace starminer::verification {

class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  /// Exactly this text comes next.
  bool expect(std::string_view text) {
    if (failed_ || !rest_.starts_with(text)) return fail();
    rest_.remove_prefix(text.size());
    return true;
  }
  /// Takes the text if it comes next.
  bool accept(std::string_view text) {
    if (failed_ || !rest_.starts_with(text)) return false;
    rest_.remove_prefix(text.size());
    return true;
  }
  /// A decimal number in its one spelling: no sign, no leading zero, at most 2^64-1.
  std::uint64_t number() {
    std::uint64_t value = 0;
    const auto [end, error] = std::from_chars(rest_.data(), rest_.data() + rest_.size(), value);
    const auto length = static_cast<std::size_t>(end - rest_.data());
    if (failed_ || error != std::errc() || (length > 1 && rest_.front() == '0')) {
      fail();
      return 0;
    }
    rest_.remove_prefix(length);
    return value;
  }
  /// Everything before the next `end`, which is taken too. Fails where there is none.
  std::string_view until(char end) {
    const std::size_t length = failed_ ? std::string_view::npos : rest_.find(end);
    if (length == std::string_view::npos) {
      fail();
      return {};
    }
    const std::string_view front = rest_.substr(0, length);
    rest_.remove_prefix(length + 1);
    return front;
  }

  [[nodiscard]] bool failed() const { return failed_; }
  /// All was taken, and nothing was missing.
  [[nodiscard]] bool done() const { return !failed_ && rest_.empty(); }
  [[nodiscard]] std::string_view rest() const { return rest_; }

 private:
  bool fail() {
    failed_ = true;
    return false;
  }

  std::string_view rest_;
  bool failed_ = false;
};

}  // namespace starminer::verification
