#include "api/service.h"

#include <mutex>
#include <shared_mutex>

#include <spdlog/spdlog.h>

#include "api/artifact_access.h"
#include "api/authorization.h"
#include "api/beat_archive.h"
#include "api/faucet.h"
#include "api/predictions.h"
#include "api/recent_matches.h"
#include "api/relay.h"
#include "api/streams.h"
#include "api/telemetry.h"
#include "api/upkeep.h"
#include "api/views.h"
#include "engine/engine.h"

namespace starminer::api {

struct Service::Impl {
  ServiceOptions options;
  engine::Engine& engine;
  std::unique_ptr<Relay> relay;
  std::unique_ptr<BeatArchive> beats;  // null where this node is no operator
  Authorizer authorizer;
  Streams streams;
  RecentMatches matches;
  Predictions predictions;
  Views views;
  ArtifactAccess access;
  std::unique_ptr<Faucet> faucet;
  std::shared_mutex workers_mutex;
  std::function<bool(std::function<void()>)> try_post;
  Parts parts;
  Upkeep upkeep;
  std::unique_ptr<TelemetryWatcher> telemetry;  // after what it uses
  bool started = false;

  Impl(engine::Engine& engine_in, artifacts::Store& artifacts, prometheus::Registry& metrics, ServiceOptions options_in,
       std::unique_ptr<Relay> relay_in, std::unique_ptr<BeatArchive> beats_in)
      : options(std::move(options_in)),
        engine(engine_in),
        relay(std::move(relay_in)),
        beats(std::move(beats_in)),
        authorizer({.clock = [] { return engine::Engine::wall_clock(); }}),
        streams(engine_in, *relay),
        matches(engine_in),
        predictions(engine_in),
        views(engine_in, matches),
        access(engine_in, artifacts),
        faucet(options.faucet ? std::make_unique<Faucet>(engine_in, *options.faucet) : nullptr),
        parts{engine_in,   artifacts,
              authorizer,  *relay,
              streams,     views,
              matches,     predictions,
              access,      faucet.get(),
              beats.get(), metrics,
              options,     [this](std::function<void()> task) { post(std::move(task)); }},
        upkeep(parts) {
    if (beats) {
      telemetry = std::make_unique<TelemetryWatcher>(engine_in, *relay, *options.operator_key, *beats);
    }
  }

  void post(std::function<void()> task) {
    const std::shared_lock lock(workers_mutex);
    if (!try_post || !try_post(task)) task();
  }
};

Result<std::unique_ptr<Service>, std::string> Service::make(engine::Engine& engine, artifacts::Store& artifacts,
                                                            prometheus::Registry& metrics, ServiceOptions options) {
  auto relay = Relay::open(options.relay_folder, {options.log_bytes_max, options.relay_bytes_max});
  if (!relay) return fail(relay.error());
  std::unique_ptr<BeatArchive> beats;
  if (options.operator_key && options.watches_beats) {
    const std::filesystem::path folder =
        options.beats_folder.empty() ? options.relay_folder.string() + "-beats" : options.beats_folder.string();
    auto opened = BeatArchive::open(folder, {.epochs_kept = options.beats_epochs_kept});
    if (!opened) return fail(opened.error());
    beats = std::move(*opened);
  }
  return std::unique_ptr<Service>(new Service(
      std::make_unique<Impl>(engine, artifacts, metrics, std::move(options), std::move(*relay), std::move(beats))));
}

Service::Service(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Service::~Service() { stop(); }

void Service::add_routes(http::Router& router) {
  const Parts& parts = impl_->parts;
  add_chain_routes(router, parts);
  add_history_routes(router, parts);
  add_checkpoint_routes(router, parts);
  add_transaction_routes(router, parts);
  add_node_routes(router, parts);
  add_market_routes(router, parts);
  add_contract_routes(router, parts);
  add_artifact_routes(router, parts);
  add_provider_routes(router, parts);
  add_telemetry_routes(router, parts);
  add_pool_routes(router, parts);
  add_stream_routes(router, parts);
  add_document_route(router, parts);
}

void Service::start() {
  impl_->started = true;
  impl_->streams.start();
  impl_->engine.add_listener([this](const protocol::BlockResult& block) { impl_->streams.on_block(block); });
  impl_->matches.start();
  impl_->engine.add_listener([this](const protocol::BlockResult& block) { impl_->matches.on_block(block); });
  impl_->predictions.start();
  impl_->engine.add_listener([this](const protocol::BlockResult& block) { impl_->predictions.on_block(block); });
  impl_->views.start();
  impl_->engine.add_listener([this](const protocol::BlockResult&) { impl_->views.on_block(); });
  impl_->engine.add_listener([this](const protocol::BlockResult& block) { impl_->upkeep.on_block(block); });
  impl_->upkeep.start();
  if (impl_->telemetry) impl_->telemetry->start();
}

void Service::stop() {
  if (!impl_->started) return;
  impl_->started = false;
  use_workers(nullptr);
  if (impl_->telemetry) impl_->telemetry->stop();
  impl_->upkeep.stop();
  impl_->views.stop();
  impl_->predictions.stop();
  impl_->streams.stop();
}

std::string Service::rate_key(const http::Request& request) const { return impl_->authorizer.rate_key(request); }

void Service::use_workers(std::function<bool(std::function<void()>)> try_post) {
  const std::unique_lock lock(impl_->workers_mutex);
  impl_->try_post = std::move(try_post);
}

}  // namespace starminer::api
