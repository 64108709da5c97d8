#include "api/search/filter.h"

#include <algorithm>

#include <fmt/format.h>

namespace starminer::api::search {
namespace {

struct Token {
  enum class Kind : std::uint8_t { Word, Quoted, Sign, End };
  Kind kind = Kind::End;
  std::string text{};
  std::size_t column = 1;
};

bool is_word_byte(char c) {
  const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  return letter || (c >= '0' && c <= '9') || std::string_view("._-/:+@%*#").find(c) != std::string_view::npos ||
         static_cast<unsigned char>(c) >= 0x80;
}

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

SearchError error_at(std::size_t column, std::string what, std::string advice = {}) {
  return {column, std::move(what), std::move(advice)};
}

/// Splits the text into tokens; the last one is End.
class Tokenizer {
 public:
  explicit Tokenizer(std::string_view text) : text_(text) {}

  Result<std::vector<Token>, SearchError> run() {
    std::vector<Token> tokens;
    for (;;) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      if (at_ == text_.size()) break;
      auto token = next();
      if (!token) return fail(std::move(token.error()));
      tokens.push_back(std::move(*token));
    }
    tokens.push_back({Token::Kind::End, "", text_.size() + 1});
    return tokens;
  }

 private:
  Result<Token, SearchError> next() {
    const std::size_t column = at_ + 1;
    const char c = text_[at_];
    if (is_word_byte(c)) {
      const std::size_t start = at_;
      while (at_ < text_.size() && is_word_byte(text_[at_])) ++at_;
      return Token{Token::Kind::Word, std::string(text_.substr(start, at_ - start)), column};
    }
    if (c == '"' || c == '\'') return quoted(c);
    for (const std::string_view sign : {"!=", "!~", "<=", ">=", "=", "<", ">", "~", "(", ")", "[", "]", ","}) {
      if (!text_.substr(at_).starts_with(sign)) continue;
      at_ += sign.size();
      return Token{Token::Kind::Sign, std::string(sign), column};
    }
    if (c == '&') return fail(error_at(column, "'&' means nothing here", "write: and"));
    if (c == '|') return fail(error_at(column, "'|' means nothing here", "write: or"));
    if (c == '!') return fail(error_at(column, "'!' means nothing alone", "write: not"));
    return fail(error_at(column, "this character means nothing here", "put texts with such characters into quotes"));
  }

  Result<Token, SearchError> quoted(char quote) {
    const std::size_t column = at_ + 1;
    std::string text;
    for (++at_; at_ < text_.size(); ++at_) {
      if (text_[at_] == quote) {
        ++at_;
        return Token{Token::Kind::Quoted, std::move(text), column};
      }
      if (text_[at_] == '\\' && at_ + 1 < text_.size()) ++at_;
      text += text_[at_];
    }
    return fail(error_at(column, "the text in quotes does not end", fmt::format("close it with {}", quote)));
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

bool is_number(const Value& value) { return std::holds_alternative<std::uint64_t>(value); }

bool contains(std::string_view text, std::string_view part) {
  const auto same = [](char a, char b) { return same_word({&a, 1}, {&b, 1}); };
  return std::search(text.begin(), text.end(), part.begin(), part.end(), same) != text.end() || part.empty();
}

}  // namespace

/// Recursive descent over the tokens; every function leaves `at_` behind what it has read.
class FilterParser {
 public:
  FilterParser(const Schema& schema, std::vector<Token> tokens) : schema_(schema), tokens_(std::move(tokens)) {}

  Result<Filter, SearchError> run() {
    Filter filter;
    if (here().kind == Token::Kind::End) return filter;
    auto root = any(0);
    if (!root) return fail(std::move(root.error()));
    if (here().kind != Token::Kind::End) {
      const bool closes = is_sign(")") || is_sign("]");
      return fail(error_at(here().column, closes ? "nothing is open that this closes" : "'and' or 'or' is missing"));
    }
    filter.root_ = {Kind::And, {std::move(*root)}};
    return filter;
  }

 private:
  using Part = Filter::Part;
  using Kind = Part::Kind;
  using Parsed = Result<Part, SearchError>;

  const Token& here() const { return tokens_[at_]; }
  bool is_sign(std::string_view sign) const { return here().kind == Token::Kind::Sign && here().text == sign; }
  bool is_keyword(std::string_view word) const {
    return here().kind == Token::Kind::Word && same_word(here().text, word);
  }
  bool take_sign(std::string_view sign) {
    if (!is_sign(sign)) return false;
    ++at_;
    return true;
  }
  bool take_keyword(std::string_view word) {
    if (!is_keyword(word)) return false;
    ++at_;
    return true;
  }

  Parsed any(std::size_t depth) {
    return joined("or", Kind::Or,
                  [this, depth] { return joined("and", Kind::And, [this, depth] { return one(depth); }); });
  }

