#include "api/http/router.h"

#include <array>
#include <map>

#include "base/check.h"

namespace starminer::api::http {
namespace {

constexpr std::size_t kMethodCount = static_cast<std::size_t>(Method::Other);

bool is_parameter(std::string_view segment) {
  return segment.size() > 2 && segment.front() == '{' && segment.back() == '}';
}

std::vector<std::string> split_pattern(std::string_view pattern) {
  std::vector<std::string> segments;
  STARMINER_CHECK(!pattern.empty() && pattern.front() == '/');
  pattern.remove_prefix(1);
  while (!pattern.empty()) {
    const std::size_t slash = pattern.find('/');
    segments.emplace_back(pattern.substr(0, slash));
    STARMINER_CHECK(!segments.back().empty());
    if (slash == std::string_view::npos) break;
    pattern.remove_prefix(slash + 1);
  }
  return segments;
}

}  // namespace

// A tree of path segments. A parameter's name belongs to the route, not to the node, because routes of different
// methods may name the same place differently.
struct Router::Node {
  std::map<std::string, std::unique_ptr<Node>, std::less<>> literals;
  std::unique_ptr<Node> parameter;
  std::array<const Route*, kMethodCount> routes{};
  std::array<std::vector<std::string>, kMethodCount> names;

  [[nodiscard]] bool has_routes() const {
    for (const Route* route : routes) {
      if (route != nullptr) return true;
    }
    return false;
  }

  /// Literals first; the parameter when the literal branch leads nowhere. Depth is bounded by the deepest pattern.
  [[nodiscard]] const Node* find(const std::vector<std::string>& segments, std::size_t at,
                                 std::vector<std::size_t>& taken) const {
    if (at == segments.size()) return has_routes() ? this : nullptr;
    const auto literal = literals.find(segments[at]);
    if (literal != literals.end()) {
      if (const Node* found = literal->second->find(segments, at + 1, taken)) return found;
    }
    if (parameter == nullptr) return nullptr;
    taken.push_back(at);
    if (const Node* found = parameter->find(segments, at + 1, taken)) return found;
    taken.pop_back();
    return nullptr;
  }

  [[nodiscard]] std::string allow() const {
    std::string out;
    for (std::size_t i = 0; i < kMethodCount; ++i) {
      const auto method = static_cast<Method>(i);
      const bool implied_head = method == Method::Head && routes[static_cast<std::size_t>(Method::Get)] != nullptr;
      if (routes[i] == nullptr && !implied_head && method != Method::Options) continue;
      if (!out.empty()) out += ", ";
      out += method_name(method);
    }
    return out;
  }
};

Router::Router() : root_(std::make_unique<Node>()) {}
Router::~Router() = default;
Router::Router(Router&&) noexcept = default;
Router& Router::operator=(Router&&) noexcept = default;

void Router::insert(Method method, std::string pattern, Handler handler, RouteOptions options) {
  STARMINER_CHECK(method != Method::Other);
  Node* node = root_.get();
  std::vector<std::string> names;
  for (const std::string& segment : split_pattern(pattern)) {
    std::unique_ptr<Node>* next = nullptr;
    if (is_parameter(segment)) {
      names.push_back(segment.substr(1, segment.size() - 2));
      next = &node->parameter;
    } else {
      next = &node->literals[segment];
    }
    if (*next == nullptr) *next = std::make_unique<Node>();
    node = next->get();
  }
  const auto slot = static_cast<std::size_t>(method);
  STARMINER_CHECK(node->routes[slot] == nullptr);
  auto route = std::make_unique<Route>();
  route->method = method;
  route->pattern = std::move(pattern);
  route->options = std::move(options);
  if (method == Method::Get || method == Method::Head) route->options.body_limit = 0;
  route->handler = std::move(handler);
  route->index = routes_.size();
  node->routes[slot] = route.get();
  node->names[slot] = std::move(names);
  routes_.push_back(std::move(route));
}

void Router::add(Method method, std::string pattern, SyncHandler handler, RouteOptions options) {
  insert(method, std::move(pattern), std::move(handler), std::move(options));
}

void Router::add_async(Method method, std::string pattern, AsyncHandler handler, RouteOptions options) {
  insert(method, std::move(pattern), std::move(handler), std::move(options));
}

void Router::add_upload(Method method, std::string pattern, UploadHandler handler, RouteOptions options) {
  insert(method, std::move(pattern), std::move(handler), std::move(options));
}

void Router::add_events(std::string pattern, EventHandler handler, RouteOptions options) {
  insert(Method::Get, std::move(pattern), std::move(handler), std::move(options));
}

const std::vector<std::unique_ptr<Route>>& Router::routes() const { return routes_; }

Router::Match Router::find(Method method, const std::vector<std::string>& segments,
                           std::vector<std::pair<std::string_view, std::string>>& params) const {
  std::vector<std::size_t> taken;
  const Node* node = root_->find(segments, 0, taken);
  if (node == nullptr) return {};
  auto slot = static_cast<std::size_t>(method);
  if (method == Method::Head && node->routes[slot] == nullptr) slot = static_cast<std::size_t>(Method::Get);
  if (method == Method::Other || node->routes[slot] == nullptr) return {nullptr, node->allow()};
  for (std::size_t i = 0; i < taken.size(); ++i) params.emplace_back(node->names[slot][i], segments[taken[i]]);
  return {node->routes[slot], {}};
}

}  // namespace starminer::api::http
