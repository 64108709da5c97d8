// What the owner configures of an agent.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <set>
#include <string>

namespace starminer::provider {

struct AgentSettings {
  std::string api_url = "http://127.0.0.1:7700";
  std::filesystem::path state_dir;  ///< key, registration, journals, job directories; belongs to one agent
  std::string name = "provider";
  std::string payout;  ///< address that is paid; empty: the agent's own
  std::string region = "local";
  std::string country = "ZZ";  ///< ISO 3166-1 alpha-2; ZZ: not stated, serves no job with data residency
  std::string site;  ///< name of the site; hosts of this provider with the same one may share a job; empty: none
  std::uint32_t site_tier = 0;
  std::uint32_t g_co2_per_kwh = 0;
  std::uint32_t renewable_percent = 0;
  std::uint32_t pue_milli = 0;     ///< energy of the site over energy of its computers, x 1000; 0: not stated
  std::string energy_certificate;  ///< SHA-256 of the certificate, in hexadecimal; empty: none
  std::uint32_t floor_32nds = 0;   ///< least price in 1/32 of the class's anchor
  std::uint32_t cpu_threads = 0;   ///< offered to jobs; 0: all that this process may use
  std::uint64_t ram_bytes = 0;     ///< offered to jobs; 0: three quarters of the machine's
  std::uint64_t disk_bytes = 0;    ///< offered to jobs; 0: half of what is free in the state folder
  bool quick_benchmark = false;    ///< shorter measurement, for demonstrations and tests
  std::string cgroup_parent = "starminer";
  std::set<std::string> stated;  ///< options that file, environment or flags set: "offer.region"
};

}  // namespace starminer::provider
