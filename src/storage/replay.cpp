#include "storage/replay.h"

#include <fmt/format.h>

#include "protocol/replay.h"

namespace starminer::storage {

Result<ReplayReport, std::string> replay(const ChainStore& store, const protocol::Genesis& genesis,
                                         const std::function<void(std::uint64_t height)>& progress) {
  const auto tip = store.tip();
  if (!tip) return fail(std::string("the store has no genesis"));
  auto replay = protocol::Replay::start(genesis);
  if (!replay) return fail(std::move(replay.error()));
  ReplayReport report;
  for (std::uint64_t height = 0; height <= tip->height; ++height) {
    const auto found = store.find_block(height);
    if (!found) return fail(found.error().text);
    if (!*found) return fail(fmt::format("block {} is missing", height));
    const auto& block = *found;
    if (height == 0) {
      if (const auto same = replay->check_genesis(*block); !same) return fail(describe(same.error()));
    } else {
      if (const auto result = replay->apply(*block); !result) return fail(describe(result.error()));
    }
    ++report.blocks;
    report.transactions += block->transactions.size();
    if (progress) progress(height);
  }
  report.app_hash = replay->machine().app_hash();
  return report;
}

}  // namespace starminer::storage
