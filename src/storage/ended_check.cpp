#include "storage/ended_check.h"

#include <algorithm>
#include <random>

#include "base/codec.h"

namespace starminer::storage {

EndedCheck::EndedCheck() {
  std::random_device device;
  for (std::uint8_t& byte : secret_) byte = static_cast<std::uint8_t>(device());
}

void EndedCheck::toggle(ByteView key, ByteView value) {
  Bytes bytes(secret_.begin(), secret_.end());
  codec::put(Bytes(key.begin(), key.end()), bytes);
  bytes.insert(bytes.end(), value.begin(), value.end());
  const Hash32 hash = sha256(bytes);
  for (std::size_t i = 0; i < hash.bytes.size(); ++i) balance_.bytes[i] ^= hash.bytes[i];
}

void EndedCheck::expect(ByteView leaf, std::uint64_t history_index) {
  for (const EndedEntry& entry : ended_entries(leaf, {history_index, 0, {}})) {
    // Height and time are known with the block; the rest is compared here.
    toggle(entry.key, has_place(entry.key) ? ByteView(encode(history_index)) : ByteView(entry.value));
  }
}

bool EndedCheck::take(ByteView key, ByteView value) {
  if (!has_place(key)) {
    toggle(key, value);
    return true;
  }
  const auto place = decode<EndedPlace>(value);
  if (!place) return false;
  places_.push_back(*place);
  toggle(key, encode(place->history_index));
  return true;
}

bool EndedCheck::take_block(const std::pair<std::uint64_t, std::uint64_t>& leaves, std::uint64_t height, TimeMs time) {
  if (!sorted_) {
    std::sort(places_.begin(), places_.end(),
              [](const EndedPlace& a, const EndedPlace& b) { return a.history_index < b.history_index; });
    sorted_ = true;
  }
  for (; judged_ < places_.size() && places_[judged_].history_index < leaves.second; ++judged_) {
    const EndedPlace& place = places_[judged_];
    if (place.history_index < leaves.first || place.height != height || place.time != time) return false;
  }
  return true;
}

bool EndedCheck::is_whole() const { return balance_.is_zero() && judged_ == places_.size(); }

}  // namespace starminer::storage
