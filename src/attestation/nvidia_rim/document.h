// A manifest's XML: parsed by libxml2 without network, entities or document types, and parts of it in canonical form.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <libxml/tree.h>

namespace starminer::attestation::nvidia_rim {

class Document {
 public:
  /// Empty optional for what is not well formed, not of the one form that manifests have, or far larger than they are.
  [[nodiscard]] static std::optional<Document> parse(std::string_view text);

  [[nodiscard]] const xmlNode* root() const;
  /// Canonical XML 1.1 (W3C, without comments) of all but the nodes in `left_out`.
  [[nodiscard]] std::optional<std::string> canonical_without(const xmlNode& left_out) const;
  /// The same of the nodes in `part` alone.
  [[nodiscard]] std::optional<std::string> canonical_of(const xmlNode& part) const;

 private:
  struct Free {
    void operator()(xmlDoc* document) const { xmlFreeDoc(document); }
  };

  explicit Document(xmlDoc* document) : document_(document) {}

  std::unique_ptr<xmlDoc, Free> document_;
};

[[nodiscard]] bool is_element(const xmlNode& node, std::string_view space, std::string_view name);
/// Child elements in order; text between them is ignored.
[[nodiscard]] std::vector<const xmlNode*> child_elements(const xmlNode& node);
/// Children that are elements and nothing else; empty optional where there is text, too.
[[nodiscard]] std::optional<std::vector<const xmlNode*>> only_elements(const xmlNode& node);
/// The text of an element without attributes and declarations that has nothing else in it.
[[nodiscard]] std::optional<std::string> only_text(const xmlNode& node);
/// An attribute; `space` is empty for one without a namespace.
[[nodiscard]] std::optional<std::string> attribute(const xmlNode& node, std::string_view space,
                                                   const std::string& name);

}  // namespace starminer::attestation::nvidia_rim
