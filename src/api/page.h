// Pages of lists that come out of the state and of the history together: ids in the order of the list, in pieces, and
// rows read one by one, so that the state is held only for short moments. Any thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "storage/storage_error.h"

namespace starminer::api {

/// Rows that one page of such a list looks at: a filter that few rows pass gives shorter pages, not longer waits.
inline constexpr std::size_t kPageScanMax = 4'000;

template <class Id>
struct Page {
  std::optional<Id> after;  // what the ids must stand behind
  std::uint64_t limit = 0;  // objects in the answer
  std::size_t chunk = 0;    // ids asked for now
};

/// `next(page)` gives up to `chunk` ids behind `after`, fewer only at the end of the list; `read(id)` gives an object,
/// null for a row that the filter leaves out, and nothing where the row is gone. {"<name>": [...], "next": id or null}.
/// Fails where one of them does.
template <class Id, class Next, class Read>
[[nodiscard]] Result<nlohmann::json, storage::StorageError> list_page(const char* name, Page<Id> page, Next next,
                                                                      Read read) {
  nlohmann::json objects = nlohmann::json::array();
  bool ended = false;
  for (std::size_t scanned = 0; !ended && objects.size() < page.limit && scanned < kPageScanMax;) {
    // One id more than the page has room for tells whether this is the last page.
    page.chunk = static_cast<std::size_t>(page.limit) - objects.size() + 1;
    const auto ids = next(page);
    if (!ids) return fail(ids.error());
    ended = ids->size() < page.chunk;
    for (const Id& id : *ids) {
      if (objects.size() >= page.limit) {
        ended = false;
        break;
      }
      page.after = id;
      ++scanned;
      auto object = read(id);
      if (!object) return fail(object.error());
      if (*object && !(*object)->is_null()) objects.push_back(std::move(**object));
    }
  }
  nlohmann::json next_after;
  if (!ended && page.after) next_after = page.after->text();
  return nlohmann::json{{name, std::move(objects)}, {"next", std::move(next_after)}};
}

}  // namespace starminer::api
