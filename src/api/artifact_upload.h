// Uploads into the artifact store on behalf of accounts. An account counts as an uploader, and may read the artifact,
// only after it has sent every byte of it: knowing a hash proves nothing, since hashes stand on the chain. A broken
// upload is resumed where the same account stopped; another account, or any after a restart of the node, sends the
// whole content, of which only what is missing is stored. Thread-safe.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "api/http/body.h"
#include "api/http/message.h"
#include "api/http/range.h"
#include "artifacts/store.h"
#include "base/amount.h"
#include "base/ids.h"

namespace starminer::api {

/// The answer to a failure of the store.
[[nodiscard]] http::Problem problem_of(artifacts::StoreError error);

struct UploadRequest {
  Hash32 hash;
  AccountId account;
  http::ContentRange content;  // the whole is {0, size} of size
};

/// How much of an unfinished artifact each account has sent itself, from its first byte on.
class UploadSenders {
 public:
  [[nodiscard]] std::uint64_t sent(const Hash32& hash, const AccountId& account) const;
  /// Bytes [from, to) came from the account; they count where they go on where it stopped.
  void note(const Hash32& hash, const AccountId& account, std::uint64_t from, std::uint64_t to);
  void forget(const Hash32& hash);

 private:
  mutable std::mutex mutex_;
  std::map<Hash32, std::map<AccountId, std::uint64_t>> sent_;
};

class UploadGate {
 public:
  /// `account_bytes_max`: artifacts of one account together.
  UploadGate(artifacts::Store& store, std::uint64_t account_bytes_max, std::function<TimeMs()> clock);

  /// Takes an upload, or answers at once: 200 where the account has uploaded it before, else a problem.
  [[nodiscard]] Result<std::unique_ptr<http::BodySink>, http::Response> open(const UploadRequest& request);
  /// State of an unfinished upload that this account can resume.
  [[nodiscard]] std::optional<artifacts::UploadState> state_of(const Hash32& hash, const AccountId& account) const;

 private:
  [[nodiscard]] bool fits_quota(const std::string& account, std::uint64_t size);

  artifacts::Store& store_;
  UploadSenders senders_;
  std::uint64_t account_bytes_max_;
  std::function<TimeMs()> clock_;
  std::mutex mutex_;  // look and begin are one step
  std::map<std::string, std::uint64_t> used_;
  TimeMs counted_;
};

}  // namespace starminer::api
