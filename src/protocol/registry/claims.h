// What registrations, updates and benchmarks have in common: their ratings. Private to this folder. Pure.
#pragma once

#include <array>
#include <vector>

#include "protocol/job/field_check.h"
#include "protocol/registry/registry.h"

namespace starminer::protocol {

/// Shape of a list of ratings: each kind once, and a rating above 0 names where it comes from.
void check_claims(const std::vector<RatingClaim>& claims, FieldCheck& check);
/// By kind; 0 where a kind is not named.
[[nodiscard]] std::array<Rating, kJobKindCount> ratings_of(const std::vector<RatingClaim>& claims);

}  // namespace starminer::protocol
