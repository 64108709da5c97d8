// The certificates that evidence is judged under: trust anchors, and authorities below them that are public and the
// same for everybody, so that whoever shows evidence need not bring them. The program carries those of roots/; a folder
// given by the caller takes their place as a whole. Plain values.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace starminer::client::evidence {

struct Roots {
  /// ARKs.
  std::vector<Bytes> amd;
  /// ASK or ASVK, then its ARK.
  std::vector<std::vector<Bytes>> amd_chains;
  std::vector<Bytes> intel;
  /// The certificate that signs Intel's collateral, then its root.
  std::vector<std::vector<Bytes>> intel_signers;
  std::vector<Bytes> nvidia_device;
  std::vector<Bytes> nvidia_rim;
};

/// A file that the program carries.
struct ShippedFile {
  std::string name;
  std::string text;
};

/// Made from roots/ when the program is built.
[[nodiscard]] const std::vector<ShippedFile>& shipped_files();
[[nodiscard]] Roots shipped_roots();
/// From every .pem and .der of the folder. What a file is for is told by the name of its last certificate. Fails with a
/// sentence that names the file that is no chain of certificates, or says that none of them is a known kind of root.
[[nodiscard]] Result<Roots, std::string> load_roots(const std::filesystem::path& folder);

}  // namespace starminer::client::evidence
