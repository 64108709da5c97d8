// Result of an operation that may fail in an expected way: a value or an error, never an exception.
// src/base and src/protocol throw nothing; edges that use throwing libraries convert at the call site.
#pragma once

#include <utility>

#include <tl/expected.hpp>

namespace starminer {

template <class T, class E>
using Result = tl::expected<T, E>;

template <class E>
[[nodiscard]] auto fail(E&& error) {
  return tl::unexpected<std::decay_t<E>>(std::forward<E>(error));
}

}  // namespace starminer
