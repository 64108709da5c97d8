// A filter: which rows of a list are asked for. Grammar (words without regard to case):
//   filter = all { "or" all }        all = one { "and" one }        one = "not" one | "(" filter ")" | test
//   test   = field ["=" | "!=" | "<" | "<=" | ">" | ">=" | "~" | "!~"] value
//          | field ["not"] "in" "[" value { "," value } "]"         | field            (a field that is true or false)
//   value  = word | "text in quotes"          "~" holds where the text contains the value
// "and" binds more strongly than "or". A filter has a bounded size and costs a bounded time per row. Immutable.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "api/search/field.h"

namespace starminer::api::search {

inline constexpr std::size_t kFilterBytesMax = 2'000;
inline constexpr std::size_t kFilterTestsMax = 64;
inline constexpr std::size_t kFilterValuesMax = 256;
inline constexpr std::size_t kFilterDepthMax = 16;

/// Their opposites are written with "not".
enum class Operator : std::uint8_t { Equal, Less, LessEqual, Greater, GreaterEqual, Contains };

class Filter {
 public:
  /// Lets everything pass.
  Filter() = default;
  /// The schema may go after the call. An empty text lets everything pass.
  [[nodiscard]] static Result<Filter, SearchError> parse(const Schema& schema, std::string_view text);

  /// Gives the value of the field at this position of the schema, of the kind that the schema says.
  using Read = std::function<Value(std::size_t)>;
  [[nodiscard]] bool passes(const Read& read) const;
  /// Fields that the filter looks at.
  [[nodiscard]] std::set<std::size_t> fields() const;
  [[nodiscard]] bool passes_all() const { return root_.parts.empty(); }

 private:
  friend class FilterParser;
  struct Literal {
    u128 number = 0;
    bool flag = false;
    std::string word;
  };
  struct Part {
    enum class Kind : std::uint8_t { And, Or, Not, Test };
    Kind kind = Kind::And;
    std::vector<Part> parts{};
    std::size_t field = 0;
    FieldKind field_kind{};
    Operator compare{};
    std::vector<Literal> values{};  // holds where it holds for one of them
  };
  [[nodiscard]] static bool holds(const Part& part, const Read& read);
  [[nodiscard]] static bool test(const Part& part, const Value& value);
  static void collect(const Part& part, std::set<std::size_t>& out);

  Part root_{};  // an And of nothing is true
};

}  // namespace starminer::api::search
