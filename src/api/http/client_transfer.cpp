// Downloads and uploads of files: each attempt resumes where the last one broke off, and attempts that made progress do
// not count against the number of attempts.
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <thread>

#include <fmt/format.h>

#include "api/http/client_impl.h"
#include "api/http/file_handle.h"
#include "api/http/range.h"

namespace starminer::api::http {
namespace {

/// How long an upload waits for the server to refuse or to say "go on" before it sends its bytes.
constexpr std::chrono::milliseconds kContinueWait{1'000};

std::string_view unquoted(std::string_view etag) {
  if (etag.size() < 2 || etag.front() != '"' || etag.back() != '"') return {};
  return etag.substr(1, etag.size() - 2);
}

ApiError file_error(const std::filesystem::path& file, std::string_view action) {
  return link_error("file_error",
                    fmt::format("The file '{}' cannot be {}: {}.", file.string(), action, std::strerror(errno)),
                    "Check the path, its rights and the free space.");
}

ApiError cancelled() { return link_error("cancelled", "The transfer was cancelled.", ""); }

std::optional<std::uint64_t> parse_offset(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.empty() || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// One download over several attempts.
class Download {
 public:
  Download(HttpClient::Impl& client, std::string_view target, const std::filesystem::path& path,
           const TransferOptions& options)
      : client_(client), target_(target), path_(path), options_(options), etag_(options.etag) {}

  Result<void, ApiError> open() {
    auto file = FileHandle::open_to_write(path_);
    if (!file) return fail(file_error(path_, "opened for writing"));
    file_ = std::move(*file);
    if (!etag_.empty()) done_ = file_.size().value_or(0);
    return {};
  }

  /// True when the file is whole, false when a further attempt may help.
  Result<bool, ApiError> attempt() {
    CallOptions call = options_.call;
    if (done_ > 0) {
      call.headers.emplace_back("Range", fmt::format("bytes={}-", done_));
      call.headers.emplace_back("If-Range", '"' + etag_ + '"');
    }
    auto head = client_.exchange({Method::Get, target_, {}, {}, &call}, client_.patience_of(call));
    if (!head) return fail(std::move(head.error()));
    if (head->status == 416) return range_refused(std::move(*head));
    if (head->status != 200 && head->status != 206) {
      auto answer = client_.complete(std::move(*head), client_.patience_of(call));
      if (!answer) return fail(std::move(answer.error()));
      return fail(link_error("bad_response", fmt::format("The server answered {} to a download.", answer->status), ""));
    }
    if (auto placed = place(*head); !placed) return fail(std::move(placed.error()));
    return receive(call);
  }

  [[nodiscard]] std::uint64_t done() const { return done_; }
  [[nodiscard]] bool can_resume() const { return !etag_.empty(); }
  void restart() { done_ = 0; }

 private:
  Result<bool, ApiError> range_refused(ResponseHead head) {
    const auto range = parse_content_range(head.header("content-range"));
    auto answer = client_.complete(std::move(head), client_.patience_of(options_.call));
    if (range && range->total == done_) return true;
    if (done_ == 0 && !answer) return fail(std::move(answer.error()));
    done_ = 0;
    return false;
  }

  /// Puts the write position where the answer's bytes belong.
  Result<void, ApiError> place(const ResponseHead& head) {
    if (head.status == 200) {
      done_ = 0;
      total_ = parse_offset(head.header("content-length")).value_or(0);
    } else {
      const auto range = parse_content_range(head.header("content-range"));
      if (!range || range->range.first != done_) {
        client_.connection.close();
        return fail(link_error("bad_response", "The server sent another range than the one asked for.", ""));
      }
      total_ = range->total;
    }
    etag_ = unquoted(head.header("etag"));
    if (!file_.truncate(done_)) return fail(file_error(path_, "written"));
    return {};
  }

  Result<bool, ApiError> receive(const CallOptions& call) {
    std::array<char, kPieceBytes> piece{};
    for (;;) {
      const auto count = client_.connection.read_some(piece, client_.patience_of(call));
      if (!count) return fail(count.error());
      if (*count == 0) break;
      if (!file_.write_at(done_, {piece.data(), *count})) {
        client_.connection.close();
        return fail(file_error(path_, "written"));
      }
      done_ += *count;
      if (options_.progress && !options_.progress(done_, total_)) {
        client_.connection.close();
        return fail(cancelled());
      }
    }
    client_.connection.finish();
    return true;
  }

  HttpClient::Impl& client_;
  std::string_view target_;
  const std::filesystem::path& path_;
  const TransferOptions& options_;
  FileHandle file_;
  std::string etag_;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

/// One upload over several attempts.
class FileUpload {
 public:
  FileUpload(HttpClient::Impl& client, std::string_view target, std::string_view content_type,
             const std::filesystem::path& path, const TransferOptions& options)
      : client_(client), target_(target), content_type_(content_type), path_(path), options_(options) {}

  Result<void, ApiError> open() {
    auto file = FileHandle::open_to_read(path_);
    const auto size = file ? file->size() : std::nullopt;
    if (!size) return fail(file_error(path_, "read as a regular file"));
    file_ = std::move(*file);
    size_ = *size;
    return {};
  }

  Result<ClientResponse, ApiError> attempt() {
    const Patience patience = client_.patience_of(options_.call);
    auto state = client_.exchange({Method::Head, target_, {}, {}, &options_.call}, patience);
    if (!state) return fail(std::move(state.error()));
    const std::string offset_text(state->header("upload-offset"));
    const int status = state->status;
    auto answer = client_.complete(std::move(*state), patience);
    if (status == 404) {
      offset_ = 0;
    } else if (!answer) {
      return fail(std::move(answer.error()));
    } else if (offset_text.empty()) {
      return answer;
    } else {
      const auto offset = parse_offset(offset_text);
      if (!offset || *offset > size_) {
        return fail(link_error("bad_response", "The server states an offset beyond the end of the file.", ""));
      }
      offset_ = *offset;
    }
    return send();
  }

  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  [[nodiscard]] std::string head() const {
    Headers headers = client_.prepared(Method::Put, target_, {}, options_.call);
    headers.emplace_back("Content-Type", content_type_);
    if (offset_ == size_ && size_ > 0) {
      headers.emplace_back("Content-Range", fmt::format("bytes */{}", size_));
    } else if (offset_ > 0) {
      headers.emplace_back("Content-Range", fmt::format("bytes {}-{}/{}", offset_, size_ - 1, size_));
    }
    if (offset_ < size_) headers.emplace_back("Expect", "100-continue");
    return client_.request_head(Method::Put, target_, headers, size_ - offset_);
  }

  Result<ClientResponse, ApiError> send() {
    const auto reused = client_.connection.open(client_.patience_of(options_.call));
    if (!reused) return fail(reused.error());
    auto sent = client_.connection.write(head(), {}, client_.patience_of(options_.call));
    const bool answered = sent.has_value() && offset_ < size_ && client_.connection.wait_readable(kContinueWait);
    if (answered) {
      auto early = client_.connection.read_interim(client_.patience_of(options_.call));
      if (!early) return fail(std::move(early.error()));
      if (*early) return client_.complete(std::move(**early), client_.patience_of(options_.call));
    }
    if (sent) sent = send_content();
    if (!sent && sent.error().code != "connection_lost") return fail(std::move(sent.error()));
    // An answer that came while the content was sent tells why the server cut it off.
    const Patience patience = client_.patience_of(options_.call);
    auto answer = client_.connection.read_head(false, patience);
    if (!answer) return fail(sent ? std::move(answer.error()) : std::move(sent.error()));
    return client_.complete(std::move(*answer), patience);
  }

  Result<void, ApiError> send_content() {
    std::string piece;
    for (std::uint64_t at = offset_; at < size_; at += piece.size()) {
      piece.resize(std::min<std::uint64_t>(4 * kPieceBytes, size_ - at));
      if (!file_.read_at(at, piece)) {
        client_.connection.close();
        return fail(file_error(path_, "read to the size it had at the start"));
      }
      auto sent = client_.connection.write(piece, {}, client_.patience_of(options_.call));
      if (!sent) return sent;
      if (options_.progress && !options_.progress(at + piece.size(), size_)) {
        client_.connection.close();
        return fail(cancelled());
      }
    }
    return {};
  }

  HttpClient::Impl& client_;
  std::string_view target_;
  std::string_view content_type_;
  const std::filesystem::path& path_;
  const TransferOptions& options_;
  FileHandle file_;
  std::uint64_t size_ = 0;
  std::uint64_t offset_ = 0;
};

void pause_before_retry(const TransferOptions& options, const ApiError& error) {
  const auto asked = std::chrono::milliseconds(error.retry_after_s * 1'000);
  std::this_thread::sleep_for(std::max(options.pause, asked));
}

}  // namespace

Result<std::uint64_t, ApiError> HttpClient::download(std::string_view target, const std::filesystem::path& file,
                                                     const TransferOptions& options) {
  const std::lock_guard lock(impl_->mutex);
  Download download(*impl_, target, file, options);
  if (auto opened = download.open(); !opened) return fail(std::move(opened.error()));
  int left = options.attempts;
  for (;;) {
    const std::uint64_t before = download.done();
    auto whole = download.attempt();
    if (whole && *whole) return download.done();
    if (download.done() > before) left = options.attempts;
    if (!whole && (!whole.error().is_transient() || --left <= 0)) return fail(std::move(whole.error()));
    if (!download.can_resume()) download.restart();
    if (!whole) pause_before_retry(options, whole.error());
  }
}

Result<ClientResponse, ApiError> HttpClient::upload(std::string_view target, const std::filesystem::path& file,
                                                    std::string_view content_type, const TransferOptions& options) {
  const std::lock_guard lock(impl_->mutex);
  FileUpload upload(*impl_, target, content_type, file, options);
  if (auto opened = upload.open(); !opened) return fail(std::move(opened.error()));
  int left = options.attempts;
  for (;;) {
    const std::uint64_t before = upload.offset();
    auto answer = upload.attempt();
    if (answer) return answer;
    const ApiError& error = answer.error();
    if (upload.offset() > before) left = options.attempts;
    // Another upload of the same content moved the offset, or holds it for a moment.
    const bool moved = error.status == 409;
    if ((!error.is_transient() && !moved) || --left <= 0) return fail(std::move(answer.error()));
    pause_before_retry(options, error);
  }
}

}  // namespace starminer::api::http
