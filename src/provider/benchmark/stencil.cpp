// Simulation, part two: eight sweeps of a seven-point heat stencil on a periodic grid, in fp32 or fp64; memory
// bandwidth decides. Weights are powers of two and the order of additions is fixed, so each sweep rounds once a sum in
// the same way on every IEEE device, fused or not: results are compared bit by bit. The host recomputes a cell from its
// own dependency cone.
#include <array>
#include <bit>
#include <string>
#include <type_traits>

#include <fmt/format.h>

#include "provider/benchmark/component.h"

namespace starminer::provider::benchmark {
namespace {

constexpr std::uint32_t kSweeps = 8;
constexpr std::uint32_t kCellSamples = 32;
constexpr int kBound = 1000;

constexpr std::string_view kSource = R"(
#ifdef FP64
#pragma OPENCL EXTENSION cl_khr_fp64 : enable
typedef double real;
typedef double16 real16;
#else
typedef float real;
typedef float16 real16;
#endif

__kernel void fill(__global real* out, uint k0, uint k1) {
  const uint i = get_global_id(0);
  out[i] = (real)(bounded(mix_word(i, k0, k1), 1000) + 1001);
}

/* Sides are powers of two; lx, ly, lz are their logarithms. */
#ifdef PROCESSOR
/* Each work-item: 16 cells along x, whose side is at least 16. */
__kernel void sweep(__global real* out, __global const real* in, uint lx, uint ly, uint lz) {
  const uint i = get_global_id(0) * 16;
  const uint mx = (1u << lx) - 1, my = (1u << ly) - 1, mz = (1u << lz) - 1;
  const uint x = i & mx, y = (i >> lx) & my, z = i >> (lx + ly);
  const uint row = i - x, plane = (z << (lx + ly)) + x, column = (y << lx) + x;
  const real16 c = vload16(0, in + i);
  const real16 left = (real16)(in[row + ((x - 1) & mx)], c.s0, c.s12, c.s3456, c.s789abcde);
  const real16 right = (real16)(c.s12345678, c.s9abc, c.sde, c.sf, in[row + ((x + 16) & mx)]);
  const real16 sx = left + right;
  const real16 sy = vload16(0, in + plane + (((y - 1) & my) << lx)) + vload16(0, in + plane + (((y + 1) & my) << lx));
  const real16 sz = vload16(0, in + column + (((z - 1) & mz) << (lx + ly))) +
                    vload16(0, in + column + (((z + 1) & mz) << (lx + ly)));
  vstore16((real)0.25 * c + (real)0.125 * ((sx + sy) + sz), 0, out + i);
}
#else
__kernel void sweep(__global real* out, __global const real* in, uint lx, uint ly, uint lz) {
  const uint i = get_global_id(0);
  const uint mx = (1u << lx) - 1, my = (1u << ly) - 1, mz = (1u << lz) - 1;
  const uint x = i & mx, y = (i >> lx) & my, z = i >> (lx + ly);
  const uint row = i - x, plane = (z << (lx + ly)) + x, column = (y << lx) + x;
  const real sx = in[row + ((x - 1) & mx)] + in[row + ((x + 1) & mx)];
  const real sy = in[plane + (((y - 1) & my) << lx)] + in[plane + (((y + 1) & my) << lx)];
  const real sz = in[column + (((z - 1) & mz) << (lx + ly))] + in[column + (((z + 1) & mz) << (lx + ly))];
  out[i] = (real)0.25 * in[i] + (real)0.125 * ((sx + sy) + sz);
}
#endif
)";

struct Grid {
  std::uint32_t lx = 0, ly = 0, lz = 0;

