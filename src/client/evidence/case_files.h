// The files that a case of a vector folder names, one of them perhaps changed as a mutation says.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include <nlohmann/json.hpp>

#include "base/bytes.h"
#include "base/result.h"
#include "client/evidence/cases.h"

namespace starminer::client::evidence {

/// One byte of a file flipped, or the file cut.
struct Mutation {
  /// The member of the case that names the file: "report", "quote".
  std::string file;
  std::size_t offset = 0;
  std::uint8_t flip = 0;
  std::optional<std::size_t> length;
};

/// Fails with a sentence.
[[nodiscard]] Result<Mutation, std::string> parse_mutation(const nlohmann::json& row);

class CaseFiles {
 public:
  CaseFiles(const std::filesystem::path& folder, const CaseOptions& options) : folder_(folder), options_(&options) {}

  void set_mutation(Mutation mutation) { mutation_ = std::move(mutation); }
  /// The file that the member of `row` names, changed where the mutation is of this member.
  [[nodiscard]] Result<Bytes, std::string> read(const nlohmann::json& row, const std::string& member) const;
  /// A file by its path in the folder. Roots that the folder lacks are those that the program carries.
  [[nodiscard]] Result<Bytes, std::string> read_path(const std::string& path) const;

 private:
  std::filesystem::path folder_;
  const CaseOptions* options_;
  std::optional<Mutation> mutation_;
};

}  // namespace starminer::client::evidence
