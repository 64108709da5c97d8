// What the output can show: is it a terminal, does it take colour and Unicode, how wide is it. Every command asks here,
// so that a pipe or a file never gets colour, a spinner or a prompt (NO_COLOR and TERM=dumb are respected).
// Capabilities are found once and then passed explicitly; a Terminal is a value without hidden state, one thread each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace starminer::terminal {

enum class ColorMode : std::uint8_t { Auto, Always, Never };

enum class Style : std::uint8_t { Plain, Strong, Dim, Good, Warning, Bad, Accent };

/// What detection looks at. Filled from the process by `probe`, or by a test.
struct Surroundings {
  bool is_terminal = false;
  /// Columns as the terminal driver reports them; 0 if unknown.
  std::size_t columns = 0;
  std::optional<std::string> no_color;
  std::optional<std::string> term;
  std::optional<std::string> columns_variable;
  /// The first set of LC_ALL, LC_CTYPE, LANG.
  std::optional<std::string> locale;
};

struct Capabilities {
  bool interactive = false;  ///< spinners and bars may redraw, prompts may ask
  bool color = false;
  bool unicode = false;
  std::size_t width = 80;
};

/// The facts of a file descriptor (1 for standard output, 2 for standard error) and of the environment.
[[nodiscard]] Surroundings probe(int descriptor);

/// A non-empty NO_COLOR switches colour off in Auto; ColorMode::Always wins over it, as the user asked for it last.
[[nodiscard]] Capabilities detect(const Surroundings& surroundings, ColorMode mode);

/// One output with its capabilities. Holds a reference to the stream, which must outlive it.
class Terminal {
 public:
  Terminal(std::ostream& stream, const Capabilities& capabilities) : stream_(&stream), capabilities_(capabilities) {}

  [[nodiscard]] static Terminal standard_output(ColorMode mode);
  [[nodiscard]] static Terminal standard_error(ColorMode mode);

  [[nodiscard]] bool interactive() const { return capabilities_.interactive; }
  [[nodiscard]] bool color() const { return capabilities_.color; }
  [[nodiscard]] bool unicode() const { return capabilities_.unicode; }
  /// Columns of a line; tables are cut to it only when interactive.
  [[nodiscard]] std::size_t width() const { return capabilities_.width; }
  [[nodiscard]] std::ostream& stream() const { return *stream_; }

  /// The text in this style, or the bare text where the output has no colour.
  [[nodiscard]] std::string paint(Style style, std::string_view text) const;
  /// A tick, a cross or a bullet, in ASCII where the locale is not UTF-8.
  [[nodiscard]] std::string tick() const;
  [[nodiscard]] std::string cross() const;
  [[nodiscard]] std::string bullet() const;

  /// Writes one line and flushes it.
  void line(std::string_view text) const;

 private:
  std::ostream* stream_;
  Capabilities capabilities_;
};

}  // namespace starminer::terminal