  template <class Next>
  Parsed joined(std::string_view word, Kind kind, Next next) {
    auto first = next();
    if (!first || !is_keyword(word)) return first;
    Part part{kind, {std::move(*first)}};
    while (take_keyword(word)) {
      auto more = next();
      if (!more) return more;
      part.parts.push_back(std::move(*more));
    }
    return part;
  }

  Parsed one(std::size_t depth) {
    if (depth >= kFilterDepthMax) {
      return fail(error_at(here().column, fmt::format("more than {} levels deep", kFilterDepthMax)));
    }
    if (take_keyword("not")) {
      auto part = one(depth + 1);
      if (!part) return part;
      return Part{Kind::Not, {std::move(*part)}};
    }
    if (!take_sign("(")) return test();
    auto part = any(depth + 1);
    if (!part) return part;
    if (!take_sign(")")) return fail(error_at(here().column, "a ')' is missing"));
    return part;
  }

  Parsed test() {
    const Token name = here();
    if (name.kind != Token::Kind::Word) {
      return fail(error_at(name.column, "the name of a field must stand here", "for example: gpus >= 4"));
    }
    const auto field = find_field(schema_, name.text);
    if (!field) return fail(no_such_field(schema_, name.text, name.column));
    ++at_;
    if (++tests_ > kFilterTestsMax)
      return fail(error_at(name.column, fmt::format("more than {} tests", kFilterTestsMax)));
    const Field& asked = schema_[*field];
    Part part{Kind::Test, {}, *field, asked.kind, Operator::Equal};
    const bool negated = is_keyword("not");
    const std::size_t back = at_;
    if (negated) ++at_;
    if (take_keyword("in")) return finish(list(std::move(part)), negated);
    at_ = back;
    return comparison(std::move(part));
  }

  static Parsed finish(Parsed part, bool negated) {
    if (!part || !negated) return part;
    return Part{Kind::Not, {std::move(*part)}};
  }

  Parsed comparison(Part part) {
    const Field& field = schema_[part.field];
    const Token sign = here();
    bool negated = false;
    if (sign.kind != Token::Kind::Sign || sign.text == "(" || sign.text == ")" || sign.text == ",") {
      if (field.kind == FieldKind::Flag) {
        part.values.push_back({0, true, {}});
        return part;
      }
      return fail(error_at(sign.column, fmt::format("behind '{}' a comparison is missing", field.name),
                           field.kind == FieldKind::Number
                               ? fmt::format("for example: {} >= {}", field.name, example_of(field.quantity))
                               : fmt::format("for example: {} = VALUE, {} in [A, B]", field.name, field.name)));
    }
    if (sign.text == "=") {
      part.compare = Operator::Equal;
    } else if (sign.text == "!=") {
      negated = true;
    } else if (sign.text == "~" || sign.text == "!~") {
      part.compare = Operator::Contains;
      negated = sign.text == "!~";
    } else if (sign.text == "<" || sign.text == "<=") {
      part.compare = sign.text == "<" ? Operator::Less : Operator::LessEqual;
    } else if (sign.text == ">" || sign.text == ">=") {
      part.compare = sign.text == ">" ? Operator::Greater : Operator::GreaterEqual;
    } else {
      return fail(error_at(sign.column, fmt::format("'{}' means nothing here", sign.text), "a list follows 'in'"));
    }
    if (auto fits = check_operator(part, sign); !fits) return fail(std::move(fits.error()));
    ++at_;
    if (auto value = take_value(part); !value) return fail(std::move(value.error()));
    return finish(std::move(part), negated);
  }

  Result<void, SearchError> check_operator(const Part& part, const Token& sign) const {
    const Field& field = schema_[part.field];
    const bool orders = part.compare != Operator::Equal && part.compare != Operator::Contains;
    if (part.compare == Operator::Contains && (field.kind == FieldKind::Number || field.kind == FieldKind::Flag)) {
      return fail(error_at(sign.column, fmt::format("'{}' is no text", field.name), "use = or !="));
    }
    if (orders && field.kind != FieldKind::Number) {
      return fail(error_at(sign.column, fmt::format("'{}' is no number", field.name),
                           field.kind == FieldKind::Flag ? "use = or !=" : "use =, !=, ~ (contains) or in [A, B]"));
    }
    return {};
  }

  Parsed list(Part part) {
    if (!take_sign("[")) {
      return fail(error_at(here().column, "a list in brackets must follow 'in'", "for example: class in [H100, A100]"));
    }
    do {
      if (auto value = take_value(part); !value) return fail(std::move(value.error()));
    } while (take_sign(","));
    if (!take_sign("]")) return fail(error_at(here().column, "',' or ']' is missing"));
    return part;
  }

  Result<void, SearchError> take_value(Part& part) {
    const Field& field = schema_[part.field];
    const Token token = here();
    if (token.kind == Token::Kind::End || token.kind == Token::Kind::Sign) {
      return fail(error_at(token.column, fmt::format("a value for '{}' is missing", field.name)));
    }
    if (++values_ > kFilterValuesMax) {
      return fail(error_at(token.column, fmt::format("more than {} values", kFilterValuesMax)));
    }
    ++at_;
    switch (field.kind) {
      case FieldKind::Number: return take_number(part, field, token);
      case FieldKind::Flag: return take_flag(part, field, token);
      default: return take_word(part, field, token);
    }
  }

