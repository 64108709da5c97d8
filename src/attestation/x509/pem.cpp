#include "attestation/x509/pem.h"

#include <algorithm>

namespace starminer::attestation::x509 {
namespace {

constexpr std::string_view kBegin = "-----BEGIN CERTIFICATE-----";
constexpr std::string_view kEnd = "-----END CERTIFICATE-----";
constexpr std::size_t kLine = 64;

/// Takes `part` from the front of `text`.
bool take(std::string_view& text, std::string_view part) {
  if (!text.starts_with(part)) return false;
  text.remove_prefix(part.size());
  return true;
}

/// One block up to and with its last dash.
std::optional<Bytes> take_block(std::string_view& text, std::string_view line_end) {
  if (!take(text, kBegin) || !take(text, line_end)) return std::nullopt;
  std::string base64;
  bool last = false;
  while (!text.starts_with('-')) {
    const std::size_t end = text.find(line_end);
    // A short line is the last one, so that the same bytes have one layout.
    if (end == std::string_view::npos || end == 0 || end > kLine || last) return std::nullopt;
    last = end < kLine;
    base64 += text.substr(0, end);
    text.remove_prefix(end + line_end.size());
  }
  if (!take(text, kEnd)) return std::nullopt;
  return from_base64(base64);
}

}  // namespace

std::optional<std::vector<Bytes>> certificates_of_pem(std::string_view text) {
  const std::size_t first = text.find('\n');
  if (first == std::string_view::npos || first == 0) return std::nullopt;
  const std::string_view line_end = text[first - 1] == '\r' ? "\r\n" : "\n";
  std::vector<Bytes> certificates;
  while (certificates.size() < kPemBlocksMax) {
    auto der = take_block(text, line_end);
    if (!der || der->empty()) return std::nullopt;
    certificates.push_back(std::move(*der));
    const bool ended = take(text, line_end);
    if (text.empty()) return certificates;
    if (!ended) return std::nullopt;
    if (text == line_end) return certificates;
  }
  return std::nullopt;
}

std::string pem_of_certificate(ByteView der) {
  const std::string base64 = to_base64(der);
  std::string text = std::string(kBegin) + "\n";
  for (std::size_t at = 0; at < base64.size(); at += kLine) text += base64.substr(at, kLine) + "\n";
  return text + std::string(kEnd) + "\n";
}

}  // namespace starminer::attestation::x509
