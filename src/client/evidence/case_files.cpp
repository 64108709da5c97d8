#include "client/evidence/case_files.h"

#include <algorithm>
#include <array>
#include <system_error>

#include "client/evidence/files.h"

namespace starminer::client::evidence {

namespace fs = std::filesystem;
using nlohmann::json;

Result<Mutation, std::string> parse_mutation(const json& row) {
  Mutation mutation;
  mutation.file = row.value("file", "");
  if (row.contains("truncate_to") && row["truncate_to"].is_number_unsigned()) {
    mutation.length = row["truncate_to"].get<std::size_t>();
    return mutation;
  }
  const auto flip = from_hex(row.value("xor", ""));
  if (!row.contains("offset") || !row["offset"].is_number_unsigned() || !flip || flip->size() != 1) {
    return fail(std::string("a mutation has \"truncate_to\", or \"offset\" and one byte in \"xor\""));
  }
  mutation.offset = row["offset"].get<std::size_t>();
  mutation.flip = flip->front();
  return mutation;
}

Result<Bytes, std::string> CaseFiles::read(const json& row, const std::string& member) const {
  const auto named = row.find(member);
  if (named == row.end() || !named->is_string()) return fail("there is no \"" + member + "\"");
  auto bytes = read_path(named->get<std::string>());
  if (!bytes || !mutation_ || mutation_->file != member) return bytes;
  if (mutation_->length) {
    bytes->resize(std::min(bytes->size(), *mutation_->length));
  } else if (mutation_->offset < bytes->size()) {
    (*bytes)[mutation_->offset] ^= mutation_->flip;
  } else {
    return fail("there is no byte " + std::to_string(mutation_->offset) + " in " + named->get<std::string>());
  }
  return bytes;
}

Result<Bytes, std::string> CaseFiles::read_path(const std::string& path) const {
  std::error_code error;
  for (const fs::path& folder : {folder_, options_->more_files}) {
    if (!folder.empty() && fs::exists(folder / path, error)) return read_evidence_file(folder / path);
  }
  const fs::path wanted(path);
  if (wanted.parent_path() == "roots") {
    for (const ShippedFile& file : shipped_files()) {
      if (fs::path(file.name).stem() == wanted.stem()) return Bytes(file.text.begin(), file.text.end());
    }
  }
  return read_evidence_file(folder_ / path);
}

}  // namespace starminer::client::evidence
