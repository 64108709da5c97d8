#include "api/http/responder.h"

#include <atomic>

#include "api/http/message.h"

namespace starminer::api::http {

struct Responder::State {
  Deliver deliver;
  std::atomic<bool> sent = false;

  explicit State(Deliver function) : deliver(std::move(function)) {}
  State(const State&) = delete;
  State& operator=(const State&) = delete;
  ~State() { send(internal_error()); }

  void send(Response response) {
    if (!sent.exchange(true)) deliver(std::move(response));
  }
};

Responder::Responder(Deliver deliver) : state_(std::make_shared<State>(std::move(deliver))) {}

void Responder::send(Response response) const { state_->send(std::move(response)); }

}  // namespace starminer::api::http
