#include "sim/chain.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "base/check.h"
#include "protocol/market/queue_index.h"
#include "protocol/registry/shipped.h"

namespace starminer::sim {
namespace {

using namespace protocol;
using state::TableId;

constexpr std::uint64_t kHour = 3'600;
constexpr std::uint32_t kRating = 1'000;
constexpr std::uint64_t kProviderBalance = 1'000'000 * kBasePerToken;
constexpr std::string_view kRegion = "local";
constexpr std::string_view kSite = "trace";
constexpr unsigned kMibShift = 20;

AccountId provider_of(std::size_t number) {
  AccountId account;
  const Hash32 hash = sha256(fmt::format("provider {}", number));
  std::copy_n(hash.bytes.begin(), account.bytes.size(), account.bytes.begin());
  return account;
}

std::vector<ClassRow> classes_of(const std::vector<std::string>& models) {
  const std::vector<ClassRow> shipped = shipped_classes(1);
  const auto reference =
      std::find_if(shipped.begin(), shipped.end(), [](const ClassRow& row) { return row.name == "A100"; });
  STARMINER_CHECK(reference != shipped.end());
  std::vector<ClassRow> classes;
  for (const std::string& model : models) {
    ClassRow row = *reference;
    row.name = model;
    row.rating.fill(kRating);
    classes.push_back(std::move(row));
  }
  return classes;
}

std::vector<StoredRow> take_rows(state::Store& store) {
  store.commit();
  std::vector<StoredRow> rows;
  for (const state::Change& change : store.take_changes()) {
    STARMINER_CHECK(change.row.has_value());
    rows.push_back(
        {change.table, Bytes(change.key.begin(), change.key.end()), Bytes(change.row->begin(), change.row->end())});
  }
  return rows;
}

void drop_table(std::vector<StoredRow>& rows, TableId table) {
  rows.erase(std::remove_if(rows.begin(), rows.end(), [table](const StoredRow& row) { return row.table == table; }),
             rows.end());
}

/// Counts of an epoch as submissions leave them.
void add_demand(Chain& chain, const std::vector<TraceJob>& demand) {
  std::map<ShapeKey, ShapeRow> shapes;
  std::map<ClassId, ClassDemandRow> naming;
  for (const TraceJob& job : demand) {
    ShapeRow& shape = shapes[shape_of(spec_of(job).resources)];
    ++shape.current;
    if (!job.models.empty()) ++shape.choosy_current;
    for (const std::string& model : job.models) ++naming[*chain.registry.find_class(model)].naming_current;
  }
  std::vector<StoredRow> rows;
  for (const auto& [key, row] : shapes) rows.push_back({TableId::Shapes, encode(key), encode(row)});
  for (const auto& [key, row] : naming) rows.push_back({TableId::ClassDemand, encode(key), encode(row)});
  load_rows(chain.store, rows);
}

Result<void, std::string> add_provider(Registry& registry, Ledger& ledger, const BlockContext& context,
                                       const AccountId& provider) {
  STARMINER_CHECK(ledger.mint_at_genesis(provider, Asset::Agpu, kProviderBalance));
  const Sender sender = next_sender(ledger, provider);
  const auto valid = ProviderRegister::validate({"trace", {}});
  if (!valid) return fail(valid.error().detail);
  const auto checked = registry.check(*valid, sender);
  if (!checked) return fail(checked.error().detail);
  registry.apply(*checked, sender, context);
  return {};
}

}  // namespace

NodeRegister registration_of(const TraceNode& node) {
  NodeRegister op;
  op.hardware_class = node.model;
  op.hardware.model = node.model;
  op.hardware.devices = node.gpus;
  op.hardware.cpu_threads = node.cpu_threads;
  op.hardware.ram_bytes = node.memory_mib << kMibShift;
  op.offer.region = kRegion;
  op.offer.offer.country = "ZZ";
  op.offer.offer.site = kSite;
  op.ratings = {{JobKind::Training, {kRating, sha256("trace")}}};
  op.name = node.name;
  return op;
}

JobSpec spec_of(const TraceJob& job) {
  JobSpec spec;
  spec.kind = JobKind::Training;
  spec.manifest_hash = sha256("trace");
  spec.resources.classes = job.models;
  spec.resources.gpus = job.gpus;
  spec.resources.share_milli = job.share_milli;
  spec.resources.cpu_milli = job.cpu_milli;
  spec.resources.ram_bytes = job.memory_mib << kMibShift;
  spec.expected_s = kHour;
  spec.max_s = kHour;
  spec.tier = TierChoice::Standard;
  spec.budget = {kAmountMax};
  return spec;
}

void load_rows(state::Store& store, const std::vector<StoredRow>& rows) {
  for (const StoredRow& row : rows) STARMINER_CHECK(store.load(row.table, row.key, row.row));
}

std::vector<std::string> models_of(const std::vector<TraceNode>& nodes, const std::vector<TraceJob>& jobs) {
  std::set<std::string> models;
  for (const TraceNode& node : nodes) models.insert(node.model);
  for (const TraceJob& job : jobs) models.insert(job.models.begin(), job.models.end());
  return {models.begin(), models.end()};
}

std::vector<StoredRow> trace_genesis(const std::vector<std::string>& models, const std::vector<TraceJob>& demand,
                                     const std::optional<Weights>& weights, const std::vector<AccountId>& operators) {
  // What the shipped genesis would hold in place of the trace's rows is left out before it is loaded: a table takes no
  // row twice.
  Chain shipped;
  shipped.params.write_genesis(Preset::Main);
  shipped.registry.write_genesis(operators);
  std::vector<StoredRow> rows = take_rows(shipped.store);
  drop_table(rows, TableId::Classes);
  ClassId id = 0;
  for (const ClassRow& row : classes_of(models)) rows.push_back({TableId::Classes, encode(id++), encode(row)});
  Chain chain;
  load_rows(chain.store, rows);
  chain.pricing.write_genesis(Preset::Main);
  for (StoredRow& row : take_rows(chain.store)) rows.push_back(std::move(row));
  for (StoredRow& row : rows) {
    if (!weights || row.table != TableId::Tiers || row.key != encode(TierId{kStandard})) continue;
    auto tier = decode<TierRow>(row.row);
    STARMINER_CHECK(tier.has_value());
    tier->weights = *weights;
    row.row = encode(*tier);
  }
  if (demand.empty()) return rows;

  // An epoch and a tick of the market turn the counts into typical shapes and scarce classes.
  add_demand(chain, demand);
  BlockContext context;
  context.time = kStart;
  chain.market.on_epoch(context);
  chain.market.on_tick(context);
  for (StoredRow& row : take_rows(chain.store)) rows.push_back(std::move(row));
  return rows;
}

Sender next_sender(Ledger& ledger, const AccountId& account) {
  const auto sequence = ledger.next_sequence(account);
  STARMINER_CHECK(sequence.has_value());
  ledger.charge_fee(account);
  return {account, *sequence};
}

Result<void, std::string> register_nodes(Registry& registry, Ledger& ledger, const Params& params,
                                         const BlockContext& context, const std::vector<TraceNode>& nodes) {
  const std::uint64_t most = params.get(Parameter::NodesPerProvider);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const AccountId provider = provider_of(i / most);
    if (i % most == 0) {
      if (auto added = add_provider(registry, ledger, context, provider); !added) return added;
    }
    const auto refused = [&](const Refusal& refusal) {
      return fail(fmt::format("the registry refuses node {}: {}", nodes[i].name, refusal.detail));
    };
    const Sender sender = next_sender(ledger, provider);
    const auto valid = NodeRegister::validate(registration_of(nodes[i]));
    if (!valid) return refused(valid.error());
    const auto checked = registry.check(*valid, sender);
    if (!checked) return refused(checked.error());
    registry.apply(*checked, sender, context);
  }
  return {};
}

}  // namespace starminer::sim
