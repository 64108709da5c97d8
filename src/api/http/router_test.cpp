#include "api/http/router.h"

#include <gtest/gtest.h>

#include "api/http/target.h"

namespace starminer::api::http {
namespace {

Router make_router() {
  Router router;
  const SyncHandler handler = [](const Request&) { return Response::text("x"); };
  router.add(Method::Get, "/", handler);
  router.add(Method::Get, "/v1/jobs", handler);
  router.add(Method::Post, "/v1/jobs", handler);
  router.add(Method::Get, "/v1/jobs/{id}", handler);
  router.add(Method::Get, "/v1/jobs/latest", handler);
  router.add(Method::Get, "/v1/jobs/{job}/logs/{name}", handler, {.summary = "one log", .auth = "signed"});
  router.add(Method::Get, "/v1/jobs/latest/events", handler);
  return router;
}

struct Found {
  std::string pattern;
  std::string allow;
  std::vector<std::pair<std::string_view, std::string>> params;
};

Found find(const Router& router, Method method, std::string_view path) {
  Found found;
  const auto match = router.find(method, *split_path(path), found.params);
  if (match.route != nullptr) found.pattern = match.route->pattern;
  found.allow = match.allow;
  return found;
}

TEST(Router, PrefersLiteralsAndBindsParameters) {
  const Router router = make_router();
  EXPECT_EQ(find(router, Method::Get, "/").pattern, "/");
  EXPECT_EQ(find(router, Method::Get, "/v1/jobs").pattern, "/v1/jobs");
  EXPECT_EQ(find(router, Method::Get, "/v1/jobs/latest").pattern, "/v1/jobs/latest");
  const Found job = find(router, Method::Get, "/v1/jobs/j%2d1");
  EXPECT_EQ(job.pattern, "/v1/jobs/{id}");
  ASSERT_EQ(job.params.size(), 1U);
  EXPECT_EQ(job.params[0].first, "id");
  EXPECT_EQ(job.params[0].second, "j-1");
}

TEST(Router, GoesBackFromALiteralThatLeadsNowhere) {
  const Router router = make_router();
  const Found log = find(router, Method::Get, "/v1/jobs/latest/logs/out");
  EXPECT_EQ(log.pattern, "/v1/jobs/{job}/logs/{name}");
  ASSERT_EQ(log.params.size(), 2U);
  EXPECT_EQ(log.params[0].second, "latest");
  EXPECT_EQ(log.params[1].second, "out");
}

TEST(Router, TellsUnknownPathFromWrongMethod) {
  const Router router = make_router();
  EXPECT_EQ(find(router, Method::Get, "/nothing").allow, "");
  EXPECT_EQ(find(router, Method::Get, "/v1/jobs/a/logs").allow, "");
  EXPECT_EQ(find(router, Method::Delete, "/v1/jobs").allow, "GET, HEAD, POST, OPTIONS");
  EXPECT_EQ(find(router, Method::Other, "/v1/jobs/x").allow, "GET, HEAD, OPTIONS");
}

TEST(Router, HeadFallsBackToGet) { EXPECT_EQ(find(make_router(), Method::Head, "/v1/jobs").pattern, "/v1/jobs"); }

TEST(Router, ListsItsRoutes) {
  const Router router = make_router();
  ASSERT_EQ(router.routes().size(), 7U);
  EXPECT_EQ(router.routes()[5]->options.auth, "signed");
  EXPECT_EQ(router.routes()[5]->options.summary, "one log");
  EXPECT_EQ(router.routes()[1]->options.body_limit, 0U) << "GET takes no body";
  EXPECT_EQ(router.routes()[2]->options.body_limit, 1U << 20U);
}

TEST(RouterDeathTest, TheSameRouteTwiceIsABug) {
  Router router = make_router();
  EXPECT_DEATH(router.add(Method::Get, "/v1/jobs/{other}", SyncHandler{}), "");
}

}  // namespace
}  // namespace starminer::api::http
