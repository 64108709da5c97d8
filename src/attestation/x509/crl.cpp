#include "attestation/x509/crl.h"

#include <algorithm>
#include <utility>

namespace starminer::attestation::x509 {
namespace {

bool equal(ByteView left, ByteView right) { return std::equal(left.begin(), left.end(), right.begin(), right.end()); }

}  // namespace

std::optional<RevocationList> RevocationList::parse(Bytes bytes) {
  RevocationList list;
  list.der_ = std::move(bytes);
  if (!list.read()) return std::nullopt;
  return list;
}

bool RevocationList::read() {
  constexpr std::uint32_t kVersion2 = 1;
  der::Reader outer(der_);
  der::Reader list = outer.enter(der::kSequence);
  const der::Element tbs = list.expect(der::kSequence);
  const ByteView identifier = list.expect(der::kSequence).whole;
  const auto signature = der::whole_bits(list.expect(der::kBitString));
  const auto algorithm = parse_algorithm(identifier);
  if (!list.done() || !outer.done() || !signature || !algorithm) return false;
  tbs_ = tbs.whole;
  signature_ = *signature;
  algorithm_ = *algorithm;
  der::Reader body(tbs.content);
  if (der::small_integer(body.expect(der::kInteger)) != kVersion2) return false;
  if (!equal(body.expect(der::kSequence).whole, identifier)) return false;
  issuer_ = body.expect(der::kSequence).whole;
  const auto this_update = time_of(body.next());
  const auto next_update = time_of(body.next());
  if (!this_update || !next_update) return false;
  validity_ = {*this_update, *next_update};
  if (body.next_is(der::kSequence) && !read_revoked(body.enter(der::kSequence))) return false;
  if (!body.next_is(der::context(0))) return false;
  der::Reader wrapped = body.enter(der::context(0));
  return has_only_known_extensions(wrapped.enter(der::kSequence)) && wrapped.done() && body.done();
}

bool RevocationList::read_revoked(der::Reader list) {
  while (!list.at_end()) {
    der::Reader row = list.enter(der::kSequence);
    const auto serial = der::magnitude(row.expect(der::kInteger));
    if (!serial || !time_of(row.next())) return false;
    if (row.next_is(der::kSequence) && !has_only_known_extensions(row.enter(der::kSequence))) return false;
    if (!row.done()) return false;
    serials_.push_back(*serial);
  }
  return list.done();
}

bool RevocationList::has_only_known_extensions(der::Reader list) const {
  while (!list.at_end()) {
    der::Reader row = list.enter(der::kSequence);
    static_cast<void>(row.expect(der::kOid));
    // A critical one changes what the list says, such as that it is a part of a list.
    if (row.next_is(der::kBoolean)) return false;
    static_cast<void>(row.expect(der::kOctetString));
    if (!row.done()) return false;
  }
  return list.done();
}

bool RevocationList::revokes(const Certificate& certificate) const {
  return std::any_of(serials_.begin(), serials_.end(),
                     [&](ByteView serial) { return equal(serial, certificate.serial()); });
}

bool RevocationList::is_signed_by(const Certificate& authority) const {
  return equal(issuer_, authority.subject()) && may_sign_lists(authority) &&
         verify_signature(authority.key(), algorithm_, tbs_, signature_);
}

}  // namespace starminer::attestation::x509
