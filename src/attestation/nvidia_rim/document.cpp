#include "attestation/nvidia_rim/document.h"

#include <algorithm>

#include <libxml/c14n.h>
#include <libxml/parser.h>

namespace starminer::attestation::nvidia_rim {
namespace {

std::string_view view(const xmlChar* text) {
  return text == nullptr ? std::string_view() : std::string_view(reinterpret_cast<const char*>(text));
}

const xmlChar* chars(const std::string& text) { return reinterpret_cast<const xmlChar*>(text.c_str()); }

// Real manifests have 100 tags with at most 13 attributes each, and 6 namespaces. Canonical XML takes time by their
// products, so what is far larger is refused before.
constexpr std::size_t kTagsMax = 2048;
constexpr std::size_t kAttributesMax = 320;
constexpr std::size_t kNamespacesMax = 16;

bool is_small(std::string_view text) {
  std::size_t tags = 0;
  std::size_t attributes = 0;
  std::size_t namespaces = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '<') {
      ++tags;
      attributes = 0;
    } else if (text[i] == '=' && ++attributes > kAttributesMax) {
      return false;
    } else if (text[i] == 'x' && text.substr(i).starts_with("xmlns")) {
      ++namespaces;
    }
  }
  return tags <= kTagsMax && namespaces <= kNamespacesMax;
}

/// What one spelling of a document leaves out: declarations, comments, sections, references, other characters.
bool has_one_form(std::string_view text) {
  const bool plain =
      std::all_of(text.begin(), text.end(), [](char c) { return (c >= ' ' && c <= '~') || c == '\n' || c == '\t'; });
  return plain && text.find("<!") == std::string_view::npos && text.find("<?") == std::string_view::npos &&
         text.find('&') == std::string_view::npos && is_small(text);
}

struct Selection {
  const xmlNode* part;
  /// Whether what is inside of the part is shown, or what is not.
  bool inside;
};

/// Attributes and namespaces are where their element is.
int is_visible(void* user, xmlNode* node, xmlNode* parent) {
  const auto& selection = *static_cast<const Selection*>(user);
  const bool has_place = node != nullptr && node->type != XML_NAMESPACE_DECL && node->type != XML_ATTRIBUTE_NODE;
  const xmlNode* at = has_place ? node : parent;
  while (at != nullptr && at != selection.part) at = at->parent;
  return (at != nullptr) == selection.inside ? 1 : 0;
}

/// Keeps libxml2 from printing what it thinks of somebody else's document, while it lives, in this thread.
class Silence {
 public:
  Silence() : function_(xmlStructuredError), context_(xmlStructuredErrorContext) {
    // libxml2 2.12 made the error constant.
    xmlSetStructuredErrorFunc(nullptr, [](void*, auto*) {});
  }
  ~Silence() { xmlSetStructuredErrorFunc(context_, function_); }
  Silence(const Silence&) = delete;
  Silence& operator=(const Silence&) = delete;

 private:
  xmlStructuredErrorFunc function_;
  void* context_;
};

std::optional<std::string> canonical(xmlDoc* document, Selection selection) {
  struct CloseBuffer {
    void operator()(xmlOutputBuffer* buffer) const { xmlOutputBufferClose(buffer); }
  };
  const Silence silence;
  const std::unique_ptr<xmlOutputBuffer, CloseBuffer> buffer(xmlAllocOutputBuffer(nullptr));
  if (!buffer || xmlC14NExecute(document, is_visible, &selection, XML_C14N_1_1, nullptr, 0, buffer.get()) < 0) {
    return std::nullopt;
  }
  return std::string(reinterpret_cast<const char*>(xmlOutputBufferGetContent(buffer.get())),
                     xmlOutputBufferGetSize(buffer.get()));
}

}  // namespace

std::optional<Document> Document::parse(std::string_view text) {
  constexpr int kOptions = XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING;
  if (!has_one_form(text)) return std::nullopt;
  Document document(xmlReadMemory(text.data(), static_cast<int>(text.size()), nullptr, "UTF-8", kOptions));
  if (!document.document_ || document.root() == nullptr) return std::nullopt;
  return document;
}

const xmlNode* Document::root() const { return xmlDocGetRootElement(document_.get()); }

std::optional<std::string> Document::canonical_without(const xmlNode& left_out) const {
  return canonical(document_.get(), {&left_out, false});
}

std::optional<std::string> Document::canonical_of(const xmlNode& part) const {
  return canonical(document_.get(), {&part, true});
}

bool is_element(const xmlNode& node, std::string_view space, std::string_view name) {
  return node.type == XML_ELEMENT_NODE && view(node.name) == name && node.ns != nullptr && view(node.ns->href) == space;
}

std::vector<const xmlNode*> child_elements(const xmlNode& node) {
  std::vector<const xmlNode*> list;
  for (const xmlNode* child = node.children; child != nullptr; child = child->next) {
    if (child->type == XML_ELEMENT_NODE) list.push_back(child);
  }
  return list;
}

std::optional<std::vector<const xmlNode*>> only_elements(const xmlNode& node) {
  auto list = child_elements(node);
  std::size_t count = 0;
  for (const xmlNode* child = node.children; child != nullptr; child = child->next) ++count;
  if (count != list.size() || node.properties != nullptr) return std::nullopt;
  return list;
}

std::optional<std::string> only_text(const xmlNode& node) {
  const xmlNode* child = node.children;
  if (node.properties != nullptr || node.nsDef != nullptr || child == nullptr || child->next != nullptr ||
      child->type != XML_TEXT_NODE) {
    return std::nullopt;
  }
  return std::string(view(child->content));
}

std::optional<std::string> attribute(const xmlNode& node, std::string_view space, const std::string& name) {
  const std::string space_text(space);
  xmlChar* const value =
      space.empty() ? xmlGetNoNsProp(&node, chars(name)) : xmlGetNsProp(&node, chars(name), chars(space_text));
  if (value == nullptr) return std::nullopt;
  std::string text(view(value));
  xmlFree(value);
  return text;
}

}  // namespace starminer::attestation::nvidia_rim
