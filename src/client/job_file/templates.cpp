#include "client/job_file/templates.h"

namespace starminer::client::job_file {
namespace {

constexpr std::string_view kTraining =
    R"(# A training job. See what it costs:  starminer plan job.yaml     Run it:  starminer run job.yaml
name: my-training               # results are saved in ./my-training/
kind: training
runtime: debian/pytorch-1.13    # must be installed on the node; `starminer nodes --runtimes` lists what there is

command: [/usr/bin/python3, /job/in/train.py, --steps, 200, --out, /job/out]
env:
  OMP_NUM_THREADS: 1
inputs:                         # relative to this file; read-only in /job/in
  - train.py
  - text.txt
# - {from: data/*.txt, to: corpus/}
outputs:                        # what the job writes below /job/out; without this list everything there
  - weights.pt
  - loss.svg

resources:
  class: any                    # or a list such as [RTX4090, H100]; CPU is a class too
  gpus: 1
# gpu_memory: 20 GiB
  cpus: 1
  memory: 4 GiB
  disk: 1 GiB

time:
  expected: 3 min
  max: 10 min                   # the job is stopped then; at least 1 min
# start_within: 30 min
# deadline: 6h                  # from submission on, or 2026-10-01T12:00:00Z

tier: auto                      # economy, standard, premium
# urgency: soon
# max_price: 0.5 AGPU           # per GPU-hour
budget: 1 AGPU                  # the job never costs more
# region: {prefer: [eu-central], residency: DE}
verify: accept                  # you look at the results before they are paid
)";

constexpr std::string_view kInference =
    R"(# An inference job: a model over a batch of inputs. Price it:  starminer plan job.yaml
name: my-inference
kind: inference
runtime: debian/pytorch-1.13

command: [/usr/bin/python3, /job/in/infer.py, --prompts, /job/in/prompts.txt, --out, /job/out]
inputs:
  - infer.py
  - weights.pt
  - prompts.txt
outputs:
  - answers.jsonl

resources:
  class: any
  gpus: 1
# share: 250                    # a quarter of one GPU is enough
  memory: 4 GiB

time:
  expected: 1 min
  max: 5 min
  start_within: 2 min

# latency: 50 ms                # to the regions that are preferred
# region: {prefer: [eu-central, eu-west]}
urgency: soon
tier: auto
budget: 0.5 AGPU
verify: accept
)";

constexpr std::string_view kRendering = R"(# A rendering job: frames of a scene. Price it:  starminer plan job.yaml
name: my-rendering
kind: rendering
runtime: debian/blender-3.4

command: [/usr/bin/blender, --background, /job/in/scene.blend, --engine, CYCLES,
          --render-output, /job/out/frame_, --render-anim]
inputs:
  - scene.blend
# - textures/                   # a folder with everything in it
outputs:
  - frame_*.png

resources:
  class: any
  gpus: 1
  cpus: 2
  memory: 4 GiB
limits:
  output: 1 GiB

time:
  expected: 4 min
  max: 15 min

tier: economy                   # cheapest; may be stopped and started again where preemptible
preemptible: true
budget: 1 AGPU
verify: accept
)";

constexpr std::string_view kSimulation =
    R"(# A simulation or another batch computation. Price it:  starminer plan job.yaml
name: my-simulation
kind: simulation
runtime: debian/python-3.11

command: [/usr/bin/python3, /job/in/simulate.py, --seed, 42, --out, /job/out/result.csv]
inputs:
  - simulate.py
# - data/**/*.csv
outputs:
  - result.csv

resources:
  class: CPU
  gpus: 1                       # a CPU device counts as one
  cpus: 2
  memory: 2 GiB
  disk: 2 GiB
limits:
  processes: 64

time:
  expected: 10 min
  max: 30 min
  deadline: 6h

tier: auto
budget: 0.2 AGPU
verify: accept
)";

}  // namespace

std::string_view job_template(protocol::JobKind kind) {
  switch (kind) {
    case protocol::JobKind::Training: break;
    case protocol::JobKind::Inference: return kInference;
    case protocol::JobKind::Rendering: return kRendering;
    case protocol::JobKind::Simulation: return kSimulation;
  }
  return kTraining;
}

}  // namespace starminer::client::job_file
