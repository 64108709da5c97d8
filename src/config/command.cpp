#include "config/command.h"

#include <algorithm>

#include "base/check.h"

namespace starminer::config {

Argument& Argument::required() {
  is_required = true;
  return *this;
}

Argument& Argument::hidden() {
  is_hidden = true;
  return *this;
}

Argument& Argument::in(std::string heading) {
  group = std::move(heading);
  return *this;
}

Argument& Argument::placeholder(std::string text) {
  value.placeholder = std::move(text);
  return *this;
}

Argument& Argument::completes(Completion completion) {
  value.completion = completion;
  return *this;
}

std::string Argument::long_name() const {
  const std::size_t start = name.find("--");
  return start == std::string::npos ? name : name.substr(start);
}

ExitCode Invocation::fail(ExitCode code, const terminal::Failure& failure) const {
  if (json) {
    err.line(terminal::failure_json(failure, static_cast<int>(code)));
  } else {
    std::string text = terminal::failure_text(err, failure);
    text.pop_back();
    err.line(text);
  }
  return code;
}

Command::Command(std::string name, std::string summary) : name_(std::move(name)), summary_(std::move(summary)) {}

Command& Command::add(std::string name, std::string summary) {
  STARMINER_CHECK(find(name) == nullptr);
  commands_.push_back(std::make_unique<Command>(std::move(name), std::move(summary)));
  commands_.back()->parent_ = this;
  return *commands_.back();
}

Command& Command::describe(std::string text) {
  description_ = std::move(text);
  return *this;
}

Command& Command::example(std::string line, std::string says) {
  examples_.push_back({std::move(line), std::move(says)});
  return *this;
}

Command& Command::returns(ExitCode code, std::string when) {
  exit_notes_.push_back({code, std::move(when)});
  return *this;
}

Command& Command::run(Action action) {
  action_ = std::move(action);
  return *this;
}

Argument& Command::add_argument(Argument argument) {
  const auto same = [&](const Argument& other) { return other.long_name() == argument.long_name(); };
  STARMINER_CHECK(std::none_of(arguments_.begin(), arguments_.end(), same));
  arguments_.push_back(std::move(argument));
  return arguments_.back();
}

Command& Command::takes_rest(std::string name, std::vector<std::string>& target, std::string help) {
  rest_ = std::make_unique<Argument>(Argument{std::move(name), bind(target), std::move(help)});
  return *this;
}

Command& Command::prints() {
  takes_json_ = true;
  return *this;
}

Command& Command::asks() {
  takes_yes_ = true;
  return *this;
}

Command& Command::hidden() {
  hidden_ = true;
  return *this;
}

Command& Command::without_configuration() {
  needs_configuration_ = false;
  return *this;
}

std::string Command::path() const { return parent_ == nullptr ? name_ : parent_->path() + " " + name_; }

const Command* Command::find(std::string_view name) const {
  for (const auto& command : commands_) {
    if (command->name() == name) return command.get();
  }
  return nullptr;
}

std::vector<const Command*> visible_commands(const Command& root) {
  std::vector<const Command*> all = {&root};
  for (const auto& command : root.commands()) {
    if (command->is_hidden()) continue;
    const auto below = visible_commands(*command);
    all.insert(all.end(), below.begin(), below.end());
  }
  return all;
}

}  // namespace starminer::config