  /// As near to a cube as powers of two allow, longest along x.
  static Grid of(std::uint32_t log_cells) { return {(log_cells + 2) / 3, (log_cells + 1) / 3, log_cells / 3}; }
  [[nodiscard]] std::uint32_t cells() const { return 1U << (lx + ly + lz); }
  [[nodiscard]] std::uint32_t index(std::uint32_t x, std::uint32_t y, std::uint32_t z) const {
    const auto wrap = [](std::uint32_t v, std::uint32_t log) { return v & ((1U << log) - 1); };
    return wrap(x, lx) + (wrap(y, ly) << lx) + (wrap(z, lz) << (lx + ly));
  }
};

template <class Real>
class Stencil final : public Component {
 public:
  std::string_view name() const override { return kFp64 ? "stencil_fp64" : "stencil_fp32"; }
  /// Logarithm of the number of cells.
  const std::vector<std::uint32_t>& sizes() const override {
    static const std::vector<std::uint32_t> kSizes{12, 16, 18, 19, 20, 21, 22, 23, 24, 25, 26};
    return kSizes;
  }
  /// Cells brought forward by one step.
  double operations(std::uint32_t log_cells) const override {
    return static_cast<double>(kSweeps) * static_cast<double>(1U << log_cells);
  }
  std::uint64_t buffer_bytes_max(std::uint32_t log_cells) const override {
    return std::uint64_t{sizeof(Real)} << log_cells;
  }
  std::uint64_t total_bytes(std::uint32_t log_cells) const override { return 3 * buffer_bytes_max(log_cells); }

  void prepare(Session& session, const Generator& generator, std::uint32_t log_cells) override {
    if (program_.get() == nullptr) {
      if (kFp64 && !session.has_fp64())
        throw Failure{FailureCode::Unsupported, "the device has no fp64, which simulations need"};
      program_ = session.build(name(), kSource,
                               std::string(kFp64 ? "-DFP64 " : "") + (session.for_processor() ? "-DPROCESSOR" : ""));
      fill_ = session.kernel(program_, "fill");
      sweep_ = session.kernel(program_, "sweep");
    }
    key_ = generator.stream(0);
    grid_ = Grid::of(log_cells);
    for (Buffer* buffer : {&start_, &odd_, &even_}) *buffer = session.allocate(buffer_bytes_max(log_cells));
    session.launch(fill_, {{grid_.cells(), 1}}, start_, key_.k0, key_.k1);
  }

  void enqueue(Session& session) override {
    for (std::uint32_t step = 1; step <= kSweeps; ++step) {
      const Buffer& in = step == 1 ? start_ : step % 2 == 0 ? odd_ : even_;
      const Buffer& out = step % 2 == 0 ? even_ : odd_;
      session.launch(sweep_, {{session.for_processor() ? grid_.cells() / 16 : grid_.cells(), 1}}, out, in, grid_.lx,
                     grid_.ly, grid_.lz);
    }
  }

  std::vector<std::uint32_t> check(Session& session, CheckDepth depth) override {
    std::vector<Real> cells(grid_.cells());
    session.read(even_, cells.data(), cells.size() * sizeof(Real));
    if (depth == CheckDepth::Full) {
      const auto expected = run_on_host();
      for (std::uint32_t i = 0; i < grid_.cells(); ++i) require_equal(i, cells[i], expected[i]);
      return words_of(cells);
    }
    for (const std::uint32_t i : indexes_to_check(grid_.cells(), depth, kCellSamples))
      require_equal(i, cells[i], cone_value(i));
    return {};
  }

 private:
  static constexpr bool kFp64 = std::is_same_v<Real, double>;
  using Word = std::conditional_t<kFp64, std::uint64_t, std::uint32_t>;

  Real start_value(std::uint32_t i) const { return static_cast<Real>(bounded(mix(i, key_), kBound) + kBound + 1); }

  static Real next(Real centre, Real left, Real right, Real front, Real back, Real below, Real above) {
    return static_cast<Real>(0.25) * centre +
           static_cast<Real>(0.125) * (((left + right) + (front + back)) + (below + above));
  }

