#include "attestation/dcap/pck.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>

#include "attestation/x509/der.h"

namespace starminer::attestation::dcap {
namespace {

namespace der = x509::der;

constexpr std::string_view kSgx = "1.2.840.113741.1.13.1";

/// A sequence of (OID, value), each OID once and below `base`, by the rest of its OID: "2", "17".
std::optional<std::map<std::string, der::Element>> read_rows(der::Reader list, std::string_view base) {
  std::map<std::string, der::Element> rows;
  while (!list.at_end()) {
    der::Reader row = list.enter(der::kSequence);
    const auto oid = der::oid_text(row.expect(der::kOid));
    const der::Element value = row.next();
    if (!oid || !row.done() || !oid->starts_with(base) || oid->size() <= base.size() || (*oid)[base.size()] != '.')
      return std::nullopt;
    if (!rows.emplace(oid->substr(base.size() + 1), value).second) return std::nullopt;
  }
  if (!list.done()) return std::nullopt;
  return rows;
}

template <std::size_t N>
bool read_octets(const std::map<std::string, der::Element>& rows, const std::string& name,
                 std::array<std::uint8_t, N>& field) {
  const auto found = rows.find(name);
  if (found == rows.end() || found->second.tag != der::kOctetString || found->second.content.size() != N) return false;
  std::copy(found->second.content.begin(), found->second.content.end(), field.begin());
  return true;
}

bool read_tcb(const std::map<std::string, der::Element>& rows, PckFields& fields) {
  const auto number = [&rows](std::size_t which, std::uint32_t limit) -> std::optional<std::uint32_t> {
    const auto found = rows.find(std::to_string(which));
    const auto value = found == rows.end() ? std::nullopt : der::small_integer(found->second);
    return value && *value <= limit ? value : std::nullopt;
  };
  for (std::size_t i = 0; i < fields.tcb_components.size(); ++i) {
    const auto svn = number(i + 1, 0xff);
    if (!svn) return false;
    fields.tcb_components[i] = static_cast<std::uint8_t>(*svn);
  }
  const auto pce_svn = number(fields.tcb_components.size() + 1, 0xffff);
  if (!pce_svn) return false;
  fields.pce_svn = static_cast<std::uint16_t>(*pce_svn);
  return true;
}

}  // namespace

std::optional<PckFields> read_pck(const x509::Certificate& certificate) {
  const x509::Extension* extension = certificate.find(kSgx);
  if (extension == nullptr) return std::nullopt;
  der::Reader outer(extension->value);
  const auto rows = read_rows(outer.enter(der::kSequence), kSgx);
  if (!rows || !outer.done()) return std::nullopt;
  const auto tcb = rows->find("2");
  if (tcb == rows->end() || tcb->second.tag != der::kSequence) return std::nullopt;
  const auto tcb_rows = read_rows(der::Reader(tcb->second.content), std::string(kSgx) + ".2");
  PckFields fields;
  if (!tcb_rows || !read_tcb(*tcb_rows, fields) || !read_octets(*rows, "1", fields.ppid) ||
      !read_octets(*rows, "3", fields.pce_id) || !read_octets(*rows, "4", fields.fmspc)) {
    return std::nullopt;
  }
  return fields;
}

}  // namespace starminer::attestation::dcap
