// Artifacts: what comes whole, what comes in parts, what is wrong, and who may read it.
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "signing/request.h"
#include "tests/api/world.h"

namespace starminer::api_test {
namespace {

using api::http::CallOptions;
using api::http::HttpClient;
using api::http::Method;
using nlohmann::json;

class UploadsTest : public ::testing::Test {
 protected:
  UploadsTest()
      : world_({protocol::Preset::Main,
                [](api::ServiceOptions& options) {
                  options.artifact_bytes_max = 8U << 20U;
                  options.account_bytes_max = 20U << 20U;
                },
                {},
                {}}) {}

  /// A PUT with headers of our choice.
  Result<api::http::ClientResponse, client::ApiError> put(std::string_view name, const Hash32& hash,
                                                          std::string_view body, const std::string& range = {}) {
    const std::string target = "/v1/artifacts/" + hash.hex();
    CallOptions call;
    call.headers.emplace_back("Authorization", signing::make_authorization(
                                                   key_of(name), "PUT", target, {}, engine::solo::Engine::wall_clock(),
                                                   to_hex(ByteView(sha256(std::to_string(++nonce_)).bytes).first(16))));
    if (!range.empty()) call.headers.emplace_back("Content-Range", range);
    return (*HttpClient::make(world_.url()))->put(target, body, "application/octet-stream", call);
  }
  std::string code_of_put(std::string_view name, const Hash32& hash, std::string_view body,
                          const std::string& range = {}) {
    const auto answer = put(name, hash, body, range);
    return answer ? std::to_string(answer->status) : answer.error().code;
  }
  std::string read(std::string_view name, const Hash32& hash) {
    const auto bytes = world_.as(name)->get_bytes("/v1/artifacts/" + hash.hex());
    return bytes ? *bytes : bytes.error().code;
  }

