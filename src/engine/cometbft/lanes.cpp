#include "engine/cometbft/lanes.h"

#include <pthread.h>

#include <google/protobuf/stubs/logging.h>
#include <spdlog/spdlog.h>

#include "base/check.h"
#include "engine/cometbft/frame.h"

namespace starminer::engine::cometbft {
namespace {

// So many transactions are checked with one look at the state.
constexpr std::size_t kBatch = 512;

constexpr std::array<const char*, kLaneCount> kThreadNames = {"abci-consensus", "abci-mempool", "abci-query",
                                                              "abci-snapshot"};

/// False where the bytes are no request, or another one than their first field said.
bool parse(abci::Request& request, ByteView bytes) {
  // The library prints a line for text that is no UTF-8; a peer must not be able to fill a log.
  const google::protobuf::LogSilencer silence;
  return request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())) &&
         static_cast<std::uint32_t>(request.value_case()) == first_field(bytes);
}

Done refuse(const Job& job, const std::string& text) { return {job.connection, job.slot, exception_frame(text), true}; }

}  // namespace

std::optional<Lane> lane_of_field(std::uint32_t field) {
  switch (field) {
    case abci::Request::kInfo:
    case abci::Request::kQuery: return Lane::Query;
    case abci::Request::kCheckTx: return Lane::Mempool;
    case abci::Request::kListSnapshots:
    case abci::Request::kOfferSnapshot:
    case abci::Request::kLoadSnapshotChunk:
    case abci::Request::kApplySnapshotChunk: return Lane::Snapshot;
    case abci::Request::kInitChain:
    case abci::Request::kCommit:
    case abci::Request::kPrepareProposal:
    case abci::Request::kProcessProposal:
    case abci::Request::kExtendVote:
    case abci::Request::kVerifyVoteExtension:
    case abci::Request::kFinalizeBlock: return Lane::Consensus;
    default: return std::nullopt;
  }
}

Bytes exception_frame(const std::string& text) {
  abci::Response response;
  response.mutable_exception()->set_error(text);
  Bytes frame;
  append_frame(response, frame);
  return frame;
}

Lanes::Lanes(Handler& handler, std::function<void(std::vector<Done>)> deliver)
    : handler_(handler), deliver_(std::move(deliver)) {
  for (std::size_t i = 0; i < kLaneCount; ++i) {
    queues_[i].thread = std::thread([this, i] {
      ::pthread_setname_np(::pthread_self(), kThreadNames[i]);
      run(static_cast<Lane>(i));
    });
  }
}

Lanes::~Lanes() { stop(); }

void Lanes::stop() {
  for (Queue& queue : queues_) {
    const std::lock_guard lock(queue.mutex);
    queue.stopping = true;
    queue.come.notify_all();
  }
  for (Queue& queue : queues_) {
    if (queue.thread.joinable()) queue.thread.join();
  }
}

void Lanes::post(Lane lane, Job job) {
  Queue& queue = queues_[static_cast<std::size_t>(lane)];
  const std::lock_guard lock(queue.mutex);
  if (queue.stopping) return;
  queue.jobs.push_back(std::move(job));
  queue.come.notify_one();
}

std::vector<Job> Lanes::take(Queue& queue, std::size_t most) {
  std::vector<Job> jobs;
  std::unique_lock lock(queue.mutex);
  queue.come.wait(lock, [&] { return queue.stopping || !queue.jobs.empty(); });
  if (queue.stopping) return jobs;
  while (!queue.jobs.empty() && jobs.size() < most) {
    jobs.push_back(std::move(queue.jobs.front()));
    queue.jobs.pop_front();
  }
  return jobs;
}

void Lanes::run(Lane lane) {
  Queue& queue = queues_[static_cast<std::size_t>(lane)];
  for (;;) {
    auto jobs = take(queue, lane == Lane::Mempool ? kBatch : 1);
    if (jobs.empty()) return;
    deliver_(lane == Lane::Mempool ? check_all(std::move(jobs)) : answer_one(std::move(jobs)));
  }
}

std::vector<Done> Lanes::answer_one(std::vector<Job> jobs) {
  std::vector<Done> done;
  for (Job& job : jobs) {
    abci::Request request;
    if (!parse(request, job.request)) {
      done.push_back(refuse(job, "the bytes are no request of ABCI 2.0"));
      continue;
    }
    auto response = handler_.answer(request);
    if (!response) {
      done.push_back(refuse(job, response.error()));
      continue;
    }
    STARMINER_CHECK(response->value_case() != abci::Response::VALUE_NOT_SET);
    Bytes frame;
    append_frame(*response, frame);
    done.push_back({std::move(job.connection), job.slot, std::move(frame), false});
  }
  return done;
}

std::vector<Done> Lanes::check_all(std::vector<Job> jobs) {
  std::vector<abci::Request> requests(jobs.size());
  std::vector<const abci::RequestCheckTx*> sound;
  std::vector<bool> parsed(jobs.size());
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    parsed[i] = parse(requests[i], jobs[i].request);
    if (parsed[i]) sound.push_back(&requests[i].check_tx());
  }
  auto answers = handler_.check(sound);
  STARMINER_CHECK(answers.size() == sound.size());
  std::vector<Done> done;
  done.reserve(jobs.size());
  auto answer = answers.begin();
  for (std::size_t i = 0; i < jobs.size(); ++i) {
    if (!parsed[i]) {
      done.push_back(refuse(jobs[i], "the bytes are no request of ABCI 2.0"));
      continue;
    }
    abci::Response response;
    *response.mutable_check_tx() = std::move(*answer++);
    Bytes frame;
    append_frame(response, frame);
    done.push_back({std::move(jobs[i].connection), jobs[i].slot, std::move(frame), false});
  }
  return done;
}

}  // namespace starminer::engine::cometbft
