// Training: a dense layer forward and backward, Y = X W, dX = dY W^T, dW = X^T dY, n x n each, with dY made from Y.
// Inputs and dY are integers from -3 to 3, so every sum stays below 9 n < 2^24 and is exact in fp32. The host checks
// all three products by Freivalds' test with a random vector chosen after the run: one wrong entry escapes with a
// chance of about 2^-32.
#include <cmath>
#include <optional>

#include <fmt/format.h>

#include "provider/benchmark/component.h"

namespace starminer::provider::benchmark {
namespace {

constexpr int kBound = 3;
constexpr std::uint32_t kTile = 128;

constexpr std::string_view kSource = R"(
#ifdef HALF_STORAGE
#define elem half
#define LOAD(p, i) vload_half((i), (p))
#define LOAD16(p, i) vload_half16(0, (p) + (i))
#define STORE(p, i, v) vstore_half((v), (i), (p))
#else
#define elem float
#define LOAD(p, i) ((p)[i])
#define LOAD16(p, i) vload16(0, (p) + (i))
#define STORE(p, i, v) ((p)[i] = (v))
#endif

__kernel void fill(__global elem* out, uint k0, uint k1) {
  const uint i = get_global_id(0);
  STORE(out, i, (float)bounded(mix_word(i, k0, k1), 3));
}

__kernel void transpose(__global elem* out, __global const elem* in, uint n) {
  const uint column = get_global_id(0), row = get_global_id(1);
  STORE(out, column * n + row, LOAD(in, row * n + column));
}

__kernel void gradient(__global elem* out, __global const float* y) {
  const uint i = get_global_id(0);
  STORE(out, i, (float)((((int)y[i]) % 7 + 7) % 7 - 3));
}

#ifdef PROCESSOR
/* Few processors convert halves in the inner loop at speed, so operands are widened first. */
__kernel void widen(__global float* out, __global const elem* in) {
  const uint i = get_global_id(0) * 16;
  vstore16(LOAD16(in, i), 0, out + i);
}

/* Each work-item: 4 rows by 16 columns held in vector registers. */
__kernel void multiply(__global float* c, __global const float* a, __global const float* b, uint n) {
  const uint column = get_global_id(0) * 16, row = get_global_id(1) * 4;
  float16 s0 = 0.0f, s1 = 0.0f, s2 = 0.0f, s3 = 0.0f;
  for (uint k = 0; k < n; ++k) {
    const float16 v = vload16(0, b + k * n + column);
    s0 += a[row * n + k] * v;
    s1 += a[(row + 1) * n + k] * v;
    s2 += a[(row + 2) * n + k] * v;
    s3 += a[(row + 3) * n + k] * v;
  }
  vstore16(s0, 0, c + row * n + column);
  vstore16(s1, 0, c + (row + 1) * n + column);
  vstore16(s2, 0, c + (row + 2) * n + column);
  vstore16(s3, 0, c + (row + 3) * n + column);
}
#else
/* Each group of 16 x 16: a tile of 128 x 128, 8 x 8 sums a work-item, operands through local memory in slices of 8. */
__kernel __attribute__((reqd_work_group_size(16, 16, 1)))
void multiply(__global float* c, __global const elem* a, __global const elem* b, uint n) {
  __local float ta[8][132];
  __local float tb[8][132];
  const uint x = get_local_id(0), y = get_local_id(1), t = y * 16 + x;
  const uint left = get_group_id(0) * 128, top = get_group_id(1) * 128;
  float sum[8][8];
#pragma unroll
  for (uint r = 0; r < 8; ++r)
#pragma unroll
    for (uint q = 0; q < 8; ++q) sum[r][q] = 0.0f;
  for (uint k0 = 0; k0 < n; k0 += 8) {
    for (uint e = 0; e < 4; ++e) {
      const uint l = t + e * 256;
      ta[l % 8][l / 8] = LOAD(a, (top + l / 8) * n + k0 + l % 8);
      tb[l / 128][l % 128] = LOAD(b, (k0 + l / 128) * n + left + l % 128);
    }
    barrier(CLK_LOCAL_MEM_FENCE);
#pragma unroll
    for (uint k = 0; k < 8; ++k) {
      float va[8], vb[8];
#pragma unroll
      for (uint r = 0; r < 8; ++r) va[r] = ta[k][y + r * 16];
#pragma unroll
      for (uint q = 0; q < 8; ++q) vb[q] = tb[k][x + q * 16];
#pragma unroll
      for (uint r = 0; r < 8; ++r)
#pragma unroll
        for (uint q = 0; q < 8; ++q) sum[r][q] += va[r] * vb[q];
    }
    barrier(CLK_LOCAL_MEM_FENCE);
  }
#pragma unroll
  for (uint r = 0; r < 8; ++r)
#pragma unroll
    for (uint q = 0; q < 8; ++q) c[(top + y + r * 16) * n + left + x + q * 16] = sum[r][q];
}
#endif
)";

using Matrix = std::vector<std::int32_t>;
/// Arithmetic modulo 2^64: the test needs no more.
using Vector = std::vector<std::uint64_t>;

int gradient_of(std::int32_t y) { return ((y % 7) + 7) % 7 - 3; }

Vector times(const Matrix& m, const Vector& v) {
  const std::size_t n = v.size();
  Vector out(n);
  for (std::size_t row = 0; row < n; ++row) {
    std::uint64_t sum = 0;
    for (std::size_t k = 0; k < n; ++k) sum += static_cast<std::uint64_t>(std::int64_t{m[row * n + k]}) * v[k];
    out[row] = sum;
  }
  return out;
}

Vector transposed_times(const Matrix& m, const Vector& v) {
  const std::size_t n = v.size();
  Vector out(n);
  for (std::size_t k = 0; k < n; ++k) {
    for (std::size_t column = 0; column < n; ++column) {
      out[column] += static_cast<std::uint64_t>(std::int64_t{m[k * n + column]}) * v[k];
    }
  }
  return out;
}

Vector random_vector(std::size_t n) {
  std::random_device device;
  std::mt19937_64 words((std::uint64_t{device()} << 32U) | device());
  Vector v(n);
  for (auto& entry : v) entry = words();
  return v;
}

class Matmul final : public Component {
 public:
  explicit Matmul(MatmulStorage storage) : storage_(storage) {}

