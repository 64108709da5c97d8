// Text as a comparator, a form, a numeric class, a report of a container or a list of segments: each value has one
// text.
#include "verification/comparison/comparator.h"

#include "fuzz/expect.h"
#include "verification/audits/segments.h"
#include "verification/comparison/container_report.h"
#include "verification/comparison/form.h"
#include "verification/comparison/numeric_class.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace starminer;
  using namespace starminer::verification;
  const std::string_view text = fuzz::text_of(data, size);
  if (const auto comparator = parse_comparator(text))
    fuzz::expect(comparator_text(*comparator) == text, "a comparator has one text");
  if (const auto form = parse_form(text)) fuzz::expect(form_text(*form) == text, "a form has one text");
  if (const auto numeric_class = parse_class(text)) {
    fuzz::expect(class_text(*numeric_class) == text, "a class has one text");
    fuzz::expect(parse_class(text)->id() == numeric_class->id(), "a class has one id");
  }
  const ByteView bytes(data, size);
  if (const auto report = parse_container_report(bytes))
    fuzz::expect(report->agree == (report->beyond == 0), "who agrees has nothing beyond");
  if (const auto segments = parse_segments(bytes))
    fuzz::expect(segment_tree(*segments).has_value(), "a list of segments has a root");
  return 0;
}
