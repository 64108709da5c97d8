// The fields of a job file as flags of a command: made from the same table, checked by the same rules, winning over the
// file. Lists given by flags replace the file's list; --env adds to the file's variables one by one.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "client/job_file/job_file.h"

namespace starminer::config {
class Command;
}

namespace starminer::client::job_file {

/// Holds the texts of the flags; must outlive the command it is attached to. One thread.
class JobFlags {
 public:
  JobFlags();
  JobFlags(const JobFlags&) = delete;
  JobFlags& operator=(const JobFlags&) = delete;

  /// Adds every field's flag, and "-- PROGRAM ARGUMENTS..." for the command.
  void attach(config::Command& command);
  /// What was given, for parse_job_file or job_from_flags.
  [[nodiscard]] std::vector<Override> overrides() const;

 private:
  std::deque<Override> given_;
  std::vector<std::string> command_;
};

}  // namespace starminer::client::job_file
