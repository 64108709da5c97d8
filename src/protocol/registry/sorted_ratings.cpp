#include "protocol/registry/sorted_ratings.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::protocol {
namespace {

// A piece that grows beyond this is cut into halves: long enough that few pieces are walked for a rank.
constexpr std::size_t kPieceMax = 1'024;

}  // namespace

std::vector<SortedRatings::Piece>::iterator SortedRatings::piece_of(std::uint32_t rating) {
  return std::lower_bound(pieces_.begin(), pieces_.end(), rating,
                          [](const Piece& piece, std::uint32_t wanted) { return piece.back() < wanted; });
}

void SortedRatings::add(std::uint32_t rating) {
  ++size_;
  auto piece = piece_of(rating);
  if (piece == pieces_.end()) {
    if (pieces_.empty()) pieces_.emplace_back();
    piece = pieces_.end() - 1;
  }
  piece->insert(std::upper_bound(piece->begin(), piece->end(), rating), rating);
  if (piece->size() <= kPieceMax) return;
  const auto middle = piece->begin() + static_cast<std::ptrdiff_t>(piece->size() / 2);
  Piece upper(middle, piece->end());
  piece->erase(middle, piece->end());
  pieces_.insert(piece + 1, std::move(upper));
}

void SortedRatings::remove(std::uint32_t rating) {
  const auto piece = piece_of(rating);
  STARMINER_CHECK(piece != pieces_.end());
  const auto place = std::lower_bound(piece->begin(), piece->end(), rating);
  STARMINER_CHECK(*place == rating);
  piece->erase(place);
  if (piece->empty()) pieces_.erase(piece);
  --size_;
}

std::uint32_t SortedRatings::at(std::size_t rank) const {
  STARMINER_CHECK(rank < size_);
  std::size_t piece = 0;
  while (rank >= pieces_[piece].size()) rank -= pieces_[piece++].size();
  return pieces_[piece][rank];
}

}  // namespace starminer::protocol
