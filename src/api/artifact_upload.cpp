#include "api/artifact_upload.h"

#include <algorithm>

#include <fmt/format.h>

namespace starminer::api {
namespace {

using artifacts::Store;
using artifacts::StoreError;
using http::Problem;
using http::Response;

constexpr DurationMs kRecountEvery{60'000};
constexpr std::size_t kListPage = 1'000;

Response stored(const Hash32& hash, std::uint64_t size, int status) {
  return Response::json(fmt::format(R"({{"hash":"{}","size":{}}})", hash.hex(), size), status);
}

Problem offset_problem(std::uint64_t expected) {
  Problem problem = problem_of(StoreError::OffsetMismatch);
  problem.members.emplace_back("expected", std::to_string(expected));
  return problem;
}

/// One PUT. A whole content is hashed as it comes, so that the account is known to hold every byte.
class ArtifactSink final : public http::BodySink {
 public:
  ArtifactSink(Store& store, UploadSenders& senders, const UploadRequest& request, bool stored_already,
               const std::function<TimeMs()>& clock)
      : store_(store),
        senders_(senders),
        request_(request),
        clock_(clock),
        whole_(request.content.range.first == 0 && request.content.range.length == request.content.total),
        stored_already_(stored_already),
        position_(request.content.range.first) {}

  std::optional<Response> write(ByteView bytes) override {
    if (whole_) hash_.update(bytes);
    while (!bytes.empty() && !stored_already_) {
      const auto state = store_.upload_state(request_.hash);
      if (!state) {
        if (store_.find(request_.hash)) break;
        return Response(offset_problem(0));
      }
      if (state->offset > position_) {
        const std::uint64_t known = std::min<std::uint64_t>(state->offset - position_, bytes.size());
        bytes = bytes.subspan(known);
        position_ += known;
        continue;
      }
      if (state->offset < position_) return Response(offset_problem(state->offset));
      const auto appended = store_.append(request_.hash, position_, bytes, now_ms());
      if (!appended && appended.error() == StoreError::OffsetMismatch) continue;
      if (!appended && appended.error() == StoreError::AlreadyExists) break;
      if (!appended) return Response(problem_of(appended.error()));
      senders_.note(request_.hash, request_.account, position_, position_ + bytes.size());
      position_ += bytes.size();
      return std::nullopt;
    }
    position_ += bytes.size();
    return std::nullopt;
  }

  Response finish() override {
    bool proven = whole_ && hash_.finish() == request_.hash;
    if (whole_ && !proven) {
      // The end of a wrong content is no use to anybody.
      const auto state = store_.upload_state(request_.hash);
      if (state && state->offset == state->size) abort();
      return problem_of(StoreError::HashMismatch);
    }
    if (!stored_already_ && !store_.find(request_.hash)) {
      const auto state = store_.upload_state(request_.hash);
      if (!state) return offset_problem(0);
      if (state->offset < state->size) {
        Response partial = stored(request_.hash, state->size, 202);
        return std::move(partial.with("Upload-Offset", std::to_string(state->offset)));
      }
      const bool sent_all = senders_.sent(request_.hash, request_.account) == state->size;
      const auto finished = store_.finish(request_.hash, now_ms());
      senders_.forget(request_.hash);
      if (!finished && finished.error() == StoreError::HashMismatch && proven) {
        return again("An earlier upload under this hash had other bytes and was removed.");
      }
      if (!finished) return problem_of(finished.error());
      proven = proven || sent_all;
    }
    if (!proven) return again("Another account has sent a part of this content meanwhile.");
    // The artifact is complete, so this only notes the uploader.
    (void)store_.begin_upload(request_.hash, request_.content.total, request_.account.text(), now_ms());
    return stored(request_.hash, request_.content.total, 201);
  }

 private:
  [[nodiscard]] std::int64_t now_ms() const { return static_cast<std::int64_t>(clock_().ms); }

  void abort() {
    if (store_.abort_upload(request_.hash)) senders_.forget(request_.hash);
  }

  /// The client asks for the offset, finds nothing of its own, and sends the whole.
  static Response again(std::string why) {
    Problem problem = offset_problem(0);
    problem.detail = std::move(why);
    problem.advice = "Send the whole content again.";
    return problem;
  }

  Store& store_;
  UploadSenders& senders_;
  UploadRequest request_;
  const std::function<TimeMs()>& clock_;
  bool whole_;
  bool stored_already_;
  std::uint64_t position_;  // in the content, of the next byte that comes
  Sha256 hash_;
};

bool names(const artifacts::ArtifactInfo& info, const std::string& account) {
  return std::find(info.uploaders.begin(), info.uploaders.end(), account) != info.uploaders.end();
}

}  // namespace

Problem problem_of(StoreError error) {
  Problem problem;
  switch (error) {
    case StoreError::NotFound: problem.status = 404; break;
    case StoreError::TooLarge: problem.status = 413; break;
    case StoreError::StoreFull: problem.status = 507; break;
    case StoreError::HashMismatch: problem.status = 422; break;
    case StoreError::TooManyUploads:
    case StoreError::Damaged:
    case StoreError::InUse:
    case StoreError::IoError:
      problem.status = 503;
      problem.retry_after_s = 5;
      break;
    default: problem.status = 409; break;
  }
  problem.code = artifacts::name_of(error);
  problem.title = std::string(http::reason_phrase(problem.status));
  const std::string_view text = artifacts::describe(error);
  const std::size_t split = text.find("; ");
  problem.detail = std::string(text.substr(0, split)) + (split == std::string_view::npos ? "" : ".");
  if (split != std::string_view::npos) problem.advice = text.substr(split + 2);
  if (!problem.advice.empty()) problem.advice.front() = static_cast<char>(problem.advice.front() - 'a' + 'A');
  return problem;
}

std::uint64_t UploadSenders::sent(const Hash32& hash, const AccountId& account) const {
  const std::lock_guard lock(mutex_);
  const auto found = sent_.find(hash);
  if (found == sent_.end()) return 0;
  const auto own = found->second.find(account);
  return own == found->second.end() ? 0 : own->second;
}

void UploadSenders::note(const Hash32& hash, const AccountId& account, std::uint64_t from, std::uint64_t to) {
  const std::lock_guard lock(mutex_);
  std::uint64_t& sent = sent_[hash][account];
  if (sent == from) sent = to;
}

void UploadSenders::forget(const Hash32& hash) {
  const std::lock_guard lock(mutex_);
  sent_.erase(hash);
}

UploadGate::UploadGate(Store& store, std::uint64_t account_bytes_max, std::function<TimeMs()> clock)
    : store_(store), account_bytes_max_(account_bytes_max), clock_(std::move(clock)) {}

bool UploadGate::fits_quota(const std::string& account, std::uint64_t size) {
  const TimeMs now = clock_();
  if (elapsed(now, counted_) > kRecountEvery) {
    counted_ = now;
    used_.clear();
    Hash32 after;
    for (;;) {
      const auto page = store_.list(after, kListPage);
      for (const artifacts::ArtifactInfo& info : page) {
        for (const std::string& uploader : info.uploaders) used_[uploader] += info.size;
      }
      if (page.size() < kListPage) break;
      after = page.back().hash;
    }
  }
  const std::uint64_t used = used_[account];
  return used <= account_bytes_max_ && size <= account_bytes_max_ - used;
}

std::optional<artifacts::UploadState> UploadGate::state_of(const Hash32& hash, const AccountId& account) const {
  auto state = store_.upload_state(hash);
  // Where another account has sent some of it, only the whole content proves who holds it.
  if (!state || senders_.sent(hash, account) != state->offset) return std::nullopt;
  return *state;
}

Result<std::unique_ptr<http::BodySink>, Response> UploadGate::open(const UploadRequest& request) {
  const std::string account = request.account.text();
  const http::ContentRange& content = request.content;
  const std::lock_guard lock(mutex_);
  const auto take = [&](bool stored_already) -> Result<std::unique_ptr<http::BodySink>, Response> {
    return std::make_unique<ArtifactSink>(store_, senders_, request, stored_already, clock_);
  };
  const bool whole = content.range.first == 0 && content.range.length == content.total;
  if (const auto info = store_.find(request.hash)) {
    if (names(*info, account)) return fail(stored(request.hash, info->size, 200));
    if (info->size != content.total) return fail(Response(problem_of(StoreError::HashMismatch)));
    if (!whole) return fail(Response(offset_problem(0)));
    return take(true);
  }
  auto state = store_.upload_state(request.hash);
  if (state && state->size != content.total) {
    // One of the two sizes is wrong and nobody can tell which: the newer upload has its chance.
    if (const auto aborted = store_.abort_upload(request.hash); !aborted) {
      return fail(Response(problem_of(aborted.error())));
    }
    senders_.forget(request.hash);
    state = fail(StoreError::NotFound);
  }
  if (state) {
    const bool own = senders_.sent(request.hash, request.account) == state->offset;
    if (whole || (own && content.range.first == state->offset)) return take(false);
    return fail(Response(offset_problem(own ? state->offset : 0)));
  }
  senders_.forget(request.hash);
  if (content.range.first != 0) return fail(Response(offset_problem(0)));
  if (!fits_quota(account, content.total)) {
    Problem problem = problem_of(StoreError::StoreFull);
    problem.code = "quota_exceeded";
    problem.detail = fmt::format("This account may keep {} bytes of artifacts here.", account_bytes_max_);
    problem.advice = "Wait until older artifacts have expired, or use another node.";
    return fail(Response(std::move(problem)));
  }
  // Nobody is named before he has sent it all.
  const auto begun = store_.begin_upload(request.hash, content.total, "", static_cast<std::int64_t>(clock_().ms));
  if (!begun) return fail(Response(problem_of(begun.error())));
  used_[account] += content.total;
  return take(false);
}

}  // namespace starminer::api
