#include "protocol/block.h"

#include "base/codec.h"

namespace starminer::protocol {
namespace {

constexpr std::uint32_t kAppHashVersion = 2;

struct AppHashInput {
  std::uint32_t version = kAppHashVersion;
  Commitment commitment;
};

}  // namespace

Hash32 make_app_hash(const Commitment& commitment) {
  return tagged_hash("starminer/app/2", encode(AppHashInput{kAppHashVersion, commitment}));
}

}  // namespace starminer::protocol
