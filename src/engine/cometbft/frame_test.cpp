#include "engine/cometbft/frame.h"

#include <functional>

#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "starminer/abci/abci.pb.h"

namespace starminer::engine::cometbft {
namespace {

constexpr std::size_t kMax = 1U << 20U;

Bytes hex(std::string_view text) {
  const auto bytes = from_hex(text);
  EXPECT_TRUE(bytes.has_value()) << text;
  return bytes.value_or(Bytes{});
}

void feed(FrameReader& reader, ByteView bytes) {
  while (!bytes.empty()) {
    const auto room = reader.prepare();
    const std::size_t count = std::min(room.size(), bytes.size());
    std::copy_n(bytes.begin(), count, room.begin());
    reader.commit(count);
    bytes = bytes.subspan(count);
  }
}

/// All whole messages that come out now.
std::vector<Bytes> drain(FrameReader& reader) {
  std::vector<Bytes> messages;
  for (;;) {
    const auto message = reader.next();
    EXPECT_TRUE(message.has_value());
    if (!message || !*message) return messages;
    messages.emplace_back((*message)->begin(), (*message)->end());
  }
}

/// Frames that protoc made from CometBFT's own definitions (abci/types of v0.38.25).
template <class Message>
void expect_both_ways(const char* frame_hex, const Message& message) {
  SCOPED_TRACE(frame_hex);
  const Bytes frame = hex(frame_hex);
  Bytes written;
  append_frame(message, written);
  EXPECT_EQ(to_hex(written), frame_hex);
  FrameReader reader(kMax);
  feed(reader, frame);
  const auto payload = reader.next();
  ASSERT_TRUE(payload && *payload);
  Message read;
  ASSERT_TRUE(read.ParseFromArray((*payload)->data(), static_cast<int>((*payload)->size())));
  EXPECT_EQ(read.SerializeAsString(), message.SerializeAsString());
  EXPECT_EQ(read.value_case(), message.value_case());
  EXPECT_FALSE(reader.within_frame());
}

template <class Message>
Message make(const std::function<void(Message&)>& fill) {
  Message message;
  fill(message);
  return message;
}

abci::Request request(const std::function<void(abci::Request&)>& fill) { return make<abci::Request>(fill); }
abci::Response response(const std::function<void(abci::Response&)>& fill) { return make<abci::Response>(fill); }

// REQ: DEC-1
TEST(Frame, RequestsOfCometBftToTheByte) {
  expect_both_ways("060a040a026869", request([](auto& m) { m.mutable_echo()->set_message("hi"); }));
  expect_both_ways("021200", request([](auto& m) { m.mutable_flush(); }));
  expect_both_ways("161a140a07302e33382e3235100b18082205322e302e30", request([](auto& m) {
                     auto& info = *m.mutable_info();
                     info.set_version("0.38.25");
                     info.set_block_version(11);
                     info.set_p2p_version(8);
                     info.set_abci_version("2.0.0");
                   }));
  expect_both_ways("025a00", request([](auto& m) { m.mutable_commit(); }));
  expect_both_ways("0742050a03010203", request([](auto& m) { m.mutable_check_tx()->set_tx("\x01\x02\x03"); }));
  expect_both_ways("0942070a030102031001", request([](auto& m) {
                     m.mutable_check_tx()->set_tx("\x01\x02\x03");
                     m.mutable_check_tx()->set_type(abci::RECHECK);
                   }));
}

TEST(Frame, AnswersToCometBftToTheByte) {
  expect_both_ways("0612040a026869", response([](auto& m) { m.mutable_echo()->set_message("hi"); }));
  expect_both_ways("021a00", response([](auto& m) { m.mutable_flush(); }));
  expect_both_ways("0c220a180120052a04aaaaaaaa", response([](auto& m) {
                     m.mutable_info()->set_app_version(1);
                     m.mutable_info()->set_last_block_height(5);
                     m.mutable_info()->set_last_block_app_hash("\xaa\xaa\xaa\xaa");
                   }));
  expect_both_ways("024a00", response([](auto& m) { m.mutable_check_tx(); }));
  expect_both_ways("026200", response([](auto& m) { m.mutable_commit(); }));
  expect_both_ways("0462021807", response([](auto& m) { m.mutable_commit()->set_retain_height(7); }));
  expect_both_ways("059201020801", response([](auto& m) {
                     m.mutable_process_proposal()->set_status(abci::ResponseProcessProposal::ACCEPT);
                   }));
  expect_both_ways("05a201020801", response([](auto& m) {
                     m.mutable_verify_vote_extension()->set_status(abci::ResponseVerifyVoteExtension::ACCEPT);
                   }));
  expect_both_ways("050a030a0178", response([](auto& m) { m.mutable_exception()->set_error("x"); }));
}

TEST(Frame, ALengthOfTwoBytes) {
  Bytes frame;
  append_frame(request([](auto& m) { m.mutable_check_tx()->set_tx(std::string(300, '\0')); }), frame);
  EXPECT_EQ(frame.size(), 308U);
  EXPECT_EQ(to_hex(ByteView(frame).first(10)), "b20242af020aac020000");
}

TEST(Frame, SplitAtEveryByte) {
  Bytes stream;
  append_frame(request([](auto& m) { m.mutable_echo()->set_message("hi"); }), stream);
  append_frame(request([](auto& m) { m.mutable_check_tx()->set_tx(std::string(300, 'x')); }), stream);
  append_frame(request([](auto& m) { m.mutable_flush(); }), stream);
  for (std::size_t first = 0; first <= stream.size(); ++first) {
    FrameReader reader(kMax);
    feed(reader, ByteView(stream).first(first));
    std::vector<Bytes> messages = drain(reader);
    feed(reader, ByteView(stream).subspan(first));
    for (Bytes& message : drain(reader)) messages.push_back(std::move(message));
    ASSERT_EQ(messages.size(), 3U) << "split at " << first;
    EXPECT_EQ(first_field(messages[0]), 1U);
    EXPECT_EQ(messages[1].size(), 306U);
    EXPECT_EQ(first_field(messages[2]), 2U);
    EXPECT_FALSE(reader.within_frame());
  }
}

RC_GTEST_PROP(Frame, AnyMessagesInAnyPieces, (const std::vector<Bytes>& drawn, std::uint8_t step)) {
  Bytes stream;
  std::vector<Bytes> sent;
  for (const Bytes& tx : drawn) {
    const auto message = request([&](auto& m) { m.mutable_check_tx()->set_tx(to_text(tx)); });
    append_frame(message, stream);
    const std::string text = message.SerializeAsString();
    sent.emplace_back(text.begin(), text.end());
  }
  FrameReader reader(kMax);
  std::vector<Bytes> got;
  const std::size_t piece = std::size_t{step} + 1;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    feed(reader, ByteView(stream).subspan(at, std::min(piece, stream.size() - at)));
    for (Bytes& message : drain(reader)) got.push_back(std::move(message));
  }
  RC_ASSERT(got == sent);
}

TEST(Frame, RefusesWhatIsNoLength) {
  const std::pair<const char*, FrameFault> rows[] = {
      {"00", FrameFault::Empty},
      {"ffffffffffffffffffff", FrameFault::BadLength},  // eleven groups
      {"ffffffffffffffffff02", FrameFault::BadLength},  // 65 bits
      {"ffffffffffffffffff01", FrameFault::TooLong},    // 2^64 - 1
      {"818040", FrameFault::TooLong},                  // one above the limit
      {"8080808010", FrameFault::TooLong},              // 2^32
  };
  for (const auto& [bytes, fault] : rows) {
    FrameReader reader(kMax);
    feed(reader, hex(bytes));
    const auto message = reader.next();
    ASSERT_FALSE(message.has_value()) << bytes;
    EXPECT_EQ(message.error(), fault) << bytes;
    EXPECT_FALSE(describe(fault).empty());
  }
}

TEST(Frame, ALengthAloneCostsNoMemory) {
  FrameReader reader(std::size_t{1} << 30U);
  feed(reader, hex("80808080"));
  EXPECT_TRUE(reader.next() && !*reader.next()) << "a length may come in pieces, too";
  feed(reader, hex("02"));  // half a gigabyte
  ASSERT_TRUE(reader.next().has_value());
  static_cast<void>(reader.prepare());
  EXPECT_LE(reader.capacity(), 1U << 18U);
}

TEST(Frame, AHundredMebibytesAndTheMemoryComesBack) {
  FrameReader reader(128U << 20U);
  Bytes frame;
  append_frame(request([](auto& m) { m.mutable_check_tx()->set_tx(std::string(100U << 20U, 't')); }), frame);
  feed(reader, frame);
  {
    const auto message = reader.next();
    ASSERT_TRUE(message && *message);
    EXPECT_GT((*message)->size(), 100U << 20U);
  }
  EXPECT_LE(reader.capacity(), 2 * frame.size());
  static_cast<void>(reader.prepare());
  EXPECT_LE(reader.capacity(), 1U << 18U);
}

}  // namespace
}  // namespace starminer::engine::cometbft
