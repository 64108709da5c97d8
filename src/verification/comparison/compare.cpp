#include "verification/comparison/compare.h"

#include "base/codec.h"
#include "verification/comparison/container_report.h"

namespace starminer::verification {
namespace {

/// What the digest of a verdict is over.
struct Record {
  std::string comparator;
  std::string claimed_form;
  std::string recomputed_form;
  Hash32 claimed;
  Hash32 recomputed;
  Hash32 claimed_class;
  Hash32 recomputed_class;
  std::uint8_t reason = 0;
  Findings findings;
};

Hash32 class_id(const Side& side) { return side.numeric_class ? side.numeric_class->id() : Hash32{}; }

Judgement judge_report(const Container& container, const Sides& sides, const Verdict& hashes,
                       const std::optional<ByteView>& report) {
  if (!std::holds_alternative<BytesForm>(sides.claimed.form) ||
      !std::holds_alternative<BytesForm>(sides.recomputed.form)) {
    return {Reason::ComparatorUnfit, {}, "the program of a container reads both artifacts as they are"};
  }
  if (!report) return {Reason::ReportMissing, {}, {}};
  const auto found = parse_container_report(*report);
  if (!found) return {Reason::ReportUnfit, {}, "the report is not of its form"};
  if (found->image != container.image) return {Reason::ReportUnfit, {}, "the report is by another image"};
  if (found->claimed != hashes.claimed || found->recomputed != hashes.recomputed)
    return {Reason::ReportUnfit, {}, "the report is about other artifacts"};
  Judgement judgement;
  judgement.reason = found->agree ? Reason::ReportedEqual : Reason::ReportedDifferent;
  judgement.findings.compared = found->compared;
  judgement.findings.beyond = found->beyond;
  return judgement;
}

}  // namespace

Verdict compare(const Comparator& comparator, const Sides& sides, const std::optional<ByteView>& report) {
  Verdict verdict;
  verdict.claimed = sha256(sides.claimed.file);
  verdict.recomputed = sha256(sides.recomputed.file);
  const Container* const container = std::get_if<Container>(&comparator);
  Judgement judgement =
      container != nullptr ? judge_report(*container, sides, verdict, report) : judge(comparator, sides);
  verdict.reason = judgement.reason;
  verdict.findings = judgement.findings;
  verdict.detail = std::move(judgement.detail);
  const Record record{comparator_text(comparator),
                      form_text(sides.claimed.form),
                      form_text(sides.recomputed.form),
                      verdict.claimed,
                      verdict.recomputed,
                      class_id(sides.claimed),
                      class_id(sides.recomputed),
                      static_cast<std::uint8_t>(verdict.reason),
                      verdict.findings};
  verdict.digest = tagged_hash("starminer/verification/verdict/1", encode(record));
  return verdict;
}

std::optional<Form> default_form(const Comparator& comparator, ByteView file, bool is_claimed) {
  if (std::holds_alternative<Exact>(comparator) || std::holds_alternative<Container>(comparator)) return BytesForm{};
  if (std::holds_alternative<Toploc>(comparator)) {
    return is_claimed ? std::optional<Form>(ProofsForm{}) : std::nullopt;
  }
  if (const auto form = form_of_file(file)) return form;
  if (std::holds_alternative<TokenWise>(comparator)) return TokensForm{};
  return std::nullopt;
}

}  // namespace starminer::verification