  std::vector<Real> run_on_host() const {
    const std::uint32_t nx = 1U << grid_.lx;
    const std::uint32_t ny = 1U << grid_.ly;
    std::vector<Real> now(grid_.cells());
    std::vector<Real> then(grid_.cells());
    for (std::uint32_t i = 0; i < grid_.cells(); ++i) now[i] = start_value(i);
    for (std::uint32_t step = 0; step < kSweeps; ++step) {
      for (std::uint32_t i = 0; i < grid_.cells(); ++i) {
        const std::uint32_t x = i % nx;
        const std::uint32_t y = i / nx % ny;
        const std::uint32_t z = i / nx / ny;
        const auto at = [&](std::uint32_t ax, std::uint32_t ay, std::uint32_t az) {
          return now[grid_.index(ax, ay, az)];
        };
        then[i] = next(now[i], at(x - 1, y, z), at(x + 1, y, z), at(x, y - 1, z), at(x, y + 1, z), at(x, y, z - 1),
                       at(x, y, z + 1));
      }
      now.swap(then);
    }
    return now;
  }

  /// The cell after all sweeps, from the cube of start values that it depends on.
  Real cone_value(std::uint32_t cell) const {
    constexpr std::uint32_t kSide = 2 * kSweeps + 1;
    const auto at = [](std::uint32_t x, std::uint32_t y, std::uint32_t z) { return (z * kSide + y) * kSide + x; };
    const std::uint32_t x0 = (cell & ((1U << grid_.lx) - 1)) - kSweeps;
    const std::uint32_t y0 = ((cell >> grid_.lx) & ((1U << grid_.ly) - 1)) - kSweeps;
    const std::uint32_t z0 = (cell >> (grid_.lx + grid_.ly)) - kSweeps;
    std::vector<Real> now(std::size_t{kSide} * kSide * kSide);
    for (std::uint32_t z = 0; z < kSide; ++z) {
      for (std::uint32_t y = 0; y < kSide; ++y) {
        for (std::uint32_t x = 0; x < kSide; ++x) now[at(x, y, z)] = start_value(grid_.index(x0 + x, y0 + y, z0 + z));
      }
    }
    std::vector<Real> then = now;
    for (std::uint32_t step = 1; step <= kSweeps; ++step) {
      for (std::uint32_t z = step; z < kSide - step; ++z) {
        for (std::uint32_t y = step; y < kSide - step; ++y) {
          for (std::uint32_t x = step; x < kSide - step; ++x) {
            then[at(x, y, z)] = next(now[at(x, y, z)], now[at(x - 1, y, z)], now[at(x + 1, y, z)], now[at(x, y - 1, z)],
                                     now[at(x, y + 1, z)], now[at(x, y, z - 1)], now[at(x, y, z + 1)]);
          }
        }
      }
      now.swap(then);
    }
    return now[at(kSweeps, kSweeps, kSweeps)];
  }

  void require_equal(std::uint32_t i, Real got, Real expected) const {
    if (std::bit_cast<Word>(got) != std::bit_cast<Word>(expected)) {
      throw_wrong_result(name(), fmt::format("cell {} of {}: {} instead of {}", i, grid_.cells(), got, expected));
    }
  }

  static std::vector<std::uint32_t> words_of(const std::vector<Real>& cells) {
    std::vector<std::uint32_t> words;
    for (const Real cell : cells) {
      const auto word = std::bit_cast<Word>(cell);
      words.push_back(static_cast<std::uint32_t>(word));
      if constexpr (kFp64) words.push_back(static_cast<std::uint32_t>(word >> 32U));
    }
    return words;
  }

  StreamKey key_;
  Grid grid_;
  Program program_;
  Kernel fill_, sweep_;
  Buffer start_, odd_, even_;
};

}  // namespace

std::unique_ptr<Component> make_stencil(StencilType type) {
  if (type == StencilType::Fp64) return std::make_unique<Stencil<double>>();
  return std::make_unique<Stencil<float>>();
}

}  // namespace starminer::provider::benchmark