  std::string_view name() const override { return storage_ == MatmulStorage::Half ? "matmul_half" : "matmul_fp32"; }
  const std::vector<std::uint32_t>& sizes() const override {
    static const std::vector<std::uint32_t> kSizes{128, 256, 384, 512, 768, 1024, 1536, 2048, 3072, 4096};
    return kSizes;
  }
  double operations(std::uint32_t n) const override { return 6.0 * std::pow(static_cast<double>(n), 3); }
  std::uint64_t buffer_bytes_max(std::uint32_t n) const override { return 4ULL * n * n; }
  std::uint64_t total_bytes(std::uint32_t n) const override { return 8 * buffer_bytes_max(n); }

  void prepare(Session& session, const Generator& generator, std::uint32_t n) override {
    if (program_.get() == nullptr) build(session);
    generator_ = generator;
    n_ = n;
    const std::uint64_t stored = (storage_ == MatmulStorage::Half ? 2ULL : 4ULL) * n * n;
    for (Buffer* buffer : {&x_, &w_, &xt_, &wt_, &dy_}) *buffer = session.allocate(stored);
    for (Buffer* buffer : {&y_, &dx_, &dw_}) *buffer = session.allocate(4ULL * n * n);
    if (session.for_processor() && storage_ == MatmulStorage::Half) {
      for (Buffer* buffer : {&wide_a_, &wide_b_}) *buffer = session.allocate(4ULL * n * n);
    }
    const Range all{{std::size_t{n} * n, 1}};
    session.launch(fill_, all, x_, generator.stream(0).k0, generator.stream(0).k1);
    session.launch(fill_, all, w_, generator.stream(1).k0, generator.stream(1).k1);
  }

  void enqueue(Session& session) override {
    const std::size_t n = n_;
    multiply(session, y_, x_, w_);
    session.launch(gradient_, {{n * n, 1}}, dy_, y_);
    session.launch(transpose_, {{n, n}}, wt_, w_, n_);
    multiply(session, dx_, dy_, wt_);
    session.launch(transpose_, {{n, n}}, xt_, x_, n_);
    multiply(session, dw_, xt_, dy_);
  }

