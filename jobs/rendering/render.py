"""Renders the scene to frames with Blender Cycles on the processor.

blender --background --factory-startup --python-exit-code 1 --python render.py -- --out FOLDER

Writes frame_0001.png ..., sheet.png (all frames at half size) and loop.png (an animated PNG).
The same arguments give the same pixels; Blender must be started with a clean scene.
"""
import argparse
import contextlib
import ctypes
import json
import os
import sys
import tempfile
import time
from pathlib import Path

import bpy
import numpy as np

sys.dont_write_bytecode = True
sys.path.insert(0, str(Path(__file__).resolve().parent))
import picture  # noqa: E402
from scene import Scene  # noqa: E402

SEED = 20


def arguments():
    own = sys.argv[sys.argv.index("--") + 1 :] if "--" in sys.argv else []
    parser = argparse.ArgumentParser(prog="render.py", description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="an existing folder for the pictures")
    parser.add_argument("--frames", type=int, default=6, help="frames of the loop (1 to 120)")
    parser.add_argument("--size", type=int, default=640, help="width in pixels, even; the height is 9/16 of it")
    parser.add_argument("--samples", type=int, default=20, help="light paths per pixel, even (2 to 4096)")
    parser.add_argument("--threads", type=int, default=2)
    chosen = parser.parse_args(own)
    if not 1 <= chosen.frames <= 120:
        parser.error(f"--frames is {chosen.frames}; choose 1 to 120")
    if not 32 <= chosen.size <= 4096 or chosen.size % 32:
        parser.error(f"--size is {chosen.size}; choose a multiple of 32 from 32 to 4096")
    if not 2 <= chosen.samples <= 4096 or chosen.samples % 2:
        parser.error(f"--samples is {chosen.samples}; choose an even number from 2 to 4096")
    if not chosen.out.is_dir() or not os.access(chosen.out, os.W_OK):
        parser.error(f"--out {chosen.out} is not a folder that can be written")
    return chosen


def progress(done, total, note):
    print("@progress " + json.dumps({"done": done, "total": total, "unit": "frame", "note": note}), flush=True)


def set_up(scene, size, samples, threads):
    render, cycles = scene.render, scene.cycles
    render.engine = "CYCLES"
    render.resolution_x, render.resolution_y = size, size * 9 // 16
    render.threads_mode, render.threads = "FIXED", threads
    render.use_persistent_data = True
    cycles.device, cycles.samples = "CPU", samples // 2  # the other half is the second rendering of each frame
    cycles.use_adaptive_sampling = cycles.use_denoising = False
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 7, 1, 3
    cycles.transmission_bounces, cycles.transparent_max_bounces = 6, 4
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_direct, cycles.sample_clamp_indirect = 6, 1.5
    scene.view_layers[0].cycles.denoising_store_passes = True
    scene.view_settings.view_transform = "Filmic"
    for field in dir(render):  # no date, time or host in the files
        if field.startswith("use_stamp"):
            setattr(render, field, False)


@contextlib.contextmanager
def silence():
    """Keeps Blender's own hundreds of lines per frame out of the log; its errors go to stderr and stay."""
    libc = ctypes.CDLL(None)  # Blender prints through C's buffer, which must be empty before and after
    sys.stdout.flush()
    libc.fflush(None)
    kept, nothing = os.dup(1), os.open(os.devnull, os.O_WRONLY)
    os.dup2(nothing, 1)
    try:
        yield
    finally:
        libc.fflush(None)
        os.dup2(kept, 1)
        os.close(kept)
        os.close(nothing)


class Camera:
    """Takes raw pictures of the scene by way of files in a scratch folder."""

    PASSES = ("Image", "Denoising Albedo", "Denoising Normal")

    def __init__(self, scene, folder):
        self.scene, self.folder = scene, folder
        scene.use_nodes = True
        nodes, links = scene.node_tree.nodes, scene.node_tree.links
        nodes.clear()
        layers, files = nodes.new("CompositorNodeRLayers"), nodes.new("CompositorNodeOutputFile")
        files.base_path = folder
        files.format.file_format, files.format.color_depth = "OPEN_EXR", "32"
        for name in self.PASSES:
            if name not in files.inputs:  # "Image" is there from the start
                files.file_slots.new(name)
            links.new(layers.outputs[name], files.inputs[name])

    def take(self, seed):
        self.scene.cycles.seed = seed
        with silence():
            bpy.ops.render.render()
        number = f"{self.scene.frame_current:04d}.exr"
        return [self.load(name + number) for name in self.PASSES]

    def load(self, name):
        image = bpy.data.images.load(os.path.join(self.folder, name))
        width, height = image.size
        values = np.empty(width * height * 4, np.float32)
        image.pixels.foreach_get(values)
        bpy.data.images.remove(image)
        return values.reshape(height, width, 4)[:, :, :3].copy()


def develop(scene, light, path):
    """Writes linear light as a PNG with the scene's film response."""
    height, width, _ = light.shape
    image = bpy.data.images.new("developed", width, height, float_buffer=True)
    image.pixels.foreach_set(np.dstack([light, np.ones((height, width), np.float32)]).astype(np.float32).ravel())
    settings = scene.render.image_settings
    settings.file_format, settings.color_mode, settings.color_depth, settings.compression = "PNG", "RGB", "8", 90
    image.save_render(str(path), scene=scene)
    bpy.data.images.remove(image)


def main():
    chosen = arguments()
    scene = bpy.context.scene
    for thing in list(scene.objects):  # the cube, camera and light that Blender starts with
        bpy.data.objects.remove(thing)
    set_up(scene, chosen.size, chosen.samples, chosen.threads)
    stage = Scene()
    print(f"scene of {len(bpy.data.objects)} objects, {chosen.samples} light paths per pixel", flush=True)
    progress(0, chosen.frames, "scene built")
    pictures, files = [], []
    with tempfile.TemporaryDirectory() as scratch:
        camera = Camera(scene, scratch)
        for i in range(chosen.frames):
            started = time.monotonic()
            stage.pose(i / chosen.frames)
            first, albedo, normal = camera.take(SEED + 2 * i)
            second, albedo_again, normal_again = camera.take(SEED + 2 * i + 1)
            features = [((albedo + albedo_again) / 2, 0.25), ((normal + normal_again) / 2, 0.5)]
            light = picture.glow(picture.denoise(first, second, features))
            pictures.append(light)
            files.append(chosen.out / f"frame_{i + 1:04d}.png")
            develop(scene, light, files[-1])
            progress(i + 1, chosen.frames, f"{files[-1].name} in {time.monotonic() - started:.1f} s")
    develop(scene, picture.sheet(pictures, min(3, len(pictures))), chosen.out / "sheet.png")
    picture.animation(files, chosen.out / "loop.png", 110)
    print(f"wrote {len(files)} frames, sheet.png and loop.png", flush=True)


main()
