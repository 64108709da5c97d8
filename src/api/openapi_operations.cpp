#include <array>

#include "api/openapi.h"

namespace starminer::api {
namespace {

constexpr std::array kOperations = {
    // Chain
    OperationText{"GET /healthz", "getHealth", "chain", "", "", "200:Health 503"},
    OperationText{"GET /metrics", "getMetrics", "chain", "", "", "200:text/plain"},
    OperationText{"GET /openapi.json", "getDocument", "chain", "", "", "200:object"},
    OperationText{"GET /v1/status", "getStatus", "chain", "", "", "200:Status"},
    OperationText{"GET /v1/params", "getParameters", "chain", "", "", "200:Parameters"},
    OperationText{"GET /v1/codes", "getCodes", "chain", "", "", "200:Codes"},
    OperationText{"GET /v1/blocks/{height}", "getBlock", "chain", "", "", "200:Block 400 404"},
    OperationText{"GET /v1/genesis", "getGenesis", "chain", "", "", "200:object 404"},
    OperationText{"GET /v1/log", "getLog", "chain",
                  "from:int=first height, 0 if not given; limit:int=blocks at most, up to 10000", "",
                  "200:application/octet-stream 400"},
    OperationText{"GET /v1/history/consistency", "getConsistency", "chain",
                  "old:int=height of the earlier history; new:int=height of the later one, the tip if not given", "",
                  "200:Consistency 400 404"},
    OperationText{"POST /v1/proofs", "getProofs", "chain", "", "ProofRequest", "200:Proofs 400 404 413 415"},
    OperationText{"POST /v1/checkpoints", "makeCheckpoint", "chain", "", "CheckpointRequest",
                  "200:Checkpoint 403 415 503"},
    OperationText{"GET /v1/streams/blocks", "streamBlocks", "chain", "", "", "200:text/event-stream 400"},
    // Transactions and accounts
    OperationText{"POST /v1/transactions", "submitTransaction", "transactions", "",
                  "starminer.v1.SignedTransaction in canonical encoding",
                  "200:Receipt 400 402 409 413 415 422 429 503 507"},
    OperationText{"POST /v1/transactions/batch", "submitTransactions", "transactions", "",
                  "each transaction as its length in four bytes, big-endian, and its bytes; at most 1024",
                  "200:BatchResults 400 413 415 429"},
    OperationText{"GET /v1/transactions/{hash}", "getReceipt", "transactions", "", "", "200:Receipt 400 404"},
    OperationText{"GET /v1/transactions/{hash}/proof", "getReceiptProof", "transactions", "", "", "200:Proof 400 404"},
    OperationText{"GET /v1/accounts/{address}", "getAccount", "transactions", "", "", "200:Account 400"},
    OperationText{"GET /v1/accounts/{address}/stake", "getStake", "transactions", "", "", "200:Stake 400"},
    OperationText{"POST /v1/faucet", "askFaucet", "transactions", "", "FaucetRequest",
                  "200:FaucetGift 400 404 409 429 503"},
    // Supply and prices
    OperationText{"GET /v1/providers/{address}", "getProvider", "market", "", "", "200:Provider 400 404"},
    OperationText{"GET /v1/classes", "getClasses", "market", "", "", "200:Classes"},
    OperationText{"GET /v1/regions", "getRegions", "market", "", "", "200:Regions"},
    OperationText{"GET /v1/tiers", "getTiers", "market", "", "", "200:Tiers"},
    OperationText{
        "GET /v1/nodes", "listNodes", "market",
        "where:string=filter, see docs/search.md; sort:string=fields by commas, each with - before it for the "
        "largest first; class:string=hardware class; region:string=region; status:NodeStatus=status; "
        "provider:Address=owner; kind:JobKind=rated for this kind of job; free_min:int=free thousandths of "
        "devices at least; limit:int=rows of the page, 1 to 500; after:string=`next` of the page before",
        "", "200:Nodes 400 503"},
    OperationText{"GET /v1/streams/nodes", "streamNodes", "market",
                  "where:string=filter; sort:string=order; class:string=hardware class; region:string=region; "
                  "status:NodeStatus=status; provider:Address=owner; kind:JobKind=rated for this kind of job; "
                  "free_min:int=free thousandths of devices at least; limit:int=rows, 1 to 200",
                  "", "200:text/event-stream 400"},
    OperationText{"GET /v1/nodes/{id}", "getNode", "market", "", "", "200:Node 400 404"},
    OperationText{"GET /v1/prices", "getPrices", "market", "", "", "200:Prices"},
    OperationText{"GET /v1/prices/history", "getPriceHistory", "market",
                  "class:string=hardware class; tier:string=tier, Standard if left out", "", "200:PriceHistory 400"},
    OperationText{"GET /v1/streams/prices", "streamPrices", "market", "", "", "200:text/event-stream"},
    OperationText{"GET /v1/queues", "getQueues", "market", "", "", "200:Queues"},
    OperationText{"GET /v1/matches", "listMatches", "market", "limit:int=newest ones, 1 to 200", "",
                  "200:RecentMatches 400"},
    OperationText{"GET /v1/predictions", "getPredictions", "market", "", "", "200:Predictions"},
    OperationText{"GET /v1/streams/market", "streamMarket", "market", "", "", "200:text/event-stream"},
    OperationText{"POST /v1/quotes", "quote", "market", "account:Address=requester, whose balance and limits count",
                  "starminer.v1.JobSpec", "200:Quote 400 415"},
    // Jobs and contracts
    OperationText{"GET /v1/jobs", "listJobs", "jobs",
                  "requester:Address=jobs of this account, newest first; state:JobState=state; limit:int=rows of the "
                  "page, 1 to 500; after:JobId=`next` of the page before",
                  "", "200:Jobs 400"},
    OperationText{"GET /v1/jobs/{id}", "getJob", "jobs", "", "", "200:Job 400 404"},
    OperationText{"GET /v1/jobs/{id}/proof", "getJobProof", "jobs", "", "", "200:Proof 400 404 409"},
    OperationText{"GET /v1/jobs/{id}/explain", "explainJob", "jobs", "", "", "200:Explanation 400 404"},
    OperationText{"GET /v1/matches/{id}/explain", "explainMatch", "jobs", "", "", "200:Explanation 400 404"},
    OperationText{"GET /v1/jobs/{id}/stream", "streamJob", "jobs", "", "", "200:text/event-stream 400 404"},
    OperationText{
        "GET /v1/contracts", "listContracts", "jobs",
        "job:JobId=contracts of this job, by attempt; node:NodeId=on this node, live ones first, then ended ones, "
        "newest "
        "first; provider:Address=of this provider, in the same order; state:ContractState=state; limit:int=rows of the "
        "page, 1 to 500; after:string=`next` of the page before",
        "", "200:Contracts 400"},
    OperationText{"GET /v1/contracts/{id}", "getContract", "jobs", "", "", "200:Contract 400 404"},
    OperationText{"GET /v1/contracts/{id}/proof", "getSettlementProof", "jobs", "", "", "200:Proof 400 404 409"},
    OperationText{"GET /v1/contracts/{id}/progress", "getProgress", "jobs", "", "", "200:Progress 400 403 404"},
    OperationText{"GET /v1/contracts/{id}/logs", "getLogs", "jobs",
                  "stream:LogStream=stdout if not given; offset:int=first byte; limit:int=bytes at most, up to 1 MiB",
                  "", "200:application/octet-stream 400 403 404"},
    OperationText{"GET /v1/contracts/{id}/logs/stream", "streamLogs", "jobs",
                  "from:string=an offset for both streams, or STDOUT-STDERR", "", "200:text/event-stream 400 403 404"},
    // Providers
    OperationText{"GET /v1/assignments", "getAssignments", "providers", "", "", "200:Assignments 403"},
    OperationText{"GET /v1/assignments/stream", "streamAssignments", "providers", "", "", "200:text/event-stream 403"},
    OperationText{"POST /v1/beats", "beat", "providers", "", "Beats", "200:BeatAnswer 400 403 404 415"},
    OperationText{"GET /v1/telemetry", "getTelemetry", "providers", "", "", "200:Telemetry"},
    OperationText{"GET /v1/telemetry/{epoch}/beats", "getRawBeats", "providers", "", "",
                  "200:application/octet-stream 400 404"},
    OperationText{"GET /v1/pools", "listPools", "providers", "", "", "200:Pools"},
    OperationText{"GET /v1/attestors", "listAttestors", "providers", "", "", "200:AttestorList"},
    OperationText{"POST /v1/contracts/{id}/progress", "reportProgress", "providers", "", "ProgressReport",
                  "204 400 403 404 409 415"},
    OperationText{"POST /v1/contracts/{id}/logs", "appendLogs", "providers",
                  "stream:LogStream=which; offset:int=size of what was sent before", "bytes of the job's output",
                  "200:LogSize 400 403 404 409 413 415 507"},
    // Artifacts
    OperationText{"PUT /v1/artifacts/{hash}", "putArtifact", "artifacts", "",
                  "the content, or with Content-Range a part",
                  "200:Artifact 201:Artifact 202:Artifact 400 403 409 411 413 415 422 503 507"},
    OperationText{"GET /v1/artifacts/{hash}", "getArtifact", "artifacts",
                  "contract:ContractId=the contract that gives the right to read", "",
                  "200:application/octet-stream 206:application/octet-stream 304 400 403 404 416 503"},
};

}  // namespace

std::span<const OperationText> operation_texts() { return kOperations; }

}  // namespace starminer::api
