#include "client/job_file/flags.h"

#include "client/job_file/fields.h"
#include "config/command.h"

namespace starminer::client::job_file {

JobFlags::JobFlags() {
  for (const Field& field : job_fields()) {
    if (!field.flag.empty()) given_.push_back({field.path, {}, field.flag});
  }
}

void JobFlags::attach(config::Command& command) {
  for (Override& given : given_) {
    const Field& field = *find_field(given.field);
    config::ValueBinding value;
    value.shape = field.type.is_switch ? config::ValueShape::Boolean
                  : field.type.is_list ? config::ValueShape::List
                                       : config::ValueShape::Text;
    value.placeholder = field.type.placeholder;
    value.choices = field.type.choices;
    if (field.path == "inputs") value.completion = config::Completion::File;
    // Values are checked together with the file, so that all problems come at once.
    value.assign = [&given](const std::vector<std::string>& texts) {
      given.texts = texts;
      return std::nullopt;
    };
    value.show = [] { return std::vector<std::string>(); };
    command.add_argument({field.flag, std::move(value), field.help}).in(field.heading);
  }
  command.takes_rest("PROGRAM ARGUMENTS", command_, find_field("command")->help);
}

std::vector<Override> JobFlags::overrides() const {
  std::vector<Override> all;
  for (const Override& given : given_) {
    if (!given.texts.empty()) all.push_back(given);
  }
  if (!command_.empty()) all.push_back({"command", command_, "-- PROGRAM"});
  return all;
}

}  // namespace starminer::client::job_file
