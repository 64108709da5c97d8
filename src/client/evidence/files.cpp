#include "client/evidence/files.h"

#include <fstream>
#include <iterator>
#include <system_error>

#include "attestation/x509/certificate.h"
#include "attestation/x509/pem.h"

namespace starminer::client::evidence {
namespace {

namespace fs = std::filesystem;

// Shorter text is more likely a file of another kind than evidence.
constexpr std::size_t kTextMin = 64;

}  // namespace

Result<Bytes, std::string> read_evidence_file(const fs::path& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return fail(path.string() + " is a folder");
  const std::uintmax_t size = fs::file_size(path, error);
  if (error) return fail(path.string() + ": " + error.message());
  if (size > kFileBytesMax) {
    return fail(path.string() + " has " + std::to_string(size) + " bytes; no evidence is larger than " +
                std::to_string(kFileBytesMax));
  }
  std::ifstream file(path, std::ios::binary);
  Bytes bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
  if (!file) return fail(path.string() + " cannot be read");
  return bytes;
}

Bytes binary_of(ByteView bytes) {
  std::string_view text = as_text(bytes);
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.size() >= kTextMin) {
    if (auto decoded = from_hex(text)) return std::move(*decoded);
    if (auto decoded = from_base64(text)) return std::move(*decoded);
  }
  return Bytes(bytes.begin(), bytes.end());
}

std::optional<std::vector<Bytes>> certificates_of(ByteView bytes) {
  if (auto pem = attestation::x509::certificates_of_pem(as_text(bytes))) return pem;
  Bytes der = binary_of(bytes);
  if (!attestation::x509::Certificate::parse(der)) return std::nullopt;
  return std::vector<Bytes>{std::move(der)};
}

}  // namespace starminer::client::evidence
