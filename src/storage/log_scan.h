// Everything that is whole in a block log, however damaged the rest is: what a repair takes blocks from. Reads only.
#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"

namespace starminer::storage {

struct LogDamage {
  std::string text;           // file, offset and what is wrong
  std::uint64_t through = 0;  // no block above this height is touched by it
};

class LogScan {
 public:
  /// Where the payload of a whole record lies.
  struct Place {
    std::filesystem::path file;
    std::uint64_t offset = 0;
    std::uint64_t bytes = 0;
  };

  /// `folder` holds segments and their salt. Salts of other logs of the chain serve where its own is damaged: a copy of
  /// a folder has the same.
  LogScan(const std::filesystem::path& folder, const std::vector<Hash32>& other_salts);
  /// The salt of a log, if it is whole.
  [[nodiscard]] static std::optional<Hash32> salt_of(const std::filesystem::path& folder);

  [[nodiscard]] const std::map<std::uint64_t, Place>& records() const { return records_; }  // by height
  [[nodiscard]] const std::vector<LogDamage>& damage() const { return damage_; }
  /// Where a record was begun and nothing stands behind it: it was never acknowledged. Empty: nowhere.
  [[nodiscard]] const std::string& torn() const { return torn_; }
  /// Nothing where it cannot be read any more.
  [[nodiscard]] static std::optional<Bytes> read(const Place& place);

 private:
  void read_segment(const std::filesystem::path& file, bool last, const std::vector<Hash32>& salts);

  std::uint64_t expected_ = 0;
  std::map<std::uint64_t, Place> records_;
  std::vector<LogDamage> damage_;
  std::string torn_;
};

}  // namespace starminer::storage
