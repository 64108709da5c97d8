#include "verification/comparison/png.h"

#include <zlib.h>

#include <algorithm>

#include <gtest/gtest.h>
#include <rapidcheck.h>
#include <rapidcheck/gtest.h>

#include "verification/comparison/pnm.h"
#include "verification/comparison/test_files.h"

namespace starminer::verification {
namespace {

void put_u32(Bytes& out, std::size_t value) {
  for (int shift = 24; shift >= 0; shift -= 8) out.push_back(static_cast<std::uint8_t>(value >> shift));
}

Bytes chunk(std::string_view kind, const Bytes& content) {
  Bytes out;
  put_u32(out, content.size());
  out.insert(out.end(), kind.begin(), kind.end());
  out.insert(out.end(), content.begin(), content.end());
  put_u32(out, crc32(0, out.data() + 4, static_cast<uInt>(out.size() - 4)));
  return out;
}

Bytes packed(const Bytes& rows) {
  uLongf size = compressBound(rows.size());
  Bytes out(size);
  EXPECT_EQ(compress(out.data(), &size, rows.data(), rows.size()), Z_OK);
  out.resize(size);
  return out;
}

/// A writer of its own: what each filter means, from the standard, one sample after the other.
struct Writer {
  std::size_t width = 3;
  std::size_t height = 2;
  std::uint8_t depth = 8;
  std::uint8_t colour = 2;
  std::size_t pixel = 3;
  std::uint8_t interlace = 0;
  std::vector<Bytes> before{};  // chunks between header and data
  std::vector<Bytes> after{};   // chunks behind the data

  [[nodiscard]] Bytes rows(const Bytes& samples, const std::vector<std::uint8_t>& filters) const {
    Bytes out;
    const std::size_t bytes = width * pixel;
    for (std::size_t y = 0; y < height; ++y) {
      out.push_back(filters[y % filters.size()]);
      for (std::size_t i = 0; i < bytes; ++i) {
        const auto at = [&](bool up, bool back) -> int {
          if ((up && y == 0) || (back && i < pixel)) return 0;
          return samples[(y - (up ? 1 : 0)) * bytes + i - (back ? pixel : 0)];
        };
        const int a = at(false, true);
        const int b = at(true, false);
        const int c = at(true, true);
        int predicted = 0;
        switch (filters[y % filters.size()]) {
          case 1: predicted = a; break;
          case 2: predicted = b; break;
          case 3: predicted = (a + b) / 2; break;
          case 4: {
            const int p = a + b - c;
            predicted = c;
            if (std::abs(p - b) <= std::abs(p - c)) predicted = b;
            if (std::abs(p - a) <= std::abs(p - b) && std::abs(p - a) <= std::abs(p - c)) predicted = a;
            break;
          }
          default: break;
        }
        out.push_back(static_cast<std::uint8_t>(samples[y * bytes + i] - predicted));
      }
    }
    return out;
  }

