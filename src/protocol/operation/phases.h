// The three phases of an operation as types: validate (shape) -> Valid<Op>, check (against state) -> Checked<Op>,
// apply (writes, cannot fail). The tokens can only be made by the operation and by its module, so that skipping a
// phase does not compile.
//
// An operation is a plain struct with
//   using Module = ...;            the class that checks and applies it
//   struct Evidence { ... };       what `check` found and `apply` needs
//   static Result<Valid<Op>, Refusal> validate(Op op);
#pragma once

#include <utility>

namespace starminer::protocol {

template <class Op>
class Valid {
 public:
  [[nodiscard]] const Op& operator*() const { return op_; }
  [[nodiscard]] const Op* operator->() const { return &op_; }

 private:
  friend Op;
  explicit Valid(Op op) : op_(std::move(op)) {}
  Op op_;
};

template <class Op>
class Checked {
 public:
  [[nodiscard]] const Op& operator*() const { return op_; }
  [[nodiscard]] const Op* operator->() const { return &op_; }
  [[nodiscard]] const auto& evidence() const { return evidence_; }

 private:
  friend typename Op::Module;
  Checked(const Valid<Op>& valid, typename Op::Evidence evidence) : op_(*valid), evidence_(std::move(evidence)) {}
  Op op_;
  typename Op::Evidence evidence_;
};

}  // namespace starminer::protocol
