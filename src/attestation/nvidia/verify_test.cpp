#include "attestation/nvidia/verify.h"

#include <cstdlib>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <rapidcheck/gtest.h>

#include "attestation/x509/pem.h"
#include "attestation/x509/test_authority.h"
#include "attestation/x509/test_vectors.h"

namespace starminer::attestation::nvidia {
namespace {

using evidence::StepId;
using evidence::StepOutcome;
using evidence::Verdict;
using testing::ElementsAre;
using testing::IsEmpty;

constexpr x509::UnixTime kTime{1'750'000'000};

std::vector<StepId> failed(const evidence::Steps& steps) {
  std::vector<StepId> list;
  for (const auto& step : steps.list()) {
    if (step.outcome == StepOutcome::Failed) list.push_back(step.id);
  }
  return list;
}

std::vector<Bytes> certificates(const std::string& name) {
  return x509::certificates_of_pem(vector_text(name)).value_or(std::vector<Bytes>{});
}

const std::vector<Bytes>& anchors() {
  static const std::vector<Bytes> list = certificates("roots/nvidia_device_identity_ca.pem");
  return list;
}

struct Device {
  Bytes report;
  std::vector<Bytes> chain;
  Nonce nonce{};

  explicit Device(const std::string& driver)
      : report(vector_file("nvidia/hopper_" + driver + ".report.bin")),
        chain(certificates("nvidia/hopper_" + driver + ".chain.pem")) {
    std::copy_n(report.begin() + 4, nonce.size(), nonce.begin());
  }

  [[nodiscard]] evidence::Steps steps(const Policy& policy = {}) const {
    auto check = check_chain(chain, anchors(), kTime);
    if (!check.chain) return check.steps;
    const auto checked = check_report(report, *check.chain, nonce);
    check.steps.append(checked.steps);
    if (checked.report) check.steps.append(judge(*checked.report, *check.chain, true, policy));
    return check.steps;
  }
};

// REQ: VER-2
TEST(Gpu, ReportsOfEveryDriverAreGenuine) {
  for (const char* driver : {"550", "580", "590"}) {
    const auto steps = Device(driver).steps();
    EXPECT_THAT(failed(steps), IsEmpty()) << driver;
    EXPECT_TRUE(steps.accepted());
  }
  // An early driver does not name its firmware.
  EXPECT_THAT(failed(Device("535").steps()), ElementsAre(StepId::NvFwidPresent));
  Policy policy;
  policy.fwid_needed = false;
  EXPECT_TRUE(Device("535").steps(policy).accepted());
}

TEST(Gpu, EachStepFailsAlone) {
  Device device("580");
  device.nonce[0] ^= 1;
  EXPECT_THAT(failed(device.steps()), ElementsAre(StepId::NvNonce));
  device = Device("580");
  device.report.back() ^= 1;
  EXPECT_THAT(failed(device.steps()), ElementsAre(StepId::NvSignature));
  device = Device("580");
  device.report.push_back(0);
  EXPECT_THAT(failed(device.steps()), IsEmpty());
  device.report.back() = 1;
  EXPECT_THAT(failed(device.steps()), ElementsAre(StepId::NvTrailingBytes));
  device = Device("580");
  device.chain = Device("550").chain;
  EXPECT_THAT(failed(device.steps()), ElementsAre(StepId::NvSignature, StepId::NvFwid));
  device = Device("580");
  device.report.resize(device.report.size() - 1);
  EXPECT_THAT(failed(device.steps()), ElementsAre(StepId::NvReportForm));
}

TEST(Gpu, ChainsAreWholeAndOfTheRoot) {
  const Device device("580");
  EXPECT_THAT(failed(check_chain(device.chain, {}, kTime).steps), ElementsAre(StepId::NvRoot));
  EXPECT_THAT(failed(check_chain(device.chain, anchors(), x509::UnixTime{0}).steps), ElementsAre(StepId::NvCertTime));
  EXPECT_EQ(check_chain(device.chain, anchors(), std::nullopt).steps.find(StepId::NvCertTime), nullptr);
  std::vector<Bytes> shorter(device.chain.begin() + 1, device.chain.end());
  EXPECT_THAT(failed(check_chain(shorter, anchors(), kTime).steps), ElementsAre(StepId::NvChain));
  std::vector<Bytes> broken = device.chain;
  broken[2] = {1, 2, 3};
  EXPECT_FALSE(check_chain(broken, anchors(), kTime).chain);
  EXPECT_EQ(check_chain({}, anchors(), kTime).steps.cryptography(), Verdict::Invalid);
}

TEST(Gpu, BlackwellNamesItsFirmwareInATcbInfo) {
  const auto root = x509::make_test_key(x509::KeyType::EcP384);
  // TcbInfo with a vendor, then [6] with two digests.
  Bytes digest = {0x30, 0x3d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x02, 0x04, 0x30};
  digest.resize(digest.size() + 48, 0x5a);
  Bytes info = {0x30, 0x81, 0x85, 0x80, 0x02, 'N', 'V', 0xa6, 0x7e};
  info.insert(info.end(), digest.begin(), digest.end());
  digest.back() = 0;
  info.insert(info.end(), digest.begin(), digest.end());
  // 4 bytes of the vendor, 2 of the head of [6] and its 126.
  info[2] = 4 + 2 + 126;
  const std::vector<Bytes> chain = {
      x509::make_test_certificate({"leaf", "root", root, root, false, {{"2.23.133.5.4.1.1", info}}})};
  const auto check = check_chain(chain, chain, kTime);
  ASSERT_TRUE(check.chain && check.chain->fwid);
  EXPECT_EQ(to_hex(*check.chain->fwid), to_hex(Bytes(48, 0x5a)));
  EXPECT_THAT(failed(check.steps), ElementsAre(StepId::NvChain));
}

TEST(Gpu, EachDemandIsAStepOfItsOwn) {
  const Device device("580");
  const auto chain = check_chain(device.chain, anchors(), kTime);
  const auto report = parse_report(device.report);
  ASSERT_TRUE(report);
  EXPECT_THAT(failed(judge(*report, *chain.chain, false, {})), ElementsAre(StepId::NvNonceGiven));
  Policy policy;
  const ByteView serial = chain.chain->certificates[0].serial();
  policy.denied_devices = {Bytes(serial.begin(), serial.end())};
  EXPECT_THAT(failed(judge(*report, *chain.chain, true, policy)), ElementsAre(StepId::NvDeviceAllowed));
  // Other firmware of the chip has another leaf.
  const ByteView chip = chain.chain->certificates[1].serial();
  policy.denied_devices = {Bytes(chip.begin(), chip.end())};
  EXPECT_THAT(failed(judge(*report, *chain.chain, true, policy)), ElementsAre(StepId::NvDeviceAllowed));
  const ByteView family = chain.chain->certificates[2].serial();
  policy.denied_devices = {Bytes(family.begin(), family.end())};
  EXPECT_THAT(failed(judge(*report, *chain.chain, true, policy)), IsEmpty());
}

TEST(Gpu, MeasurementsAreHeldAgainstManifests) {
  const Device device("580");
  const auto chain = check_chain(device.chain, anchors(), kTime);
  const auto report = parse_report(device.report);
  const auto value = [&](std::uint8_t index) {
    Digest48 digest{};
    const ByteView bytes = report->block(index)->value;
    std::copy(bytes.begin(), bytes.end(), digest.begin());
    return digest;
  };
  EXPECT_EQ(report->driver_version(), "580.159.03");
  EXPECT_EQ(report->vbios_version(), "96.00.74.00.20");
  const Digest48 other{1};
  const auto reason = [&](std::vector<Golden> golden) {
    Policy policy;
    policy.golden = std::move(golden);
    const auto steps = judge(*report, *chain.chain, true, policy);
    return steps.find(StepId::NvMeasurements)->reason;
  };
  const auto driver = [](GoldenValues values) { return Golden{"580.159.03", std::move(values)}; };
  const Golden vbios{"96.00.74.00.20", {{2, {other, value(3)}}}};
  EXPECT_EQ(reason({driver({{1, {value(2)}}}), vbios}), "");
  EXPECT_EQ(reason({vbios, driver({{1, {other}}, {63, {other}}})}), "other values than the manifests' at index 1 63");
  EXPECT_EQ(reason({driver({{64, {other}}}), vbios}), "other values than the manifests' at index 64");
  EXPECT_EQ(reason({driver({{255, {other}}}), vbios}), "other values than the manifests' at index 255");
  EXPECT_EQ(reason({driver({{2, {value(3)}}}), vbios}), "two manifests have a value for index 2");
  // One of the two leaves the other's firmware unknown.
  EXPECT_EQ(reason({vbios}), "there is no manifest of the driver 580.159.03");
  EXPECT_EQ(reason({driver({}), vbios}), "there is no manifest of the driver 580.159.03");
  EXPECT_EQ(reason({driver({{1, {value(2)}}})}), "there is no manifest of the VBIOS 96.00.74.00.20");
  EXPECT_EQ(reason({}), "there is no manifest of the driver 580.159.03");
  EXPECT_EQ(reason({driver({{1, {value(2)}}}), vbios, {"97.00.83.00.09", {}}}),
            "a manifest is of version 97.00.83.00.09, the device has driver 580.159.03 and VBIOS 96.00.74.00.20");
}

TEST(Gpu, VersionsOfTheVbiosAreWrittenInBothCases) {
  const Device device("550");
  const auto chain = check_chain(device.chain, anchors(), kTime);
  const auto report = parse_report(device.report);
  Policy policy;
  Digest48 first{};
  std::copy_n(report->block(2)->value.begin(), first.size(), first.begin());
  policy.golden = {{"550.90.07", {{1, {first}}}}, {"96.00.9f.00.01", {{1, {first}}}}};
  EXPECT_EQ(judge(*report, *chain.chain, true, policy).find(StepId::NvMeasurements)->reason,
            "two manifests have a value for index 1");
}

TEST(Gpu, AVideoDecoderThatIsOffIsNotMeasured) {
  const Device device("580");
  auto report = parse_report(device.report).value();
  const GoldenValues golden = {{35, {Digest48{1}}}, {36, {Digest48{1}}}};
  EXPECT_THAT(mismatching_indexes(report, golden), ElementsAre(36));
  const Bytes on = {0xaa};
  for (OpaqueField& field : report.opaque) {
    if (field.type == kNvdecStatus) field.value = on;
  }
  EXPECT_THAT(mismatching_indexes(report, golden), ElementsAre(35, 36));
}

TEST(GpuReport, EveryLengthButItsOwnIsRefused) {
  const Bytes good = vector_file("nvidia/hopper_550.report.bin");
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_report(ByteView(good).first(size))) << size;
  }
}

TEST(GpuReport, SaysWhatDoesNotFit) {
  const Bytes good = vector_file("nvidia/hopper_550.report.bin");
  struct Row {
    std::size_t at;
    std::uint8_t value;
    const char* says;
  };
  for (const Row& row :
       {Row{1, 0, "request"}, Row{37, 0x12, "SPDM 1.1"}, Row{38, 0x61, "SPDM 1.1"}, Row{41, 63, "longer"},
        Row{41, 65, "early"}, Row{45, 0, "rise"}, Row{100, 1, "rise"}, Row{46, 2, "no SHA-384"},
        Row{47, 52, "early or is too long"}, Row{50, 47, "early or is too long"}}) {
    Bytes bytes = good;
    bytes[row.at] = row.value;
    const auto report = parse_report(bytes);
    ASSERT_FALSE(report) << row.at;
    EXPECT_NE(report.error().find(row.says), std::string::npos) << row.at << ": " << report.error();
  }
}

TEST(GpuReport, FieldsAreFew) {
  const auto with_fields = [](std::uint8_t count) {
    Bytes bytes(37 + 8 + 32);
    std::copy_n(vector_file("nvidia/hopper_550.report.bin").begin(), 41, bytes.begin());
    std::fill(bytes.begin() + 41, bytes.end(), std::uint8_t{0});  // no block
    bytes.insert(bytes.end(), {static_cast<std::uint8_t>(4 * count), static_cast<std::uint8_t>(count >> 6)});
    for (std::uint8_t i = 0; i < count; ++i) bytes.insert(bytes.end(), {i, 0, 0, 0});
    bytes.resize(bytes.size() + 96);
    return bytes;
  };
  EXPECT_TRUE(parse_report(with_fields(64)));
  EXPECT_EQ(parse_report(with_fields(65)).error(), "the opaque data has too many fields");
}

RC_GTEST_PROP(GpuReport, TakesAnyBytes, (std::vector<std::uint8_t> tail)) {
  Bytes bytes = vector_file("nvidia/hopper_550.report.bin");
  bytes.resize(*rc::gen::inRange<std::size_t>(0, bytes.size()));
  bytes.insert(bytes.end(), tail.begin(), tail.end());
  const auto report = parse_report(bytes);
  RC_ASSERT(report.has_value() || !report.error().empty());
}

// REQ: VER-2
TEST(Gpu, NoFlippedBitIsAccepted) {
  const bool every = std::getenv("STARMINER_EVERY_FLIP") != nullptr;
  const std::size_t stride = every ? 1 : 601;
  for (const char* driver : {"550", "590"}) {
    Device device(driver);
    const auto chain = check_chain(device.chain, anchors(), kTime);
    ASSERT_EQ(device.steps().cryptography(), Verdict::Valid);
    for_each_flip(device.report, every ? 0 : 7, stride, [&](const Bytes& bytes, std::size_t bit) {
      EXPECT_EQ(check_report(bytes, *chain.chain, device.nonce).steps.cryptography(), Verdict::Invalid) << bit;
    });
    const std::string text = vector_text("nvidia/hopper_" + std::string(driver) + ".chain.pem");
    for_each_flip(Bytes(text.begin(), text.end()), every ? 0 : 7, stride, [&](const Bytes& bytes, std::size_t bit) {
      device.chain = x509::certificates_of_pem(as_text(bytes)).value_or(std::vector<Bytes>{});
      EXPECT_EQ(device.steps().cryptography(), Verdict::Invalid) << "chain bit " << bit;
    });
  }
}

}  // namespace
}  // namespace starminer::attestation::nvidia
