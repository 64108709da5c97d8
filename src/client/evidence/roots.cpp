#include "client/evidence/roots.h"

#include <algorithm>
#include <system_error>

#include "attestation/x509/certificate.h"
#include "base/check.h"
#include "client/evidence/files.h"

namespace starminer::client::evidence {
namespace {

using attestation::x509::Certificate;
namespace fs = std::filesystem;

/// Sorts a chain, leaf first, by the name of its root.
void add_chain(Roots& roots, std::vector<Bytes> chain) {
  const auto root = Certificate::parse(chain.back());
  if (!root) return;
  const std::string name = root->common_name();
  const bool with_authority = chain.size() == 2;
  if (name.starts_with("ARK-")) {
    roots.amd.push_back(chain.back());
    if (with_authority) roots.amd_chains.push_back(std::move(chain));
  } else if (name == "Intel SGX Root CA") {
    roots.intel.push_back(chain.back());
    if (with_authority) roots.intel_signers.push_back(std::move(chain));
  } else if (name == "NVIDIA Device Identity CA") {
    roots.nvidia_device.push_back(chain.back());
  } else if (name == "NVIDIA CoRIM signing Root CA") {
    roots.nvidia_rim.push_back(chain.back());
  }
}

bool empty(const Roots& roots) {
  return roots.amd.empty() && roots.intel.empty() && roots.nvidia_device.empty() && roots.nvidia_rim.empty();
}

}  // namespace

Roots shipped_roots() {
  Roots roots;
  for (const ShippedFile& file : shipped_files()) {
    auto chain = certificates_of(as_bytes(file.text));
    STARMINER_CHECK(chain.has_value());
    add_chain(roots, std::move(*chain));
  }
  return roots;
}

Result<Roots, std::string> load_roots(const fs::path& folder) {
  std::error_code error;
  std::vector<fs::path> paths;
  for (const auto& entry : fs::directory_iterator(folder, error)) {
    const fs::path extension = entry.path().extension();
    if (extension == ".pem" || extension == ".der") paths.push_back(entry.path());
  }
  if (error) return fail(folder.string() + ": " + error.message());
  std::sort(paths.begin(), paths.end());
  Roots roots;
  for (const fs::path& path : paths) {
    const auto bytes = read_evidence_file(path);
    if (!bytes) return fail(bytes.error());
    auto chain = certificates_of(*bytes);
    if (!chain) return fail(path.string() + " holds no certificates in PEM or DER");
    add_chain(roots, std::move(*chain));
  }
  if (empty(roots)) return fail(folder.string() + " holds no root of AMD, Intel or NVIDIA (.pem or .der)");
  return roots;
}

}  // namespace starminer::client::evidence
