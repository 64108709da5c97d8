// The OpenAPI document and docs/api.md against the routes of a running node, both ways.
#include <algorithm>
#include <fstream>
#include <iterator>
#include <regex>
#include <set>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "api/openapi.h"
#include "tests/api/schema_check.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using nlohmann::json;

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

std::string name_of(const api::http::Route& route) {
  return std::string(api::http::method_name(route.method)) + " " + route.pattern;
}

class DocumentTest : public ::testing::Test {
 protected:
  DocumentTest() : document_(get(*world_.anybody(), "/openapi.json")) {}

  std::set<std::string> routes() {
    std::set<std::string> names;
    for (const auto& route : world_.router().routes()) names.insert(name_of(*route));
    return names;
  }
  static void collect_references(const json& value, std::set<std::string>& out) {
    if (value.is_object() && value.contains("$ref")) out.insert(value["$ref"].get<std::string>());
    if (value.is_structured()) {
      for (const json& part : value) collect_references(part, out);
    }
  }

  World world_;
  json document_;
};

TEST_F(DocumentTest, HasEveryRouteAndNoOther) {
  std::set<std::string> described;
  for (const auto& [path, operations] : document_["paths"].items()) {
    for (const auto& [method, operation] : operations.items()) described.insert(upper(method) + " " + path);
  }
  EXPECT_EQ(described, routes());
  std::set<std::string> texts;
  for (const api::OperationText& text : api::operation_texts()) texts.insert(std::string(text.route));
  EXPECT_EQ(texts, routes()) << "openapi_operations.cpp";
}

TEST_F(DocumentTest, AgreesWithTheRoutesOnAccessAndMediaTypes) {
  for (const auto& route : world_.router().routes()) {
    std::string method(api::http::method_name(route->method));
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    const json& operation = document_["paths"][route->pattern][method];
    SCOPED_TRACE(name_of(*route));
    EXPECT_EQ(operation["x-auth"], route->options.auth);
    EXPECT_EQ(operation["security"].empty(), route->options.auth == "public");
    EXPECT_FALSE(operation["summary"].get<std::string>().empty());
    std::vector<std::string> types;
    if (operation.contains("requestBody")) {
      for (const auto& [type, schema] : operation["requestBody"]["content"].items()) types.push_back(type);
      EXPECT_EQ(operation["x-body-limit-bytes"], route->options.body_limit);
    }
    EXPECT_THAT(types, ::testing::UnorderedElementsAreArray(route->options.content_types));
    // Every {name} of the path is declared.
    std::size_t in_path = 0;
    for (const json& parameter : operation.value("parameters", json::array())) {
      if (parameter["in"] == "path") ++in_path;
    }
    EXPECT_EQ(in_path, std::count(route->pattern.begin(), route->pattern.end(), '{'));
  }
}

TEST_F(DocumentTest, RefersToSchemasThatExistAndUsesEveryOne) {
  std::set<std::string> used, known;
  collect_references(document_, used);
  for (const auto& [name, schema] : document_["components"]["schemas"].items())
    known.insert("#/components/schemas/" + name);
  EXPECT_EQ(used, known);
}

// What a node answers with its registries is what the document lists.
TEST_F(DocumentTest, EnumerationsAreTheRegistriesOfTheNode) {
  const auto listed = [&](const char* schema) {
    return document_["components"]["schemas"][schema]["enum"].get<std::vector<std::string>>();
  };
  const json codes = get(*world_.anybody(), "/v1/codes");
  const auto column = [&](const char* list, const char* name) {
    std::vector<std::string> values;
    for (const json& row : codes[list]) values.push_back(row[name]);
    return values;
  };
  EXPECT_EQ(listed("RefusalLabel"), column("refusals", "code"));
  EXPECT_EQ(listed("EndReasonCode"), column("end_reasons", "code"));
  EXPECT_EQ(listed("Operation"), column("operations", "name"));
  EXPECT_THAT(column("end_reasons", "party"), ::testing::Each(::testing::AnyOfArray(listed("Party"))));
  EXPECT_THAT(column("refusals", "class"), ::testing::Each(::testing::AnyOfArray(listed("RefusalClass"))));
  EXPECT_THAT(listed("JobState"), ::testing::ElementsAre("queued", "active", "settled", "refunded"));
  EXPECT_THAT(listed("LockPurpose"), ::testing::ElementsAre("escrow", "node_identity", "stake", "unbonding",
                                                            "price_lock", "notice", "reserve", "account_deposit"));
  EXPECT_THAT(listed("Preset"), ::testing::ElementsAre("main", "test", "dev"));
  std::set<std::string> setters;
  const json params = get(*world_.anybody(), "/v1/params");
  for (const json& row : params["parameters"]) setters.insert(row["set_by"]);
  EXPECT_THAT(setters, ::testing::UnorderedElementsAreArray(listed("ParameterSetter")));
}

TEST_F(DocumentTest, OperationNamesAreUnique) {
  std::set<std::string> names;
  for (const api::OperationText& text : api::operation_texts())
    EXPECT_TRUE(names.insert(std::string(text.name)).second) << text.name;
}

TEST_F(DocumentTest, ProblemsFitTheirSchema) {
  api::http::ClientOptions options;
  const auto http = *api::http::HttpClient::make(world_.url());
  const auto api = world_.anybody();
  const auto refused = api->get("/v1/jobs/x");
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, "bad_id");
  EXPECT_FALSE(refused.error().instance.empty());
}

TEST_F(DocumentTest, TheCheckerFindsWhatIsWrong) {
  json status = get(*world_.anybody(), "/v1/status");
  EXPECT_EQ(mismatch(document_, "Status", status), "");
  status["height"] = "7";
  EXPECT_NE(mismatch(document_, "Status", status), "");
  status["height"] = 7;
  status["surprise"] = 1;
  EXPECT_NE(mismatch(document_, "Status", status), "");
  status.erase("surprise");
  status["app_hash"] = "xyz";
  EXPECT_NE(mismatch(document_, "Status", status), "");
  status.erase("app_hash");
  EXPECT_NE(mismatch(document_, "Status", status), "");
}

TEST_F(DocumentTest, TheReferenceNamesEveryRouteOnceAndNoOther) {
  std::ifstream file(STARMINER_SOURCE_DIR "/docs/api.md");
  ASSERT_TRUE(file.is_open());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::regex heading("^#### `(GET|POST|PUT|DELETE) ([^`?]+)`$", std::regex::multiline);
  std::multiset<std::string> named;
  for (std::sregex_iterator at(text.begin(), text.end(), heading), end; at != end; ++at) {
    named.insert((*at)[1].str() + " " + (*at)[2].str());
  }
  const std::set<std::string> all = routes();
  EXPECT_EQ(named, std::multiset<std::string>(all.begin(), all.end()));
}

}  // namespace
}  // namespace starminer::api_test