  std::vector<std::uint32_t> check(Session& session, CheckDepth depth) override {
    const Matrix y = read_integers(session, y_);
    const Matrix dx = read_integers(session, dx_);
    const Matrix dw = read_integers(session, dw_);
    const Matrix x = generate(0);
    const Matrix w = generate(1);
    Matrix dy(y.size());
    for (std::size_t i = 0; i < y.size(); ++i) dy[i] = gradient_of(y[i]);
    const Vector r = random_vector(n_);
    require_equal("forward product", times(y, r), times(x, times(w, r)));
    require_equal("input gradient", times(dx, r), times(dy, transposed_times(w, r)));
    require_equal("weight gradient", times(dw, r), transposed_times(x, times(dy, r)));
    std::vector<std::uint32_t> words;
    if (depth == CheckDepth::Sampled) return words;
    for (const Matrix* matrix : {&y, &dx, &dw}) words.insert(words.end(), matrix->begin(), matrix->end());
    return words;
  }

 private:
  void build(Session& session) {
    const std::string options = std::string(storage_ == MatmulStorage::Half ? "-DHALF_STORAGE " : "") +
                                (session.for_processor() ? "-DPROCESSOR" : "");
    program_ = session.build(name(), kSource, options);
    fill_ = session.kernel(program_, "fill");
    transpose_ = session.kernel(program_, "transpose");
    gradient_ = session.kernel(program_, "gradient");
    multiply_ = session.kernel(program_, "multiply");
    if (session.for_processor()) widen_ = session.kernel(program_, "widen");
  }

  void multiply(Session& session, const Buffer& c, const Buffer& a, const Buffer& b) {
    const std::size_t n = n_;
    if (!session.for_processor()) {
      session.launch(multiply_, {{n / kTile * 16, n / kTile * 16}, {16, 16}}, c, a, b, n_);
      return;
    }
    const bool widens = storage_ == MatmulStorage::Half;
    if (widens) {
      session.launch(widen_, {{n * n / 16, 1}}, wide_a_, a);
      session.launch(widen_, {{n * n / 16, 1}}, wide_b_, b);
    }
    session.launch(multiply_, {{n / 16, n / 4}, {1, 4}}, c, widens ? wide_a_ : a, widens ? wide_b_ : b, n_);
  }

  Matrix generate(std::size_t stream) const {
    Matrix m(std::size_t{n_} * n_);
    const StreamKey key = generator_->stream(stream);
    for (std::size_t i = 0; i < m.size(); ++i) m[i] = bounded(mix(static_cast<std::uint32_t>(i), key), kBound);
    return m;
  }

  Matrix read_integers(Session& session, const Buffer& buffer) const {
    std::vector<float> values(std::size_t{n_} * n_);
    session.read(buffer, values.data(), values.size() * sizeof(float));
    Matrix integers(values.size());
    const float limit = static_cast<float>(kBound * kBound) * static_cast<float>(n_);
    for (std::size_t i = 0; i < values.size(); ++i) {
      // Written so that a NaN is refused too.
      if (!(std::fabs(values[i]) <= limit)) throw_wrong_result(name(), fmt::format("entry {} is out of range", i));
      integers[i] = static_cast<std::int32_t>(values[i]);
      if (static_cast<float>(integers[i]) != values[i])
        throw_wrong_result(name(), fmt::format("entry {} is no integer", i));
    }
    return integers;
  }

  void require_equal(const char* what, const Vector& got, const Vector& expected) const {
    for (std::size_t row = 0; row < got.size(); ++row) {
      if (got[row] != expected[row]) throw_wrong_result(name(), fmt::format("{}, row {} of {}", what, row, got.size()));
    }
  }

  MatmulStorage storage_;
  std::optional<Generator> generator_;
  std::uint32_t n_ = 0;
  Program program_;
  Kernel fill_, transpose_, gradient_, multiply_, widen_;
  Buffer x_, w_, xt_, wt_, dy_, y_, dx_, dw_, wide_a_, wide_b_;
};

}  // namespace

std::unique_ptr<Component> make_matmul(MatmulStorage storage) { return std::make_unique<Matmul>(storage); }

}  // namespace starminer::provider::benchmark
