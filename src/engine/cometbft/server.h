// The server of the ABCI socket: listens on a unix socket or TCP, takes any number of connections, and answers every
// request of a connection exactly once and in order. Reading and writing of a connection never wait for each other, and
// handlers run on threads of their lanes, so that no connection waits for another one's work.
// Bounds: the length of a message, requests and bytes of a connection that are not answered or not taken by the other
// side yet. A connection at a bound is not read until there is room.
// Protocol errors are answered by a ResponseException and the end of the connection.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "engine/cometbft/handler.h"

namespace starminer::engine::cometbft {

struct ServerOptions {
  std::string address;  // "unix:///run/starminerd/abci.sock" or "tcp://127.0.0.1:26658"; port 0 takes a free one
  std::size_t message_bytes_max = 128U << 20;  // CometBFT's blocks have at most 100 MiB
  std::size_t connections_max = 32;
  std::size_t unanswered_max = 4'096;           // requests of a connection
  std::size_t unanswered_bytes_max = 8U << 20;  // and their bytes; a single longer one is taken when none waits
  std::size_t unanswered_queries_max = 4;       // of those, queries: their answers may be as long as a block
  std::size_t unsent_bytes_max = 4U << 20;      // of a connection's answers
};

/// What the server did since its start.
struct ServerCounters {
  std::uint64_t connections = 0;  // taken
  std::uint64_t open = 0;         // now
  std::uint64_t requests = 0;
  std::uint64_t flushes = 0;
  std::uint64_t faults = 0;  // protocol errors and exceptions
};

class Server {
 public:
  /// `handler` must outlive the server.
  Server(ServerOptions options, Handler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and serves. A socket file that nobody listens on any more is replaced. Fails with a sentence.
  [[nodiscard]] Result<void, std::string> start();
  /// Closes all connections; a handler that runs is waited for.
  void stop();

  /// The address that it listens on, with the port it took.
  [[nodiscard]] const std::string& address() const;
  [[nodiscard]] ServerCounters counters() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace starminer::engine::cometbft
