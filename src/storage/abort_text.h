// Words for an abort in a library. RocksDB as Debian builds it has its assertions on, and it reads the properties of a
// table before it looks at their checksum: one damaged bit there ends the process with nothing but an assertion. One
// such text at a time in a process; others wait.
#pragma once

#include <csignal>
#include <mutex>
#include <string>

namespace starminer::storage {

class AbortText {
 public:
  /// Until the object ends, SIGABRT writes this text and a line feed to standard error and ends the process with status
  /// 1, as a refusal to start would.
  explicit AbortText(std::string text);
  ~AbortText();
  AbortText(const AbortText&) = delete;
  AbortText& operator=(const AbortText&) = delete;

 private:
  std::unique_lock<std::mutex> alone_;
  std::string text_;
  struct sigaction before_ = {};
};

}  // namespace starminer::storage