  Result<void, SearchError> take_number(Part& part, const Field& field, const Token& token) {
    std::string text = token.text;
    // "24 GiB" is two words and one number.
    const bool digits_only = text.find_first_not_of("0123456789.") == std::string::npos;
    if (digits_only && here().kind == Token::Kind::Word && !is_keyword("and") && !is_keyword("or")) {
      if (parse_number(field.quantity, text + here().text)) {
        text += here().text;
        ++at_;
      }
    }
    const auto number = parse_number(field.quantity, text);
    if (!number) return fail(error_at(token.column, fmt::format("{}: {}", field.name, number.error())));
    part.values.push_back({*number, false, {}});
    return {};
  }

  static Result<void, SearchError> take_flag(Part& part, const Field& field, const Token& token) {
    const bool yes = same_word(token.text, "true") || same_word(token.text, "yes");
    if (!yes && !same_word(token.text, "false") && !same_word(token.text, "no")) {
      return fail(error_at(token.column, fmt::format("'{}' is true or false", field.name)));
    }
    part.values.push_back({0, yes, {}});
    return {};
  }

  static Result<void, SearchError> take_word(Part& part, const Field& field, const Token& token) {
    const auto exists = [&](const std::string& known) {
      return field.kind == FieldKind::Place ? lies_in(known, token.text) : same_word(known, token.text);
    };
    const bool known = field.known.empty() || part.compare == Operator::Contains ||
                       std::any_of(field.known.begin(), field.known.end(), exists);
    if (!known) {
      const std::string near = nearest(token.text, field.known);
      std::string all;
      for (const std::string& value : field.known) all += (all.empty() ? "" : ", ") + value;
      return fail(error_at(token.column, fmt::format("no {} is called '{}'", field.name, token.text),
                           near.empty() ? fmt::format("there are: {}", all)
                                        : fmt::format("did you mean '{}'? there are: {}", near, all)));
    }
    part.values.push_back({0, false, token.text});
    return {};
  }

  const Schema& schema_;
  std::vector<Token> tokens_;
  std::size_t at_ = 0;
  std::size_t tests_ = 0;
  std::size_t values_ = 0;
};

Result<Filter, SearchError> Filter::parse(const Schema& schema, std::string_view text) {
  if (text.size() > kFilterBytesMax) {
    return fail(error_at(kFilterBytesMax + 1, fmt::format("longer than {} bytes", kFilterBytesMax)));
  }
  auto tokens = Tokenizer(text).run();
  if (!tokens) return fail(std::move(tokens.error()));
  return FilterParser(schema, std::move(*tokens)).run();
}

bool Filter::test(const Part& part, const Value& value) {
  const auto word_matches = [&part](std::string_view word, const Literal& literal) {
    if (part.compare == Operator::Contains) return contains(word, literal.word);
    return part.field_kind == FieldKind::Place ? lies_in(word, literal.word) : same_word(word, literal.word);
  };
  return std::any_of(part.values.begin(), part.values.end(), [&](const Literal& literal) {
    if (is_number(value)) {
      const u128 number = u128{std::get<std::uint64_t>(value)} * kLiteralParts;
      switch (part.compare) {
        case Operator::Less: return number < literal.number;
        case Operator::LessEqual: return number <= literal.number;
        case Operator::Greater: return number > literal.number;
        case Operator::GreaterEqual: return number >= literal.number;
        default: return number == literal.number;
      }
    }
    if (const bool* flag = std::get_if<bool>(&value)) return *flag == literal.flag;
    if (const auto* word = std::get_if<std::string_view>(&value)) return word_matches(*word, literal);
    const auto& words = *std::get<const std::vector<std::string>*>(value);
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return word_matches(word, literal); });
  });
}

bool Filter::holds(const Part& part, const Read& read) {
  const auto inner = [&read](const Part& one) { return holds(one, read); };
  switch (part.kind) {
    case Part::Kind::And: return std::all_of(part.parts.begin(), part.parts.end(), inner);
    case Part::Kind::Or: return std::any_of(part.parts.begin(), part.parts.end(), inner);
    case Part::Kind::Not: return !holds(part.parts.front(), read);
    case Part::Kind::Test: return test(part, read(part.field));
  }
  return false;
}

bool Filter::passes(const Read& read) const { return holds(root_, read); }

void Filter::collect(const Part& part, std::set<std::size_t>& out) {
  if (part.kind == Part::Kind::Test) out.insert(part.field);
  for (const Part& inner : part.parts) collect(inner, out);
}

std::set<std::size_t> Filter::fields() const {
  std::set<std::size_t> fields;
  collect(root_, fields);
  return fields;
}

}  // namespace starminer::api::search
