// The one-time right to answer a request. Copies share it: the first send wins. When the last copy goes without an
// answer, the client gets a 500. Thread-safe; may outlive the server.
#pragma once

#include <functional>
#include <memory>

namespace starminer::api::http {

struct Response;

class Responder {
 public:
  using Deliver = std::function<void(Response)>;

  explicit Responder(Deliver deliver);

  /// Never blocks. Does nothing when an answer was given already or the client is gone.
  void send(Response response) const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace starminer::api::http
