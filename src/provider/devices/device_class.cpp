#include "provider/devices/device_class.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <vector>

namespace starminer::provider::devices {
namespace {

constexpr std::uint64_t kGiB = 1ULL << 30U;

/// A model belongs to the class if its name has all the words in this order, one after the other, and no word that
/// marks a lesser variant. The memory bound lies under what drivers report for the full model.
struct ClassRule {
  std::string_view name;
  std::array<std::string_view, 2> words;
  std::uint64_t memory_bytes_min;
};

constexpr std::array<ClassRule, 6> kRules{{
    {"RTX4090", {"rtx", "4090"}, 22 * kGiB},
    {"L40S", {"l40s", ""}, 42 * kGiB},
    {"A100", {"a100", ""}, 75 * kGiB},
    {"H100", {"h100", ""}, 75 * kGiB},
    {"H200", {"h200", ""}, 130 * kGiB},
    {"B200", {"b200", ""}, 165 * kGiB},
}};

constexpr std::array<std::string_view, 8> kClassNames{"RTX4090", "L40S", "A100",    "H100",
                                                      "H200",    "B200", kCpuClass, kGenericGpuClass};

constexpr std::array<std::string_view, 9> kLesserVariants{"laptop", "mobile",  "d",   "mig", "grid",
                                                          "vgpu",   "virtual", "max", "ada"};

std::vector<std::string> words_of(std::string_view name) {
  std::vector<std::string> words;
  std::string word;
  for (const char c : name) {
    if (std::isalnum(static_cast<unsigned char>(c)) != 0) {
      word.push_back(static_cast<char>(std::tolower(static_cast<unsigned char>(c))));
    } else if (!word.empty()) {
      words.push_back(std::move(word));
      word.clear();
    }
  }
  if (!word.empty()) words.push_back(std::move(word));
  return words;
}

bool matches(const ClassRule& rule, const std::vector<std::string>& words) {
  const std::size_t needed = rule.words[1].empty() ? 1 : 2;
  return std::search(words.begin(), words.end(), rule.words.begin(),
                     rule.words.begin() + static_cast<std::ptrdiff_t>(needed)) != words.end();
}

/// vGPU profiles end in a size and a letter ("A100-40C"): the second word after the model is digits and one letter of
/// the profile types.
bool is_vgpu_profile(std::string_view word) {
  if (word.size() < 2 || word.size() > 3) return false;
  const bool digits = std::all_of(word.begin(), word.end() - 1, [](unsigned char c) { return std::isdigit(c) != 0; });
  return digits && std::string_view("abcq").find(word.back()) != std::string_view::npos;
}

}  // namespace

std::string_view gpu_class(std::string_view model_name, std::uint64_t memory_bytes) {
  const auto words = words_of(model_name);
  for (const auto& word : words) {
    if (std::find(kLesserVariants.begin(), kLesserVariants.end(), word) != kLesserVariants.end())
      return kGenericGpuClass;
    if (is_vgpu_profile(word)) return kGenericGpuClass;
  }
  for (const auto& rule : kRules) {
    if (memory_bytes >= rule.memory_bytes_min && matches(rule, words)) return rule.name;
  }
  return kGenericGpuClass;
}

std::span<const std::string_view> class_names() { return kClassNames; }

}  // namespace starminer::provider::devices
