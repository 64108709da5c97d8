#include "api/http/json.h"

#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

namespace starminer::api::http {
namespace {

using Json = nlohmann::json;

/// Builds the document from the events of the parser, which keeps its own stack, and stops at the first refusal.
class Builder {
 public:
  explicit Builder(const JsonLimits& limits) : limits_(limits) {}

  bool null() { return add(nullptr); }
  bool boolean(bool value) { return add(value); }
  bool number_integer(Json::number_integer_t value) { return add(value); }
  bool number_unsigned(Json::number_unsigned_t value) { return add(value); }
  bool number_float(Json::number_float_t value, const std::string& text) {
    // An integer beyond 64 bits arrives here already rounded.
    if (text.find_first_of(".eE") == std::string::npos) return refuse("an integer does not fit in 64 bits");
    return add(value);
  }
  bool string(std::string& value) { return add(std::move(value)); }
  bool binary(Json::binary_t& /*value*/) { return refuse("binary values are not JSON"); }

  bool start_object(std::size_t /*size*/) { return open(Json::object()); }
  bool end_object() { return close(); }
  bool start_array(std::size_t /*size*/) { return open(Json::array()); }
  bool end_array() { return close(); }

  bool key(std::string& name) {
    if (!count()) return false;
    if (stack_.back()->contains(name)) return refuse(fmt::format("the key '{}' occurs twice", shorten(name)));
    key_ = std::move(name);
    return true;
  }

  bool parse_error(std::size_t position, const std::string& /*token*/, const nlohmann::detail::exception& error) {
    // 406: a number beyond the range of a double.
    return refuse(error.id == 406 ? "a number is out of range"
                                  : fmt::format("it is not valid JSON near byte {}", position));
  }

  std::optional<std::string> reason;
  Json root;

 private:
  static std::string shorten(const std::string& name) { return name.size() <= 64 ? name : name.substr(0, 61) + "..."; }

  bool refuse(std::string why) {
    reason = std::move(why);
    return false;
  }

  bool count() {
    if (++items_ > limits_.items) return refuse(fmt::format("it has more than {} values and keys", limits_.items));
    return true;
  }

  Json* place(Json&& value) {
    if (stack_.empty()) {
      root = std::move(value);
      return &root;
    }
    Json& parent = *stack_.back();
    if (parent.is_array()) {
      parent.push_back(std::move(value));
      return &parent.back();
    }
    Json& slot = parent[key_];
    slot = std::move(value);
    return &slot;
  }

  template <class T>
  bool add(T&& value) {
    if (!count()) return false;
    place(Json(std::forward<T>(value)));
    return true;
  }

  bool open(Json&& value) {
    if (!count()) return false;
    if (stack_.size() >= limits_.depth) return refuse(fmt::format("it is nested deeper than {}", limits_.depth));
    // The parent holds still while a child is open, so the pointer stays valid.
    stack_.push_back(place(std::move(value)));
    return true;
  }

  bool close() {
    stack_.pop_back();
    return true;
  }

  const JsonLimits& limits_;
  std::size_t items_ = 0;
  std::vector<Json*> stack_;
  std::string key_;
};

}  // namespace

Result<Json, Problem> parse_json(std::string_view text, const JsonLimits& limits) {
  if (text.size() > limits.bytes) {
    Problem problem = bad_request(
        "body_too_large", fmt::format("The JSON text has {} bytes; the limit is {}.", text.size(), limits.bytes));
    problem.status = 413;
    problem.title = std::string(reason_phrase(413));
    return fail(std::move(problem));
  }
  Builder builder(limits);
  if (!Json::sax_parse(text.begin(), text.end(), &builder)) {
    return fail(bad_request("bad_json",
                            fmt::format("The body is refused: {}.", builder.reason.value_or("it is not valid JSON")),
                            "Send one JSON value as described in /openapi.json."));
  }
  return std::move(builder.root);
}

}  // namespace starminer::api::http
