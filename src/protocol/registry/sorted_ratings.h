// Ratings in rising order, equal ones as often as they were added, found by rank: what medians are read from. They lie
// in short sorted pieces, so that a change moves one piece at most, however many there are. Single writer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace starminer::protocol {

class SortedRatings {
 public:
  void add(std::uint32_t rating);
  /// Requires: it was added and not removed since.
  void remove(std::uint32_t rating);

  [[nodiscard]] std::size_t size() const { return size_; }
  /// The rating at a rank from 0. Requires: rank < size().
  [[nodiscard]] std::uint32_t at(std::size_t rank) const;

 private:
  using Piece = std::vector<std::uint32_t>;  // never empty

  /// The first piece that may hold the rating, or that comes behind it; end() where all ratings are smaller.
  [[nodiscard]] std::vector<Piece>::iterator piece_of(std::uint32_t rating);

  std::vector<Piece> pieces_;
  std::size_t size_ = 0;
};

}  // namespace starminer::protocol
