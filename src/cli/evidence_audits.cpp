// evidence segments, draw, bond, product: the arithmetic of an audit, repeated by hand. No network.
#include <array>
#include <memory>
#include <optional>
#include <ostream>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "cli/artifact_file.h"
#include "cli/commands.h"
#include "cli/json_view.h"
#include "cli/outcome.h"
#include "terminal/key_values.h"
#include "terminal/table.h"
#include "verification/audits/bonds.h"
#include "verification/audits/detection.h"
#include "verification/audits/lottery.h"
#include "verification/audits/product.h"
#include "verification/audits/segments.h"
#include "verification/comparison/npy.h"

namespace starminer::cli {
namespace {

using config::ExitCode;
using config::Invocation;
using nlohmann::json;
using verification::kSegmentsMax;
using verification::Segment;

Outcome<Hash32> hash_of(const char* option, const std::string& text) {
  const auto hash = Hash32::from_hex(text);
  if (hash) return *hash;
  return fail(
      usage_trouble(fmt::format("{} \"{}\" is no hash", option, text), "it has 64 lower-case hexadecimal digits"));
}

Outcome<JobId> job_of(const std::string& text) {
  const auto job = JobId::parse(text);
  if (job) return *job;
  return fail(usage_trouble(fmt::format("\"{}\" is no job", text), "a job begins with j1"));
}

std::string percent(Ppm share) { return fmt::format("{}.{:04} %", share.value / 10'000, share.value % 10'000); }

// ---- segments

struct SegmentsRequest {
  std::string file;
  std::string other;
  std::string job;
  std::string provider;
  std::string salt;
};

Outcome<std::vector<Segment>> read_segments(const std::string& name) {
  const auto file = read_artifact(name);
  if (!file) return fail(file.error());
  auto segments = verification::parse_segments(*file);
  if (!segments) return fail(usage_trouble(fmt::format("{} is no list of segments", name), segments.error()));
  return std::move(*segments);
}

/// The seal where job, provider and salt are given, all or none.
Outcome<std::optional<Hash32>> seal_of(const SegmentsRequest& request, const Hash32& root) {
  const std::array<bool, 3> given = {!request.job.empty(), !request.provider.empty(), !request.salt.empty()};
  if (!given[0] && !given[1] && !given[2]) return std::nullopt;
  if (!given[0] || !given[1] || !given[2])
    return fail(usage_trouble("a seal needs --job, --provider and --salt", "only some of them are given"));
  const auto job = job_of(request.job);
  if (!job) return fail(job.error());
  const auto provider = AccountId::parse(request.provider);
  if (!provider) {
    return fail(usage_trouble(fmt::format("\"{}\" is no address", request.provider), "an address begins with sm1"));
  }
  const auto salt = hash_of("--salt", request.salt);
  if (!salt) return fail(salt.error());
  return verification::sealed_root({*job, *provider, root, *salt});
}

ExitCode show_segments(const Invocation& call, const SegmentsRequest& request) {
  const auto segments = read_segments(request.file);
  if (!segments) return report(call, segments.error());
  const Hash32 root = verification::segment_tree(*segments)->root();
  const auto seal = seal_of(request, root);
  if (!seal) return report(call, seal.error());
  std::uint64_t metered = 0;
  for (const Segment& segment : *segments) metered = saturating_add(metered, segment.metered_ms);
  std::optional<std::uint64_t> parting;
  if (!request.other.empty()) {
    const auto other = read_segments(request.other);
    if (!other) return report(call, other.error());
    parting = verification::first_parting(*segments, *other);
  }
  const ExitCode code = parting ? ExitCode::Mismatch : ExitCode::Ok;
  if (call.json) {
    call.out.line(compact({{"segments", segments->size()},
                           {"metered_ms", metered},
                           {"root", root.hex()},
                           {"seal", *seal ? json((*seal)->hex()) : json()},
                           {"first_parting", parting ? json(*parting) : json()}}));
    return code;
  }
  terminal::KeyValues lines;
  lines.add("Segments", fmt::format("{}, {} ms metered", segments->size(), metered));
  lines.add("Root", root.hex());
  if (*seal) lines.add("Seal", (*seal)->hex());
  call.out.stream() << lines.render(call.out);
  if (!request.other.empty()) {
    call.out.line(parting ? fmt::format("{} the lists part at segment {}", call.out.cross(), *parting)
                          : fmt::format("{} both lists are the same", call.out.tick()));
  }
  return code;
}

// ---- draw

struct DrawRequest {
  std::string job;
  std::vector<std::string> seeds;
  std::uint64_t segments = 0;
  std::optional<std::uint64_t> drawn;
  std::optional<std::uint64_t> credibility;
  std::optional<Ppm> rate;
};

struct Draw {
  JobId job;
  verification::LotterySeeds seeds;
  Ppm rate;  // where a credibility is given
  std::uint64_t drawn = 0;
};

Outcome<Draw> draw_of(const DrawRequest& request) {
  Draw draw;
  const auto job = job_of(request.job);
  if (!job) return fail(job.error());
  draw.job = *job;
  if (request.seeds.size() != draw.seeds.size()) {
    return fail(usage_trouble(
        fmt::format("{} seeds are given", request.seeds.size()),
        "a lottery has four: of the blocks 2, 3, 4 and 5 behind the one of the commitment, in this order"));
  }
  for (std::size_t i = 0; i < draw.seeds.size(); ++i) {
    const auto seed = hash_of("--seed", request.seeds[i]);
    if (!seed) return fail(seed.error());
    draw.seeds[i] = *seed;
  }
  if (request.segments == 0 || request.segments > kSegmentsMax) {
    return fail(usage_trouble(fmt::format("a result of {} segments is not drawn from", request.segments),
                              fmt::format("it has 1 to {}", kSegmentsMax)));
  }
  if (request.drawn.has_value() == request.credibility.has_value()) {
    return fail(usage_trouble("how many segments are drawn is not said",
                              "give --drawn, or --credibility with or without --rate"));
  }
  if (request.drawn) {
    if (request.rate) return fail(usage_trouble("--rate goes with --credibility", "--drawn says already how many"));
    draw.drawn = *request.drawn;
  } else {
    draw.rate = request.rate ? *request.rate : verification::audit_rate(*request.credibility);
    if (draw.rate.value > kPpm)
      return fail(usage_trouble("--rate is more than 100 %", "a share of jobs is at most all of them"));
    draw.drawn = verification::segments_to_draw(request.segments, draw.rate, *request.credibility);
  }
  if (draw.drawn > request.segments) {
    return fail(usage_trouble(fmt::format("{} of {} segments cannot be drawn", draw.drawn, request.segments),
                              "none is drawn twice"));
  }
  return draw;
}

ExitCode show_draw(const Invocation& call, const DrawRequest& request) {
  const auto draw = draw_of(request);
  if (!draw) return report(call, draw.error());
  const auto drawn = verification::draw_segments(draw->seeds, draw->job, request.segments, draw->drawn);
  // Who skips a tenth or a half of the segments, rounded up.
  const auto found = [&](std::uint64_t divisor) {
    const std::uint64_t skipped = (request.segments + divisor - 1) / divisor;
    return verification::segment_detection_biased({request.segments, skipped, draw->drawn});
  };
  if (call.json) {
    json rows = json::array();
    for (const auto& one : drawn) {
      rows.push_back({{"segment", one.index}, {"block", protocol::kAuditFirstBlock + one.block}});
    }
    call.out.line(compact({{"segments", request.segments},
                           {"drawn", std::move(rows)},
                           {"rate_ppm", request.credibility ? json(draw->rate.value) : json()},
                           {"found_ppm", {{"skips_tenth", found(10).value}, {"skips_half", found(2).value}}}}));
    return ExitCode::Ok;
  }
  terminal::Table table({{"DRAW"}, {"SEGMENT"}, {"BY THE BLOCK"}});
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    table.add({{std::to_string(i)},
               {std::to_string(drawn[i].index)},
               {fmt::format("commitment + {}", protocol::kAuditFirstBlock + drawn[i].block)}});
  }
  call.out.stream() << table.render(call.out);
  call.out.line(
      fmt::format("{} of {} segments; who skips a tenth of them is met with {}, who skips half with {}, even if "
                  "one of the draws is somebody's choice",
                  draw->drawn, request.segments, percent(found(10)), percent(found(2))));
  return ExitCode::Ok;
}

// ---- bond

struct BondRequest {
  Agpu price;
  Agpu value;
  std::optional<Agpu> cost;
  Agpu lazy_value;
  Agpu target;
  std::uint64_t segments = 1;
  std::uint64_t drawn = 1;
  std::optional<Agpu> fee;
  std::uint64_t members = 5;
  Ppm dishonest{200'000};
  std::optional<Ppm> detection;
  Ppm judged_right{800'000};
  Ppm finder{200'000};
  Ppm restitution{200'000};
  Ppm floor{400'000};
  Ppm trap{50'000};
  Ppm leak{1'000'000};
  std::chrono::milliseconds window{3'600'000};
  Ppm yearly_rate{100'000};
};

struct BondFigures {
  verification::Bounds bounds;
  std::optional<Agpu> verifier;
  std::optional<Agpu> challenge;
  Agpu fee;
  Ppm detection;
};

Outcome<BondFigures> bond_figures(const BondRequest& request) {
  for (const Ppm share : {request.dishonest, request.judged_right, request.finder, request.restitution, request.floor,
                          request.trap, request.leak, request.detection.value_or(Ppm{})}) {
    if (share.value > kPpm) return fail(usage_trouble("a share is more than 100 %", "shares are parts of a whole"));
  }
  if (request.price.is_zero())
    return fail(usage_trouble("--price is zero", "a bond is for a job that costs something"));
  if (request.segments == 0 || request.segments > kSegmentsMax || request.drawn > request.segments) {
    return fail(usage_trouble(fmt::format("{} of {} segments cannot be drawn", request.drawn, request.segments),
                              fmt::format("a result has 1 to {}, and none is drawn twice", kSegmentsMax)));
  }
  if (request.members % 2 == 0 || request.members > verification::kCommitteeMax) {
    return fail(usage_trouble(fmt::format("a committee of {} is not drawn", request.members),
                              fmt::format("its number is odd and at most {}", verification::kCommitteeMax)));
  }
  const Agpu cost = request.cost.value_or(request.price);
  if (cost > request.price) return fail(usage_trouble("--cost is more than --price", "nobody works at a loss"));
  BondFigures figures;
  // A quarter above the metered price of a segment (verification.md section 4.5).
  figures.fee = request.fee.value_or(
      Agpu{mul_div(request.price.base, 5, 4 * request.segments, Rounding::Ceil).value_or(kAmountMax)});
  figures.detection = request.detection.value_or(request.drawn > 0 ? request.judged_right : Ppm{});
  figures.bounds.whole_job =
      verification::whole_job_bond({request.price, request.value, figures.detection, request.finder});
  figures.bounds.segments =
      verification::segment_bond({request.price, cost, request.lazy_value, request.judged_right, request.finder});
  figures.bounds.targeted = verification::targeted_bond(
      {request.target, request.segments, request.drawn, request.judged_right, request.finder});
  figures.bounds.solvency =
      verification::solvency_bond({request.members, figures.fee, request.finder, request.restitution, request.floor});
  figures.verifier =
      verification::verifier_bond({Agpu{mul_div(cost.base, 1, request.segments, Rounding::Ceil).value_or(kAmountMax)},
                                   figures.fee, request.trap, request.leak});
  figures.challenge = verification::challenge_bond({request.members,
                                                    figures.fee,
                                                    request.price,
                                                    {static_cast<std::uint64_t>(request.window.count())},
                                                    request.yearly_rate});
  return figures;
}

std::string amount_text(const std::optional<Agpu>& bond) { return bond ? agpu(bond->base) : "no bond is enough"; }
json amount_json(const std::optional<Agpu>& bond) { return bond ? json(std::to_string(bond->base)) : json(); }

ExitCode show_bond(const Invocation& call, const BondRequest& request) {
  const auto figures = bond_figures(request);
  if (!figures) return report(call, figures.error());
  const auto largest = verification::largest_bound(figures->bounds);
  const std::uint64_t wrong_part = verification::wrong_majority(request.members, request.dishonest);
  const auto wrong_ppm = static_cast<std::uint64_t>((u128{wrong_part} * kPpm + (u128{1} << 63)) >> 64);
  const auto& bounds = figures->bounds;
  if (call.json) {
    call.out.line(compact({{"bond", largest ? amount_json(largest->bond) : json()},
                           {"binds", largest ? json(bound_name(largest->binds)) : json()},
                           {"whole_job", amount_json(bounds.whole_job)},
                           {"segments", amount_json(bounds.segments)},
                           {"targeted", amount_json(bounds.targeted)},
                           {"solvency", amount_json(bounds.solvency)},
                           {"verifier_bond", amount_json(figures->verifier)},
                           {"challenge_bond", amount_json(figures->challenge)},
                           {"fee", amount_json(figures->fee)},
                           {"detection_ppm", figures->detection.value},
                           {"wrong_majority_ppm", wrong_ppm}}));
    return ExitCode::Ok;
  }
  terminal::KeyValues lines;
  lines.add("Bond", largest
                        ? fmt::format("{}, by the bound \"{}\"", agpu(largest->bond.base), bound_name(largest->binds))
                        : "no bond is enough");
  lines.add("Whole job",
            fmt::format("{}: a cheat is found with {}", amount_text(bounds.whole_job), percent(figures->detection)));
  lines.add("Segments", fmt::format("{}: skipping any part gains less than doing it", amount_text(bounds.segments)));
  lines.add("Targeted", fmt::format("{}: {} of {} segments are drawn", amount_text(bounds.targeted), request.drawn,
                                    request.segments));
  lines.add("Solvency", fmt::format("{}: {} verifiers at {} are paid out of it", amount_text(bounds.solvency),
                                    request.members, agpu(figures->fee.base)));
  lines.add("Verifier's bond", amount_text(figures->verifier));
  lines.add("Challenger's bond", amount_text(figures->challenge));
  lines.add("Committee", fmt::format("{} members err with {} where each is dishonest with {}", request.members,
                                     percent({wrong_ppm}), percent(request.dishonest)));
  call.out.stream() << lines.render(call.out) << std::flush;
  return ExitCode::Ok;
}

// ---- product

struct ProductRequest {
  std::string a;
  std::string b;
  std::string c;
  std::string seed;
  std::uint32_t rounds = 1;
};

struct ProductFiles {
  std::array<Bytes, 3> files;
  std::array<verification::Tensor, 3> matrices;
  Hash32 seed;
};

Outcome<std::unique_ptr<ProductFiles>> read_product(const ProductRequest& request) {
  auto product = std::make_unique<ProductFiles>();
  const auto seed = hash_of("--seed", request.seed);
  if (!seed) return fail(seed.error());
  product->seed = *seed;
  if (request.rounds == 0 || request.rounds > verification::kFreivaldsRoundsMax) {
    return fail(usage_trouble(fmt::format("{} rounds are not made", request.rounds),
                              fmt::format("there are 1 to {}", verification::kFreivaldsRoundsMax)));
  }
  const std::array<const std::string*, 3> names = {&request.a, &request.b, &request.c};
  for (std::size_t i = 0; i < names.size(); ++i) {
    auto file = read_artifact(*names[i]);
    if (!file) return fail(file.error());
    product->files[i] = std::move(*file);
    auto matrix = verification::parse_npy(product->files[i]);
    if (!matrix) return fail(usage_trouble(fmt::format("{} is no matrix", *names[i]), matrix.error()));
    product->matrices[i] = std::move(*matrix);
  }
  return product;
}

ExitCode check_matrices(const Invocation& call, const ProductRequest& request) {
  using verification::ProductOutcome;
  const auto product = read_product(request);
  if (!product) return report(call, product.error());
  const auto& [a, b, c] = (*product)->matrices;
  const auto check = verification::check_product({a, b, c}, (*product)->seed, request.rounds);
  switch (check.outcome) {
    case ProductOutcome::NoIntegers:
      return report(
          call, usage_trouble("floating-point matrices are not checked", "the check is exact: integers, or scaled"));
    case ProductOutcome::WrongShapes:
      return report(call, usage_trouble("the shapes are of no product", "they are m x n, n x k and m x k"));
    case ProductOutcome::TooLarge:
      return report(call, usage_trouble("the numbers are too large",
                                        "n times both largest ones and the largest of C stay below 2^61"));
    case ProductOutcome::Right:
    case ProductOutcome::Wrong: break;
  }
  const bool right = check.outcome == ProductOutcome::Right;
  if (call.json) {
    call.out.line(compact({{"outcome", product_outcome_name(check.outcome)},
                           {"rounds", check.rounds},
                           {"row", right ? json() : json(check.row)}}));
  } else if (right) {
    call.out.line(fmt::format("{} C is A times B: a wrong C passes {} rounds with at most 2^-{}", call.out.tick(),
                              check.rounds, 60 * check.rounds));
  } else {
    call.out.line(fmt::format("{} C is not A times B: row {} is wrong", call.out.cross(), check.row));
  }
  return right ? ExitCode::Ok : ExitCode::Mismatch;
}

// ---- the table of commands

void add_segments(config::Command& group) {
  const auto request = std::make_shared<SegmentsRequest>();
  config::Command& command = group.add("segments", "The root of a result's segments, and where two lists part");
  command.describe(
      "Reads a line for each segment: hashes of its input, state and output (64 hexadecimal digits, or - for none) and "
      "its metered milliseconds, one space between. The root is that of RFC 6962. With --job, --provider and --salt "
      "also "
      "the seal that a provider commits to.");
  command.positional("file", request->file, "The segments.")
      .required()
      .placeholder("FILE")
      .completes(config::Completion::File);
  command.positional("other", request->other, "Another list, to see at which segment they part.")
      .placeholder("OTHER")
      .completes(config::Completion::File);
  command.option("--job", request->job, "Of the seal.").placeholder("JOB");
  command.option("--provider", request->provider, "Of the seal.").placeholder("ADDRESS");
  command.option("--salt", request->salt, "Of the seal: 32 bytes.").placeholder("HEX");
  command.prints()
      .without_configuration()
      .example("starminer evidence segments result.segments", "The root")
      .example("starminer evidence segments result.segments mine.segments", "Where they part")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "the lists part")
      .run([request](const Invocation& call) { return show_segments(call, *request); });
}

void add_draw(config::Command& group) {
  const auto request = std::make_shared<DrawRequest>();
  config::Command& command = group.add("draw", "Repeat the lottery that chooses segments to be run again");
  command.describe(
      "The segments follow from the job and the seeds of the blocks 2, 3, 4 and 5 behind the commitment, which the "
      "chain "
      "shows, so that nobody chooses them and everybody can repeat the draw.");
  command.option("--job", request->job, "The job.").required().placeholder("JOB");
  command.option("--seed", request->seeds, "A seed; four of them, in the order of their blocks.")
      .required()
      .placeholder("HEX");
  command.option("--segments", request->segments, "How many the result has.").required().placeholder("N");
  command.option("--drawn", request->drawn, "How many are drawn.").placeholder("N");
  command.option("--credibility", request->credibility, "Of the provider: as many are drawn as that asks for.")
      .placeholder("N");
  command.option("--rate", request->rate, "Audit rate, where it is not the one of the credibility.")
      .placeholder("PERCENT");
  command.prints()
      .without_configuration()
      .example(
          "starminer evidence draw --job j1... --seed 00.. --seed 01.. --seed 02.. --seed 03.. --segments 400 "
          "--drawn 4",
          "Four of 400")
      .run([request](const Invocation& call) { return show_draw(call, *request); });
}

void add_bond(config::Command& group) {
  const auto request = std::make_shared<BondRequest>();
  config::Command& command = group.add("bond", "How large a bond must be so that cheating does not pay");
  command.describe(
      "The largest of four bounds: nobody gains by a result that is wrong as a whole, by skipping a part of the work, "
      "by "
      "corrupting one segment for a gain from outside, and a dispute can be paid. Shares are percentages.");
  command.option("--price", request->price, "Of the job.").required().placeholder("AGPU");
  command.option("--value", request->value, "What else is at risk where the result is wrong.").placeholder("AGPU");
  command.option("--cost", request->cost, "Of honest work; the price where it is not given.").placeholder("AGPU");
  command.option("--lazy-value", request->lazy_value, "What skipping work gains beside its cost.").placeholder("AGPU");
  command.option("--target", request->target, "What corrupting one chosen segment gains.").placeholder("AGPU");
  command.option("--segments", request->segments, "Of the result.").placeholder("N");
  command.option("--drawn", request->drawn, "Segments that are run again.").placeholder("N");
  command.option("--fee", request->fee, "Of a verifier; a quarter above the price of a segment where it is not given.")
      .placeholder("AGPU");
  command.option("--members", request->members, "Of the committee of a dispute.").placeholder("N");
  command.option("--window", request->window, "How long a challenge holds up the payment.").placeholder("DURATION");
  const auto share = [&](const char* name, auto& target, const char* help) {
    command.option(name, target, help).in("Shares").placeholder("PERCENT");
  };
  share("--dishonest", request->dishonest, "Of those whom a committee is drawn from.");
  share("--detection", request->detection, "Of a wrong result; that of --judged-right where segments are drawn.");
  share("--judged-right", request->judged_right, "Of audits that end in the right verdict.");
  share("--finder", request->finder, "Of a bond for who finds the fault.");
  share("--restitution", request->restitution, "Of a bond for the requester, at most.");
  share("--floor", request->floor, "Of a bond that is burned, at least.");
  share("--trap", request->trap, "Of a verifier's jobs that are wrong on purpose.");
  share("--leak", request->leak, "Of roots that a lazy verifier learns.");
  share("--yearly-rate", request->yearly_rate, "What money held up costs.");
  command.prints()
      .without_configuration()
      .example("starminer evidence bond --price \"1 AGPU\" --segments 400 --drawn 4", "A rendering of 400 frames")
      .example("starminer evidence bond --price \"1 AGPU\" --segments 400 --drawn 4 --target \"0.1 AGPU\" --json",
               "Where one frame is worth something to somebody")
      .run([request](const Invocation& call) { return show_bond(call, *request); });
}

void add_product(config::Command& group) {
  const auto request = std::make_shared<ProductRequest>();
  config::Command& command = group.add("product", "Check that an integer matrix is the product of two others");
  command.describe(
      "Freivalds' check in the field of 2^61-1: three products of a matrix with a vector instead of one of two "
      "matrices. "
      "The seed must have been drawn after C was committed to, or C could be made to pass.");
  for (const auto& [name, target] :
       {std::pair("a", &request->a), std::pair("b", &request->b), std::pair("c", &request->c)}) {
    command.positional(name, *target, "A matrix of integers, as .npy.")
        .required()
        .placeholder(name)
        .completes(config::Completion::File);
  }
  command.option("--seed", request->seed, "32 bytes.").required().placeholder("HEX");
  command.option("--rounds", request->rounds, "Each lets one in 2^60 wrong products pass.").placeholder("N");
  command.prints()
      .without_configuration()
      .example("starminer evidence product a.npy b.npy c.npy --seed 5f3c... --rounds 2", "A benchmark's answer")
      .returns(ExitCode::NotFound)
      .returns(ExitCode::Mismatch, "C is not the product")
      .run([request](const Invocation& call) { return check_matrices(call, *request); });
}

}  // namespace

void add_evidence_audit_commands(config::Command& group) {
  add_segments(group);
  add_draw(group);
  add_bond(group);
  add_product(group);
}

}  // namespace starminer::cli