  [[nodiscard]] Bytes file(const Bytes& data, std::size_t pieces = 1) const {
    Bytes out(kPngMagic.begin(), kPngMagic.end());
    const auto add = [&](const Bytes& part) { out.insert(out.end(), part.begin(), part.end()); };
    Bytes header;
    put_u32(header, width);
    put_u32(header, height);
    for (const std::uint8_t byte : {depth, colour, std::uint8_t{0}, std::uint8_t{0}, interlace}) header.push_back(byte);
    add(chunk("IHDR", header));
    for (const Bytes& part : before) add(part);
    const std::size_t step = std::max<std::size_t>(1, data.size() / pieces);
    for (std::size_t start = 0; start < data.size(); start += step) {
      const auto first = data.begin() + static_cast<std::ptrdiff_t>(start);
      add(chunk("IDAT", Bytes(first, first + static_cast<std::ptrdiff_t>(std::min(step, data.size() - start)))));
    }
    for (const Bytes& part : after) add(part);
    add(chunk("IEND", {}));
    return out;
  }
};

std::string reason_of(const Bytes& file) {
  const auto tensor = parse_png(file);
  return tensor ? "none" : tensor.error();
}

TEST(Png, HasTheSamplesThatLibpngWasGiven) {
  const struct {
    const char* name;
    std::uint64_t channels;
    std::size_t sample_bytes;
  } rows[] = {{"grey8", 1, 1},       {"grey16", 1, 2}, {"colour8", 3, 1}, {"colour16", 3, 2},
              {"grey_alpha8", 2, 1}, {"alpha8", 4, 1}, {"alpha16", 4, 2}};
  for (const auto& row : rows) {
    const Bytes file = vector_file(std::string(row.name) + ".png");
    const auto picture = parse_png(file);
    ASSERT_TRUE(picture.has_value()) << row.name << ": " << picture.error();
    EXPECT_EQ(picture->shape, (std::vector<std::uint64_t>{23, 29, row.channels})) << row.name;
    const Bytes samples = vector_file(std::string(row.name) + ".samples");
    const auto expected = row.sample_bytes == 2 ? turned(samples, 2) : std::make_shared<const Bytes>(samples);
    EXPECT_TRUE(std::equal(picture->data.begin(), picture->data.end(), expected->begin(), expected->end())) << row.name;
  }
  EXPECT_NE(reason_of(vector_file("interlaced.png")).find("interlaced"), std::string::npos);
  const Bytes plain = vector_file("colour8.ppm");
  const Bytes packed_file = vector_file("colour8.png");
  const auto pnm = parse_pnm(plain);
  const auto png = parse_png(packed_file);
  ASSERT_TRUE(pnm && png);
  EXPECT_EQ(pnm->shape, png->shape);
  EXPECT_TRUE(std::equal(pnm->data.begin(), pnm->data.end(), png->data.begin(), png->data.end()));
}

RC_GTEST_PROP(Png, UndoesEveryFilter, ()) {
  Writer writer;
  writer.width = *rc::gen::inRange<std::size_t>(1, 9);
  writer.height = *rc::gen::inRange<std::size_t>(1, 9);
  const auto kind = *rc::gen::inRange<std::size_t>(0, 4);
  writer.colour = std::vector<std::uint8_t>{0, 2, 4, 6}[kind];
  writer.depth = *rc::gen::element<std::uint8_t>(8, 16);
  writer.pixel = std::vector<std::size_t>{1, 3, 2, 4}[kind] * writer.depth / 8;
  const auto samples =
      *rc::gen::container<Bytes>(writer.width * writer.height * writer.pixel, rc::gen::arbitrary<std::uint8_t>());
  const auto filters = *rc::gen::container<Bytes>(writer.height, rc::gen::inRange<std::uint8_t>(0, 5));
  const Bytes file = writer.file(packed(writer.rows(samples, filters)), *rc::gen::inRange<std::size_t>(1, 4));
  const auto picture = parse_png(file);
  RC_ASSERT(picture.has_value());
  const auto expected = writer.depth == 16 ? turned(samples, 2) : std::make_shared<const Bytes>(samples);
  RC_ASSERT(std::equal(picture->data.begin(), picture->data.end(), expected->begin(), expected->end()));
  // No other bytes are this picture: every part is checked.
  Bytes changed = file;
  const auto at = *rc::gen::inRange<std::size_t>(0, file.size());
  changed[at] = static_cast<std::uint8_t>(changed[at] ^ (1U << *rc::gen::inRange(0, 8)));
  RC_ASSERT(!parse_png(changed).has_value());
  RC_ASSERT(!parse_png(ByteView(file).first(at)).has_value());
}

TEST(Png, RefusesWhatItDoesNotCompare) {
  const Writer writer;
  const Bytes samples(18, 7);
  const Bytes good = writer.rows(samples, {0});
  ASSERT_EQ(reason_of(writer.file(packed(good))), "none");
  const auto with = [&](auto change) {
    Writer changed;
    change(changed);
    return reason_of(changed.file(packed(good)));
  };
  for (const char* kind : {"PLTE", "tRNS", "acTL", "fcTL", "fdAT", "ABCD", "IHDR"}) {
    EXPECT_NE(with([&](Writer& w) { w.before = {chunk(kind, {})}; }).find(kind), std::string::npos) << kind;
  }
  EXPECT_EQ(with([&](Writer& w) { w.before = {chunk("tEXt", {1})}, w.after = {chunk("tIME", {2})}; }), "none");
  EXPECT_NE(with([](Writer& w) { w.interlace = 1; }), "none");
  EXPECT_NE(with([](Writer& w) { w.depth = 4; }), "none");
  EXPECT_NE(with([](Writer& w) { w.colour = 3; }), "none");
  EXPECT_NE(with([](Writer& w) { w.width = 0; }), "none");
  EXPECT_NE(with([](Writer& w) { w.width = 0x7fff'ffff, w.height = 0x7fff'ffff; }), "none");
  EXPECT_NE(with([](Writer& w) { w.width = 20'000, w.height = 10'000; }), "none");  // 60 bytes hold no 600 MB
  EXPECT_NE(with([](Writer& w) { w.height = 3; }), "none");
  EXPECT_NE(with([](Writer& w) { w.height = 1; }), "none");
  EXPECT_NE(with([&](Writer& w) { w.after = {chunk("tEXt", {}), chunk("IDAT", {1})}; }), "none");
  EXPECT_NE(with([&](Writer& w) { w.after = {chunk("IDAT", {0})}; }), "none");  // a byte behind the packed rows
  EXPECT_NE(reason_of(writer.file(packed(writer.rows(samples, {5})))), "none");
  EXPECT_NE(reason_of(writer.file({})), "none");
  Bytes longer = writer.file(packed(good));
  longer.push_back(0);
  EXPECT_NE(reason_of(longer), "none");
}

TEST(Png, WhatChangesTheShowingIsKept) {
  const Bytes good = packed(Writer{}.rows(Bytes(18, 7), {0}));
  const auto display = [&](const std::vector<Bytes>& before) {
    Writer writer;
    writer.before = before;
    const Bytes file = writer.file(good);
    return parse_png(file)->display;
  };
  EXPECT_TRUE(display({}).is_zero());
  EXPECT_TRUE(display({chunk("tEXt", {1})}).is_zero());
  const Hash32 one = display({chunk("gAMA", {0, 0, 0, 1})});
  EXPECT_FALSE(one.is_zero());
  EXPECT_NE(one, display({chunk("gAMA", {0, 0, 0, 2})}));
  EXPECT_NE(one, display({chunk("cHRM", {0, 0, 0, 1})}));
  EXPECT_EQ(one, display({chunk("gAMA", {0, 0, 0, 1}), chunk("tEXt", {1})}));
}

Bytes text(std::string_view words, const Bytes& data) {
  Bytes file(words.begin(), words.end());
  file.insert(file.end(), data.begin(), data.end());
  return file;
}

TEST(Pnm, ReadsOnePictureInOneSpelling) {
  const auto reason = [](const Bytes& file) {
    const auto picture = parse_pnm(file);
    return picture ? "none" : picture.error();
  };
  const Bytes six(6, 3);
  EXPECT_EQ(reason(text("P6\n2 1\n255\n", six)), "none");
  EXPECT_EQ(reason(text("P6 1\t2\r255 ", six)), "none");
  EXPECT_EQ(reason(text("P5 3 2 3 ", six)), "none");
  for (const char* header : {"P4 3 2 255 ", "P6  2 1 255 ", "P6 2 1 255\n\n", "P6 2 1 0 ", "P6 2 1 65536 ",
                             "P6 0 1 255 ", "P6 2 1 255", "P6 02 1 255 ", "P6 # c\n2 1 255 ", "P6 2 2 255 ",
                             "P6 1 1 255 ", "P5 3 2 2 ", "P6 4294967296 4294967296 255 ", "P6\v2 1 255 ", ""}) {
    EXPECT_NE(reason(text(header, six)), "none") << header;
  }
  const Bytes wide = text("P5 1 2 1000 ", {0x03, 0xe8, 0x00, 0x01});
  const auto picture = parse_pnm(wide);
  ASSERT_TRUE(picture.has_value());
  EXPECT_EQ(picture->element, Element::U16);
  EXPECT_EQ(load_bits(Element::U16, picture->data.data(), 0), 1'000U);
  EXPECT_FALSE(picture->display.is_zero());
  EXPECT_NE(reason(text("P5 1 2 1000 ", {0x03, 0xe9, 0x00, 0x01})), "none");
}

}  // namespace
}  // namespace starminer::verification
