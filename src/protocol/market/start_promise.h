// The start promises of the tiers (protocol section 3; docs/decisions/0033): how long jobs of a tier wait for a class,
// counted in coarse steps that fade with the epochs, the p90 that is published of it, and by when a job must start.
#pragma once

#include <cstdint>
#include <optional>

#include "base/amount.h"
#include "protocol/market/demand.h"
#include "protocol/market/market_view.h"
#include "protocol/market/rows.h"

namespace starminer::protocol {

/// The step that a wait is counted in: four to an octave of `unit_ms`, the last one open.
[[nodiscard]] std::size_t wait_step(DurationMs wait, std::uint64_t unit_ms);
/// The least wait that is longer than all that the step holds.
[[nodiscard]] DurationMs wait_step_end(std::size_t step, std::uint64_t unit_ms);
/// A sixtieth of a tick.
[[nodiscard]] std::uint64_t wait_unit_ms(const Params& params);

void count_wait(StartWaitsRow& row, DurationMs wait, std::uint64_t unit_ms);
/// With an epoch: what was counted loses an eighth of its weight, and nine of ten of it began by the end of the step
/// that is published. Nothing is published from fewer than `samples_min` waits.
void publish_waits(StartWaitsRow& row, std::uint64_t samples_min, std::uint64_t unit_ms);

/// Time from a match to the start that Premium promises: acknowledgement, PremiumStartMs, and fetching the inputs.
[[nodiscard]] DurationMs premium_allowance(const Params& params, std::uint64_t input_bytes);

/// How soon from now a job that enters the queue now is promised to start, by its tier; empty where nothing is promised
/// (yet). A tier that promises by its queue takes the longest p90 of the classes that the job allows.
[[nodiscard]] std::optional<DurationMs> promised_start(const Demand& demand,
                                                       const state::Table<PriceKey, StartWaitsRow>& waits);

}  // namespace starminer::protocol
