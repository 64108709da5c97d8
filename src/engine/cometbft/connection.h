// One connection of the ABCI socket: its frames, the answers in the order of their requests, and its bounds. Everything
// runs on the thread of the sockets. Internal to the server.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include <boost/asio/generic/stream_protocol.hpp>

#include "engine/cometbft/frame.h"
#include "engine/cometbft/lanes.h"
#include "engine/cometbft/server.h"

namespace starminer::engine::cometbft {

struct ConnectionCounters {
  std::atomic<std::uint64_t> connections{0};
  std::atomic<std::uint64_t> open{0};
  std::atomic<std::uint64_t> requests{0};
  std::atomic<std::uint64_t> flushes{0};
  std::atomic<std::uint64_t> faults{0};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  using Socket = boost::asio::generic::stream_protocol::socket;

  /// What all connections share; outlives them.
  struct Shared {
    const ServerOptions& options;
    Lanes& lanes;
    ConnectionCounters& counters;
    std::function<void(const std::shared_ptr<Connection>&)> on_end;
  };

  Connection(Socket socket, const Shared& shared);

  void start();
  /// Puts an answer where its request stands; `send` sends what is complete.
  void settle(Done& done);
  void send();
  void close();

 private:
  struct Slot {
    bool ready = false;
    bool fatal = false;  // the connection ends behind it
    std::size_t request_bytes = 0;
    Bytes frame;
  };

  void read();
  void on_read(const boost::system::error_code& error, std::size_t count);
  /// Takes requests out of what was read, while there is room for them.
  void consume();
  [[nodiscard]] bool has_room() const;
  /// False where the request must wait for those of another lane; then it is kept.
  [[nodiscard]] bool take(Bytes request);
  void dispatch(Lane lane, Bytes request);
  void answer_now(Bytes frame);
  void fault(const std::string& what);
  void on_written(const boost::system::error_code& error);

  Socket socket_;
  const Shared& shared_;
  FrameReader reader_;
  std::deque<Slot> slots_;  // not sent yet, in the order of their requests
  std::uint64_t first_slot_ = 0;
  std::size_t waiting_ = 0;        // slots without an answer
  std::size_t waiting_bytes_ = 0;  // of their requests
  Lane lane_{};                    // theirs
  std::optional<Bytes> held_;      // a request that waits for another lane's
  std::size_t unsent_bytes_ = 0;   // of answers
  Bytes outgoing_;
  Bytes writing_;
  bool reading_ = false;
  bool ended_ = false;  // nothing more is read: the end of the stream, or a fault
  bool closed_ = false;
};

}  // namespace starminer::engine::cometbft
