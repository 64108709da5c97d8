// The API of a node: puts all parts together and registers every route. Make it, add its routes to a router, start it,
// then serve. At the end stop the server, the service and the engine, in this order; the service goes after the engine
// has stopped, which calls it with every block.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "api/http/router.h"
#include "api/parts.h"
#include "base/result.h"

namespace starminer::api {

class Service {
 public:
  /// All references must outlive the service. The error is a sentence for the operator.
  [[nodiscard]] static Result<std::unique_ptr<Service>, std::string> make(engine::Engine& engine,
                                                                          artifacts::Store& artifacts,
                                                                          prometheus::Registry& metrics,
                                                                          ServiceOptions options);
  /// Stops.
  ~Service();
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  void add_routes(http::Router& router);
  /// Listens to blocks and starts streams, upkeep and telemetry. Requires: the engine takes listeners.
  void start();
  /// Ends event streams and background work. Requests that still come are answered.
  void stop();
  /// For http::ServerOptions::rate_key.
  [[nodiscard]] std::string rate_key(const http::Request& request) const;
  /// Where long work goes: http::Server::try_post. Until it is set, work is done where it arises.
  void use_workers(std::function<bool(std::function<void()>)> try_post);

 private:
  struct Impl;
  explicit Service(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::api
