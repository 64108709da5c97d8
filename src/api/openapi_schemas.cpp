#include <array>

#include "api/openapi.h"

namespace starminer::api {
namespace {

constexpr std::array kSchemas = {
    SchemaText{"Problem",
               "type:string, title:string, status:int, detail:string, code:Code, instance:string, advice?:string, "
               "receipt?:Receipt, expected?:string, column?:string, height?:int, block_time_ms?:int",
               "RFC 9457. `code` is E and four digits for refusals of the protocol (GET /v1/codes), else a name."},
    SchemaText{"LogStream", "=stdout|stderr", ""},
    // Chain
    SchemaText{"Engine", "=solo|cometbft", ""},
    SchemaText{"Readiness", "=ready|catching_up|orderer_away|disk_full|disk_failed",
               "catching_up: with its network; orderer_away: CometBFT of this node does not answer."},
    SchemaText{"Health", "status:string, engine:Engine, height:int, block_time_ms:int", ""},
    SchemaText{"Supply", "minted:Amount, burned:Amount, balances:Amount, locks:Amount, pools:Amount, conserved:bool",
               "minted - burned = balances + locks + pools"},
    SchemaText{
        "Status",
        "chain_id:string, preset:Preset, height:int, block_time_ms:int, time_ms:int, halted_ms:int, app_hash:Hash, "
        "state_root:Hash, history_root:Hash, history_size:int, tick_ms:int, epoch_ms:int, ticks:int, epochs:int, "
        "epoch_ends_ms:int, "
        "order_rule:string, supply:Supply{}, faucet:bool, version:string, engine:Engine, readiness:Readiness",
        "engine: who orders the transactions of this node; readiness: whether it takes any, as GET /healthz says."},
    SchemaText{
        "Parameter",
        "number:int, name:string, unit:string, value:Amount, pending:Amount?, default:Amount, min:Amount, max:Amount, "
        "set_by:ParameterSetter, description:string",
        "pending: from the end of the epoch on; min and max as they are on this network, default as on preset main."},
    SchemaText{"Parameters", "parameters:Parameter[], rules:string[], governance:Address?, epoch_ends_ms:int",
               "governance: the account that may set those that are governed, or null."},
    SchemaText{"RefusalText", "code:RefusalLabel, name:string, class:RefusalClass, what:string, advice:string", ""},
    SchemaText{"EndReasonText", "number:int, code:EndReasonCode, party:Party, sentence:string", ""},
    SchemaText{"OperationName", "number:int, name:Operation, module:string, what:string", ""},
    SchemaText{"Codes", "refusals:RefusalText[], end_reasons:EndReasonText[], operations:OperationName[]", ""},
    SchemaText{
        "VrfEvaluation", "output:Hash, challenge:Hash, response:Hash",
        "What the proposer proved: a point of ristretto255 and its DLEQ proof (RFC 9497), from which seed follows."},
    SchemaText{"Block",
               "height:int, time_ms:int, previous_app_hash:Hash, order_rule:string, proposer:Address?, seed:Hash, "
               "vrf:VrfEvaluation?, transactions:Hash[], state_root:Hash, "
               "history_root:Hash, history_size:int, app_hash:Hash",
               ""},
    SchemaText{"Receipt",
               "transaction:Hash, height:int, index:int, time_ms:int, account:Address, sequence:int, "
               "operation:Operation, "
               "fee:Amount, subject:string, history_index:int, duplicate:bool, status:string, code?:RefusalLabel, "
               "detail?:string",
               "status is applied or refused; `duplicate`: the same bytes had been applied before."},
    SchemaText{
        "BatchResult",
        "transaction?:Hash, height?:int, index?:int, time_ms?:int, account?:Address, sequence?:int, "
        "operation?:string, fee?:Amount, subject?:string, history_index?:int, duplicate?:bool, status:string|int, "
        "code?:Code, title?:string, detail?:string, advice?:string",
        "A receipt, or code, title, detail, advice and HTTP status of what kept the transaction out."},
    SchemaText{"BatchResults", "results:BatchResult[]", ""},
    SchemaText{"Proof",
               "kind:string, leaf:Hex, leaf_index:int, tree_size:int, path:Hash[], history_root:Hash, state_root:Hash, "
               "app_hash:Hash, height:int, block_time_ms:int",
               "Inclusion proof of RFC 9162; app_hash covers height, state root, history root and tree size."},
    SchemaText{"Commitment", "height:int, state_root:Hash, history_root:Hash, history_size:int, app_hash:Hash",
               "app_hash is the hash of the others (docs/formats/encoding.md section 5)."},
    SchemaText{"CheckpointRequest", "", "An empty object."},
    SchemaText{"Checkpoint", "height:int", "The least height that the copy has."},
    SchemaText{"Consistency", "old:Commitment, new:Commitment, path:Hash[]",
               "Consistency proof of RFC 9162 between the two histories."},
    SchemaText{"RowRequest", "table:int, key:Hex", "Number of the table and encoded key."},
    SchemaText{"ProofRequest", "rows?:RowRequest[], leaves?:int[]", "At most 256 of both."},
    SchemaText{"RowProof", "table:int, key:Hex, row:Hex?, proof:Hex",
               "The encoded row, or null where there is none; proof is canonical: siblings, then the leaf if any."},
    SchemaText{"LeafProof", "leaf_index:int, leaf:Hex, path:Hash[]", "Inclusion proof of RFC 9162."},
    SchemaText{"Proofs",
               "height:int, state_root:Hash, history_root:Hash, history_size:int, app_hash:Hash, rows:RowProof[], "
               "leaves:LeafProof[]",
               "All at one height."},
    SchemaText{"Lock", "purpose:LockPurpose, subject:string, asset:Asset, amount:Amount", ""},
    SchemaText{"Account",
               "address:Address, exists:bool, balances:Amount{}, next_sequence:int, locks:Lock[], provider:bool", ""},
    SchemaText{"Unbonding", "id:UnbondingId, asset:Asset, amount:Amount, returns_ms:int", ""},
    SchemaText{"Stake",
               "address:Address, asset:Asset, bonded:Amount, unbonding:Amount, unbondings:Unbonding[], minimum:Amount, "
               "unbond_ms:int, credits_micro:Amount, credits_micro_max:Amount, credits_micro_hour:Amount, "
               "credit_burn:Amount",
               "Credits are in millionths: what is there now, the most that this stake holds, and what it brings in an "
               "hour. credit_burn is the AGPU burned with each whole credit."},
    SchemaText{"FaucetRequest", "address:Address", ""},
    SchemaText{"FaucetGift", "transaction:Hash, address:Address, amount:Amount", ""},
    // Supply
    SchemaText{"Provider", "address:Address, display_name:string, payout:Address, nodes:NodeId[], registered_ms:int",
               ""},
    SchemaText{
        "HardwareClass",
        "name:string, anchor:Price, ratings:int{}, device_memory_bytes:int, nodes:int, devices:int, free_milli:int",
        ""},
    SchemaText{"Classes", "classes:HardwareClass[]", ""},
    SchemaText{"Region", "name:string, price_factor_ppm:int", ""},
    SchemaText{"Regions", "regions:Region[]", ""},
    SchemaText{"Tier",
               "name:string, price_ratio_ppm:int, capacity_share_ppm:int, target_load_ppm:int, weights:int{}, "
               "queue_offset_ms:int, preemptible:bool",
               ""},
    SchemaText{"Tiers", "tiers:Tier[]", ""},
    SchemaText{"FreeCapacity", "devices_milli:int[], cpu_milli:int, ram_bytes:int, disk_bytes:int, jobs:int",
               "The very figures that matching uses."},
    SchemaText{"Energy", "g_co2_per_kwh:int, renewable_ppm:int, pue_ppm:int, certificate:Hash?, verified:bool", ""},
    SchemaText{"Attestation", "attestor:Address, until_ms:int", "Of those that count now."},
    SchemaText{"Claim", "claim:Hash?, attested_by:Attestation[]",
               "claim: what attestors sign; null where the node states nothing."},
    SchemaText{
        "RatingReports", "training:Hash?, inference:Hash?, rendering:Hash?, simulation:Hash?",
        "Where each rating comes from: the digest that the seed of `benchmark` gives on a correct device, or the "
        "report of the registration."},
    SchemaText{"Claims", "energy:Claim, site_tier:Claim, region:Claim", ""},
    SchemaText{"Benchmark",
               "round:int, seed:Hash, reason:string, open:bool, asked_ms:int, due_ms:int?, answered_ms:int?, "
               "confirmed:bool?, node?:NodeId",
               "The last one that the protocol asked for. reason: doubt or spot; due_ms: null once overdue."},
    SchemaText{"NodeReserve",
               "standing:string, stake:Amount, minimum:Amount, joined_ms:int, until_ms:int, draws:int, declines:int, "
               "charged:Amount",
               "What the node is committed to. standing: stands_by, or lapsed while the stake is below the minimum."},
    SchemaText{"NodeTelemetry", "epoch:int, operators:int, beats:int, p50_ms:int, p90_ms:int, p99_ms:int",
               "Of the last epoch with this node in its window; medians over the operators."},
    SchemaText{
        "Node",
        "id:NodeId, name:string, provider:Address, dense_id:int, class:string, model:string, status:NodeStatus, "
        "region:string, country:string, region_verified:bool, site:string, site_tier:int, site_tier_verified:bool, "
        "sandbox_tier:int, devices:int, "
        "device_memory_bytes:int, "
        "interconnect:int, cpu_threads:int, ram_bytes:int, disk_bytes:int, network_up_mbps:int, "
        "network_down_mbps:int, free:FreeCapacity, ratings:int{}, rating_reports:RatingReports, reputation:int{}, "
        "floor_32nds:int, "
        "floor_price:Price, prices:Price{}, "
        "energy:Energy, attestations:Claims, benchmark:Benchmark?, telemetry:NodeTelemetry?, reserve:NodeReserve?, "
        "runtimes:string[], "
        "registered_ms:int, status_since_ms:int",
        "ratings: compute units per device-second x 1000; reputation: 0 to 240; prices: per GPU-hour by tier, what a "
        "plain job of one GPU for up to an hour would pay there now."},
    SchemaText{"Nodes", "nodes:Node[], next:string?", ""},
    SchemaText{"Bounds", "low:Price, high:Price", ""},
    SchemaText{
        "TierPrice",
        "tier:string, class:string, price:Price, next_price:Price, floor:Price, ceiling:Price, "
        "log_price_q32:Amount, slow_log_price_q32:Amount, load:PriceLoad, envelope:Bounds{}, bands:Band{}",
        "next_price: from the next tick on. envelope: certain bounds in 5, 15 and 60 ticks; bands: likely ones."},
    SchemaText{"PriceLoad",
               "online_milli:int, busy_milli:int, queued_milli:int, load_ppm:int?, smoothed_ppm:int, target_ppm:int",
               "At the last tick, in thousandths of a GPU. load_ppm: null where nothing is online."},
    SchemaText{"Band", "low:Price, high:Price, matured:int, inside:int",
               "matured: bands whose tick has come; inside: of those, how many held the price of that tick."},
    SchemaText{"Prices", "prices:TierPrice[], tick_ms:int, band_coverage_ppm:int", ""},
    SchemaText{"PricePoint", "tick:int, time_ms:int, price:Price, load_ppm:int", ""},
    SchemaText{"PriceHistory", "tier:string, class:string, points:PricePoint[], tick_ms:int", "points: oldest first."},
    SchemaText{"QueueTier", "tier:string, price:Price, start_p90_ms:int?, waiting:int, parked:int, running:int",
               "start_p90_ms: nine of ten jobs of the tier had a match in the class within this, lately; null: too few "
               "say so."},
    SchemaText{"QueueHead", "job:JobId, tier:string, gpus_milli:int, submitted_ms:int, starts_by_ms:int?",
               "The first that waits; starts_by_ms where a node is held for it: it starts then at the latest."},
    SchemaText{"Queue",
               "class:string, nodes:int, devices:int, free_milli:int, load_ppm:int, waiting:int, parked:int, "
               "running:int, tiers:QueueTier[], head:QueueHead?",
               "A job with several classes stands in the queue of each."},
    SchemaText{"RecentMatch",
               "contract:ContractId, job:JobId, node:NodeId, region:string?, class:string, tier:string, kind:JobKind, "
               "billing_milli:int, unit_price:Price, matched_ms:int, state:ContractState",
               ""},
    SchemaText{"RecentMatches", "matches:RecentMatch[]", "Newest first."},
    SchemaText{"Queues", "queues:Queue[]", ""},
    // Quotes
    SchemaText{"Split",
               "pay:Amount, surge_burn:Amount, burn:Amount, stakers:Amount, treasury:Amount, insurance:Amount, "
               "referrer:Amount, provider:Amount",
               "The receivers of a payment; they sum to pay."},
    SchemaText{"ClassOffer",
               "class:string, base:Price, unit_min:Price, unit_max:Price, factors:int{}, product_ppm:int, "
               "envelope:Bounds{}, eligible:int, free:int, load_ppm:int, in_reserve:int, may_draw:bool",
               "factors in parts per million."},
    SchemaText{"RunnerUp", "node:NodeId, score:int", ""},
    SchemaText{"Match",
               "node:NodeId, node_name:string, model:string, class:string, region:string, score:int, parts:int{}, "
               "reserve:int, unit:Price, eligible:int, runner_up:RunnerUp?",
               ""},
    SchemaText{"ExclusionReason", "constraint:string, sentence:string, first:int, alone:int",
               "How many nodes fail this first, and how many fail nothing else."},
    SchemaText{"Exclusions",
               "nodes:int, eligible:int, eligible_busy:int, cheapest_over_cap:Price?, reasons:ExclusionReason[]", ""},
    SchemaText{"QuoteRefusal", "code:Code, what:string, detail:string, advice:string", ""},
    SchemaText{"NodeSignature", "key:Hex, signature:Hex",
               "ed25519 with domain starminer/quote/1 over the quote without this member, members sorted, no spaces."},
    SchemaText{
        "Quote",
        "tier:string, tier_reason:string, tier_reason_text:string, max_price:Price, cap:Amount, expected:Amount, "
        "expected_split:Split, price_lock:QuotedLock?, lock_fees:Amount{}, start_promised_ms:int?, tx_fee:Amount, "
        "balance:Amount, "
        "held:Amount, "
        "credits:int, credits_burned:Amount, "
        "credits_micro:Amount, boost_ms:int, starts_now:bool, queue_ahead:int, "
        "predicted:Prediction?, "
        "classes:ClassOffer[], match:Match?, hosts:int, gang:NodeId[], preemption:Preemption?, notice_ms:int, "
        "exclusions:Exclusions, "
        "refusal:QuoteRefusal?, missing_runtime:bool, "
        "account:Address?, chain_id:string, height:int, time_ms:int, node_signature:NodeSignature?",
        "hosts: of one site that would share the job; classes and exclusions then count hosts for one part of it. "
        "gang: "
        "those beside the match's node."},
    // Jobs and contracts
    SchemaText{"JobShort",
               "classes:string[], gpus:int, share_milli:int, placement:Placement, hosts_max:int, expected_s:int, "
               "max_s:int, deadline_ms:int?, "
               "manifest_hash:Hash, inputs:Hash[]",
               ""},
    SchemaText{
        "Job",
        "id:JobId, requester:Address, state:JobState, parked:bool, tier:string, tier_reason:string, kind:JobKind, "
        "runtime:string, max_price:Price, cap:Amount, credits:int, credits_burned:Amount, boost_ms:int, "
        "price_lock:PriceLock?, notice:NodeNotice?, compensation:Amount, preemptions:int, start_promise:StartPromise?, "
        "submitted_ms:int, attempts:int, contract:ContractId?, "
        "queue_position:int?, end_reason:EndReasonCode?, end_reason_text:string?, party:Party?, ended_ms:int?, "
        "paid:Amount, refunded:Amount, burned:Amount, spec:JobShort, archived:Archived?",
        ""},
    SchemaText{"Jobs", "jobs:Job[], next:JobId?", ""},
    SchemaText{
        "GangRoom", "hosts:int, gpus_each:int, sites:int, most_ready:int",
        "A job that several hosts of one site have to share. sites: that have enough hosts which lack only room; "
        "most_ready: hosts of one site that could take their part now."},
    SchemaText{"Explanation",
               "id:JobId, state:JobState, parked:bool, contract:ContractId?, queue_position:int?, sentence:string?, "
               "exclusions:Exclusions?, "
               "relaxations:Relaxation[], held:HeldNode?, gang:GangRoom?, predicted:Prediction?, archived:Archived?",
               "Null and empty after the job's end."},
    SchemaText{"Preemption", "node:NodeId, jobs:JobId[], compensation:Amount",
               "Jobs that the job would give notice to, and what that takes out of its cap."},
    SchemaText{"NodeNotice", "node:NodeId, due_ms:int", "The node that others are leaving for the job."},
    SchemaText{
        "Notice", "by:JobId, given_ms:int, due_ms:int, open:bool, share:Amount, unsaved:Amount, provider:Amount",
        "The job must give way to another until then. `share` is its requester's; of `unsaved` the provider gets what "
        "it ran for nothing, the requester the rest."},
    SchemaText{"StartPromise", "due_ms:int, state:string",
               "open, kept or missed. Missed in Standard: the fee is not charged; in Premium: a share of the bill is "
               "credited."},
    SchemaText{"QuotedLock", "ticks:int, fee:Amount", "The lock of the price that the job asks for."},
    SchemaText{
        "PriceLock", "until_ms:int, fee:Amount, held:bool, paid:Amount",
        "`held`: the job was matched at the locked price; `paid` of the fee went to its provider, the rest burns."},
    SchemaText{"Prediction", "start_p50_ms:int, start_p90_ms:int, end_p50_ms:int, end_p90_ms:int",
               "From now: half of such jobs, and nine of ten, start and end no later."},
    SchemaText{"Predicted", "said_ppm:int, judged:int, kept_ppm:int?, median_error_ppm:int?",
               "How many jobs started (ended) no later than said, and how far off it was."},
    SchemaText{"PredictedSize", "size:string, start:Predicted[], end:Predicted[]", ""},
    SchemaText{"Predictions", "since_ms:int, open:int, left_out:int, sizes:PredictedSize[]",
               "Of jobs that had to wait, since the node was started."},
    SchemaText{"HeldNode", "node:NodeId, starts_by_ms:int", ""},
    SchemaText{"JobChange", "constraint:string, field:string, from:string, to:string", "A field of the job."},
    SchemaText{
        "Relaxation",
        "changes:JobChange[], nodes:int, node:NodeId, node_name:string, class:string, region:string, unit:Price, "
        "expected:Amount",
        "With these changes the node would take the job now; `nodes` fail exactly these constraints."},
    SchemaText{"Archived", "height:int, leaf_index:int",
               "Of a row that has left the state: the block in which it became final, and its leaf of the history."},
    SchemaText{"PriceInputs",
               "tier:string, class:string, base:Price, log_price_q32:Amount, slow_log_price_q32:Amount, factors:int{}, "
               "product_ppm:int, ceiling:Price, unit:Price",
               "Everything the unit price was computed from."},
    SchemaText{
        "MatchReceipt", "height:int, score:int, parts:int{}, weights:int{}, reserve:int, reserve_weight:int",
        "Why this node: the parts of its score at the block of the match; the weights are those of now. reserve: "
        "240 where it counted that the node stands by in its reserve pool."},
    SchemaText{"DeclineCharge", "compensated:Amount, burned:Amount",
               "What the node paid out of its stake in the reserve, as it did not begin the job: to the requester, and "
               "burned."},
    SchemaText{"Allocation", "devices:int[], milli_per_device:int, cpu_milli:int, ram_bytes:int, disk_bytes:int", ""},
    SchemaText{
        "GangHost", "node:NodeId, allocation:Allocation, ready_ms:int?, heard_ms:int?, done_ms:int?, report:Hash?",
        "A host of a gang. heard_ms: its last sign of life; report: what it made, once its part has ended well."},
    SchemaText{
        "Contract",
        "id:ContractId, job:JobId, attempt:int, requester:Address, provider:Address, payout:Address, node:NodeId, "
        "kind:JobKind, state:ContractState, unit_price:Price, price:PriceInputs, billing_milli:int, cap:Amount, "
        "expected_s:int, max_s:int, manifest_hash:Hash, inputs:Hash[], input_bytes:int, allocation:Allocation, "
        "gang:GangHost[], "
        "matched_ms:int, acknowledged_ms:int?, started_ms:int?, last_progress_ms:int?, stopped_ms:int?, "
        "delivered_ms:int?, ended_ms:int?, timer_due_ms:int?, run_ms:int, metered_ms:int, result_hash:Hash?, "
        "outputs:Hash[], proof_hash:Hash?, end_reason:EndReasonCode?, end_reason_text:string?, party:Party?, "
        "bill:Split, "
        "returned:Amount, insured:Amount, prior_claim:ContractId?, prior_bill:Split, refund:Amount, "
        "compute_units_milli:int, match:MatchReceipt, "
        "notice:Notice?, decline:DeclineCharge?, "
        "archived:Archived?, job_kind?:JobKind",
        "The Compute Service Contract: everything the bill can be recomputed from. gang: all hosts that run the job "
        "together, its node the first; empty where it runs on that alone."},
    SchemaText{"Contracts", "contracts:Contract[], next:string?", ""},
    SchemaText{"Assignments", "contracts:Contract[], benchmarks:Benchmark[]",
               "benchmarks: those that the provider owes."},
    SchemaText{"Progress",
               "contract:ContractId, run_ms:int, done:number?, total:number?, unit:string?, note:string?, time_ms:int",
               ""},
    // Providers
    SchemaText{"Beats", "nodes:NodeId[], round_trip_ms?:int?",
               "round_trip_ms: how long the agent waited for the answer to its last beat."},
    SchemaText{"WindowNode", "node:NodeId, provider:Address", ""},
    SchemaText{"TelemetryWindow", "epoch:int, nodes:WindowNode[]", ""},
    SchemaText{"TelemetryEntry", "node:NodeId, beats:int, p50_ms:int, p90_ms:int, p99_ms:int", ""},
    SchemaText{"TelemetryReport",
               "operator:Address, epoch:int, raw_hash:Hash, reported_ms:int, entries:TelemetryEntry[]",
               "raw_hash: SHA-256 of the raw beats that this operator keeps."},
    SchemaText{
        "Telemetry",
        "last:TelemetryWindow, running:TelemetryWindow, beat_every_ms:int, epoch_ms:int, reports:TelemetryReport[]",
        "reports: the last one of each operator."},
    SchemaText{
        "Pool",
        "class:string, region:string, load_ppm:int, open:bool, nodes:int, standing_by:int, gpus:int, free_milli:int, "
        "stake:Amount, asking_jobs:int, asking_milli:int, cover_ppm:int?, draws:int, declines:int, burned:Amount, "
        "compensated:Amount",
        "The reserve of a class in a region. open: the class's load at the last tick lets it be drawn; gpus and "
        "free_milli: of active nodes that stand by; asking: waiting jobs whose requesters may draw it; cover_ppm: what "
        "is free over what they ask for, null where nobody asks."},
    SchemaText{"Pools",
               "pools:Pool[], load_ppm:int, level_u:int, level_amax:Amount, weight:int, stake_per_gpu:Amount, "
               "window_min_ms:int, window_max_ms:int, decline_stake_ppm:int, decline_price_ppm:int, "
               "declines_per_epoch:int",
               "Requesters with AMAX bonded worth level_u, level_amax now, may draw while the class's load is above "
               "load_ppm."},
    SchemaText{"Attestor", "account:Address, since_ms:int", ""},
    SchemaText{"AttestorList", "attestors:Attestor[], needed:int", ""},
    SchemaText{"BeatAnswer", "time_ms:int", ""},
    SchemaText{"ProgressReport", "run_ms:int, done?:number?, total?:number?, unit?:string?, note?:string?", ""},
    SchemaText{"LogSize", "size:int", ""},
    SchemaText{"Artifact", "hash:Hash, size:int", ""},
};

}  // namespace

std::span<const SchemaText> schema_texts() { return kSchemas; }

}  // namespace starminer::api