  World world_;
  std::uint64_t nonce_ = 0;
};

TEST_F(UploadsTest, AnUploadIsReadByItsUploaderOnly) {
  const Hash32 hash = sha256("a secret");
  EXPECT_EQ(code_of_put("ada", hash, "a secret"), "201");
  EXPECT_EQ(code_of_put("ada", hash, "a secret"), "200");
  EXPECT_EQ(read("ada", hash), "a secret");
  EXPECT_EQ(read("ben", hash), "forbidden");
  EXPECT_EQ(read("ben", sha256("no such thing")), "forbidden");
}

TEST_F(UploadsTest, KnowingAHashIsNotHoldingItsContent) {
  const Hash32 hash = sha256("a secret");
  ASSERT_EQ(code_of_put("ada", hash, "a secret"), "201");
  EXPECT_EQ(code_of_put("ben", hash, "a guess!"), "hash_mismatch");
  EXPECT_EQ(code_of_put("ben", hash, "short"), "hash_mismatch");
  EXPECT_EQ(code_of_put("ben", hash, "t", "bytes 7-7/8"), "offset_mismatch");
  EXPECT_EQ(code_of_put("ben", hash, "", "bytes */8"), "offset_mismatch");
  EXPECT_EQ(read("ben", hash), "forbidden");
  EXPECT_EQ(read("ada", hash), "a secret");
  EXPECT_EQ(code_of_put("ben", hash, "a secret"), "201");
  EXPECT_EQ(read("ben", hash), "a secret");
}

TEST_F(UploadsTest, WhoSentOnlyTheBeginningDoesNotBecomeAnUploader) {
  const Hash32 hash = sha256("a secret");
  EXPECT_EQ(code_of_put("ben", hash, "a", "bytes 0-0/8"), "202");
  EXPECT_EQ(code_of_put("ada", hash, "a secret"), "201");
  EXPECT_EQ(read("ada", hash), "a secret");
  EXPECT_EQ(read("ben", hash), "forbidden");
}

TEST_F(UploadsTest, AWrongBeginningOfAnotherDoesNotSpoilAnUpload) {
  const Hash32 hash = sha256("a secret");
  EXPECT_EQ(code_of_put("ben", hash, "x", "bytes 0-0/8"), "202");
  EXPECT_EQ(code_of_put("ada", hash, "a secret"), "offset_mismatch");
  EXPECT_EQ(code_of_put("ada", hash, "a secret"), "201");
  EXPECT_EQ(code_of_put("ben", sha256("other"), "xxx", "bytes 0-2/9999"), "202");
  EXPECT_EQ(code_of_put("ada", sha256("other"), "other"), "201") << "a wrong size of another is no obstacle";
}

TEST_F(UploadsTest, AWrongContentIsRefusedAndLeavesNothing) {
  const Hash32 hash = sha256("right");
  EXPECT_EQ(code_of_put("ada", hash, "wrong"), "hash_mismatch");
  EXPECT_EQ(world_.artifacts().usage().partials, 0U);
  EXPECT_EQ(code_of_put("ada", hash, "right"), "201");
}

TEST_F(UploadsTest, PartsAreJoinedInOrder) {
  const Hash32 hash = sha256("0123456789");
  const auto first = put("ada", hash, "0123", "bytes 0-3/10");
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(first->status, 202);
  EXPECT_EQ(first->header("upload-offset"), "4");
  EXPECT_EQ(code_of_put("ada", hash, "789", "bytes 7-9/10"), "offset_mismatch");
  EXPECT_EQ(code_of_put("ada", hash, "456789", "bytes 4-9/10"), "201");
  EXPECT_EQ(read("ada", hash), "0123456789");
}

TEST_F(UploadsTest, ABrokenUploadOfAFileGoesOnWhereItStopped) {
  std::string content;
  for (int i = 0; i < 400'000; ++i) content += "line " + std::to_string(i) + "\n";
  const std::filesystem::path file = world_.folder() / "input";
  std::ofstream(file, std::ios::binary) << content;
  const auto ada = world_.as("ada");
  int calls = 0;
  const auto broken = ada->upload(file.string(), [&](std::uint64_t, std::uint64_t) { return ++calls < 6; });
  ASSERT_FALSE(broken.has_value());
  EXPECT_EQ(broken.error().code, "cancelled");
  std::uint64_t begun_at = 0;
  const auto whole = ada->upload(file.string(), [&](std::uint64_t done, std::uint64_t) {
    if (begun_at == 0) begun_at = done;
    return true;
  });
  ASSERT_TRUE(whole.has_value()) << client::describe(whole.error());
  EXPECT_EQ(read("ada", *whole), content);
  // After a restart nothing is known of who sent what; the content is sent again and fits.
  const auto ben = world_.as("ben");
  calls = 0;
  std::ofstream(file, std::ios::binary) << content << "more";
  ASSERT_FALSE(ben->upload(file.string(), [&](std::uint64_t, std::uint64_t) { return ++calls < 6; }).has_value());
  world_.restart();
  ASSERT_TRUE(world_.as("ben")->upload(file.string(), {}).has_value());
}

TEST_F(UploadsTest, LimitsAreRefusalsWithTheirReason) {
  const std::string large((8U << 20U) + 1, 'x');
  EXPECT_EQ(code_of_put("ada", sha256(large), large), "body_too_large");
  EXPECT_EQ(code_of_put("ada", sha256("x"), "x", "bytes 0-0/99999999"), "too_large");
  EXPECT_EQ(code_of_put("nobody at all", sha256("x"), "x"), "forbidden") << "the account does not exist";
  const std::string most(8U << 20U, 'y');
  EXPECT_EQ(code_of_put("ada", sha256(most), most), "201");
  EXPECT_EQ(code_of_put("ada", sha256("1"), "1", "bytes 0-0/8388608"), "202");
  EXPECT_EQ(code_of_put("ada", sha256("2"), "2", "bytes 0-0/8388608"), "quota_exceeded");
  EXPECT_EQ(code_of_put("ben", sha256("2"), "2", "bytes 0-0/8388608"), "202");
}

// Naming the hash of a stranger's artifact in one's own job or result must not open it.
TEST_F(UploadsTest, AContractOpensOnlyWhatItsPartiesHaveUploaded) {
  world_.add_node("fay");
  const Hash32 secret = sha256("of ben");
  ASSERT_EQ(code_of_put("ben", secret, "of ben"), "201");
  const auto ada = world_.as("ada");
  const auto fay = world_.as("fay");
  const std::string job = send(*ada, job_submission(job_spec(secret, {secret}))).subject;
  const std::string contract = get(*ada, "/v1/jobs/" + job)["contract"];
  const std::string target = "/v1/artifacts/" + secret.hex() + "?contract=" + contract;
  const auto taken = fay->get_bytes(target);
  ASSERT_FALSE(taken.has_value());
  EXPECT_EQ(taken.error().code, "forbidden");

  const std::string manifest = json{{"version", 1}, {"outputs", {{{"sha256", secret.hex()}}}}}.dump();
  const Hash32 result = sha256(manifest);
  ASSERT_EQ(code_of_put("fay", result, manifest), "201");
  v1::TransactionBody body;
  body.mutable_contract_acknowledge()->set_contract(wire(contract_of(contract)));
  send(*fay, body);
  body.mutable_contract_start()->set_contract(wire(contract_of(contract)));
  send(*fay, body);
  body.mutable_contract_complete()->set_contract(wire(contract_of(contract)));
  body.mutable_contract_complete()->set_run_ms(1);
  body.mutable_contract_complete()->set_result_hash(wire(result));
  body.mutable_contract_complete()->add_outputs(wire(secret));
  body.mutable_contract_complete()->set_proof_hash(wire(secret));
  send(*fay, body);
  EXPECT_TRUE(ada->get_bytes("/v1/artifacts/" + result.hex() + "?contract=" + contract).has_value());
  const auto stolen = ada->get_bytes(target);
  ASSERT_FALSE(stolen.has_value());
  EXPECT_EQ(stolen.error().code, "forbidden");
}

}  // namespace
}  // namespace starminer::api_test
