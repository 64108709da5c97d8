#include "node/program.h"

#include "config/program.h"
#include "node/commands.h"
#include "node/settings.h"

namespace starminer::node {
namespace {

using config::ExitCode;
using config::Invocation;

void add_init(config::Program& program, const Settings& settings, InitRequest& request) {
  config::Command& command = program.root().add("init", "Make a data folder with keys and a genesis");
  command.describe(
      "Makes the folder that --data-dir names: the operator's key, on preset dev also a faucet's key, and the genesis "
      "with the accounts that begin with a balance. A network is its genesis file: every node needs the same one.");
  command
      .option("--preset", request.preset,
              "Starting parameters: main, test or dev (times a tenth, prices a thousandfold).")
      .placeholder("PRESET");
  command.option("--chain-id", request.chain_id, "Name of the chain; made up if not given.").placeholder("TEXT");
  command.option("--account", request.accounts, "An account and its balance, as often as needed: \"sm1...=1000 AGPU\".")
      .placeholder("ADDRESS=AMOUNT");
  command
      .option("--parameter", request.parameters,
              "A parameter with another value than the preset's, as often as needed: ArchiveAfterMs=3600000.")
      .placeholder("NAME=VALUE");
  command
      .option(
          "--governance", request.governance,
          "Account that may set parameters within their bounds, or none; the operator's on presets test and dev, none "
          "on main.")
      .placeholder("ADDRESS");
  command
      .option(
          "--validator", request.validators,
          "A validator of a network that CometBFT orders, as often as needed: the address of its consensus key, and "
          "what starminerd vrf-key prints on its machine.")
      .placeholder("ADDRESS=KEY");
  command.option("--operator-funds", request.operator_funds,
                 "Balance of the operator's account, which pays for reports.");
  command.option("--faucet-funds", request.faucet_funds, "Balance of the faucet, on preset dev.");
  command.prints()
      .example("starminerd init --data-dir dev", "A development network in the folder dev")
      .example("starminerd init --preset main --chain-id starminer-1 --account \"sm1...=1000000 AGPU\"",
               "A network with one funded account")
      .run([&](const Invocation& call) { return init(call, settings, request); });
}

void add_snapshot(config::Program& program, const Settings& settings, SnapshotRequest& request) {
  config::Command& group = program.root().add("snapshot", "Save a chain as hashed chunks, check them, start from them");
  config::Command& create = group.add("create", "Save the chain as of now, while the node goes on serving");
  create.describe(
      "Asks the node of the data folder for a copy by hard links, which costs it a moment, and writes all that the "
      "chain "
      "holds from that as chunks with their hashes, at low priority. Where no node runs, the folder itself is read.");
  create.option("--out", request.folder, "The folder for the snapshot; it must not exist.")
      .required()
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  create.prints()
      .example("starminerd snapshot create --data-dir dev --out snapshot-1", "Save the chain in the folder dev")
      .returns(ExitCode::NotFound, "the data folder has no chain")
      .run([&](const Invocation& call) { return snapshot_create(call, settings, request); });
  const auto add_source = [&](config::Command& command) {
    command.positional("snapshot", request.folder, "The folder of the snapshot.")
        .required()
        .placeholder("DIR")
        .completes(config::Completion::Directory);
    command.option("--root", request.root, "An app hash that you trust; the snapshot must be of it.")
        .placeholder("HEX");
  };
  config::Command& verify = group.add("verify", "Check every chunk of a snapshot, and the whole against its root");
  add_source(verify);
  verify.prints()
      .example("starminerd snapshot verify snapshot-1 --root 9f2c...", "Against an app hash from elsewhere")
      .returns(ExitCode::Mismatch, "a chunk was altered, or the whole is another state")
      .run([&](const Invocation& call) { return snapshot_verify(call, request); });
  config::Command& restore = group.add("restore", "Make the chain of a data folder out of a snapshot");
  restore.describe(
      "Checks every chunk against its hash and everything together against the app hash, and writes the chain and its "
      "genesis. A chunk that was altered is named, and nothing is left behind. Copy the keys into the folder yourself: "
      "a "
      "snapshot has none.");
  add_source(restore);
  restore.prints()
      .example("starminerd snapshot restore snapshot-1 --data-dir copy --root 9f2c...", "Start a node from it")
      .returns(ExitCode::Mismatch, "a chunk was altered, or the whole is another state")
      .run([&](const Invocation& call) { return snapshot_restore(call, settings, request); });
}

void add_repair(config::Program& program, const Settings& settings, RepairSources& sources) {
  config::Command& command = program.root().add("repair", "Say what of the chain is damaged, and make it whole again");
  command.describe(
      "Reads every file of the chain, compares it with its checksums and the whole with its app hash, and names what "
      "is "
      "damaged. A whole chain is then made of the best beginning (the own database, a copy, a snapshot, the genesis) "
      "and "
      "of the blocks behind it from every log, checked once more, and put in the place of the damaged one, which is "
      "kept "
      "beside it. Where the newest block that the folder knows of cannot be reached, nothing is done, and what is "
      "missing "
      "is named. The node must be stopped.");
  command.option("--copy", sources.copies, "Another data folder of this chain, such as a backup; as often as needed.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--snapshot", sources.snapshots, "A snapshot of this chain; as often as needed.")
      .placeholder("DIR")
      .completes(config::Completion::Directory);
  command.option("--check", sources.examine_only, "Only say what is damaged.");
  command.option("--accept-loss", sources.accept_loss,
                 "Go on without the blocks that no source has. Answered transactions in them are lost, and nodes that "
                 "have these blocks are on another chain from then on.");
  command.prints()
      .example("starminerd repair --data-dir net --check", "Is everything whole?")
      .example("starminerd repair --data-dir net --snapshot snapshot-1", "From a snapshot and the folder's own log")
      .example("starminerd repair --data-dir net --copy /mnt/backup/net", "From a backup and what the folder still has")
      .returns(ExitCode::NotFound, "the data folder has no genesis")
      .returns(ExitCode::Mismatch, "something is damaged and was not repaired")
      .run([&](const Invocation& call) { return repair(call, settings, sources); });
}

}  // namespace

int run_program(int argc, const char* const* argv) {
  Settings settings = make_settings();
  InitRequest request;
  config::OptionTable options;
  declare_options(options, settings);
  const std::string version = STARMINER_VERSION;
  config::Program program({"starminerd", "Run a node of the market", version});
  add_init(program, settings, request);
  program.root()
      .add("run", "Serve the market until stopped")
      .describe(
          "Loads the chain, checks it against its hashes, and serves the API. Ends in order on SIGTERM and SIGINT. "
          "Logs go to standard error. The address of the API stands in api.url of the data folder while it serves. "
          "With "
          "--engine-kind cometbft the validators of a network order the transactions: this process also answers its "
          "CometBFT over ABCI and hands it the transactions that come to the API (docs/operators.md).")
      .example("starminerd run --data-dir dev", "Serve the chain in the folder dev")
      .example("starminerd run --data-dir dev --api-listen 127.0.0.1:0", "The same on a free port")
      .example("starminerd run --data-dir net --engine-kind cometbft", "Hold the market of a network behind CometBFT")
      .returns(ExitCode::NotFound, "the data folder has no genesis")
      .run([&](const Invocation& call) { return serve(call, settings, version); });
  program.root()
      .add("vrf-key", "Show the VRF key of the data folder, and make it where there is none")
      .describe(
          "Prints the public half, which the genesis of a network names beside the validator's address (starminerd "
          "init "
          "--validator). The key itself stays in vrf.key.json; back it up.")
      .prints()
      .example("starminerd vrf-key --data-dir net", "What the maker of the genesis needs to know")
      .run([&](const Invocation& call) { return show_vrf_key(call, settings); });
  program.root()
      .add("replay", "Recompute the whole chain and compare every root")
      .describe("Applies every stored block to a fresh state. The node must be stopped, or the folder be a copy.")
      .prints()
      .example("starminerd replay --data-dir dev", "Check the chain in the folder dev")
      .returns(ExitCode::NotFound, "there is no chain")
      .returns(ExitCode::Mismatch, "a recomputed root differs from the stored one")
      .run([&](const Invocation& call) { return replay(call, settings); });
  program.root()
      .add("status", "Show what the node of this folder says")
      .prints()
      .example("starminerd status --data-dir dev", "Chain, height and address of the API")
      .returns(ExitCode::Unreachable, "no node serves this folder")
      .run([&](const Invocation& call) { return status(call, settings); });
  SnapshotRequest snapshot;
  add_snapshot(program, settings, snapshot);
  RepairSources sources;
  add_repair(program, settings, sources);
  program.configure(options, {"/etc/starminer/starminerd.toml"});
  return program.run(argc, argv);
}

}  // namespace starminer::node
