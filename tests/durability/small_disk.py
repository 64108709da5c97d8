"""A small disk of its own for a test: an ext4 image in a file, mounted by loop. Needs root and loop devices."""

import os
import pathlib
import subprocess
import sys

SKIPPED = 77  # what ctest takes for "not run"


class SmallDisk:
    def __init__(self, folder, name, megabytes):
        self.image = folder / f"{name}.img"
        self.mount_point = folder / name
        self.megabytes = megabytes

    def __enter__(self):
        with open(self.image, "wb") as file:
            file.truncate(self.megabytes << 20)
        subprocess.run(["mkfs.ext4", "-q", "-F", "-m", "0", str(self.image)], check=True)
        return self.mount()

    def mount(self):
        self.mount_point.mkdir(exist_ok=True)
        subprocess.run(["mount", "-o", "loop,nodiscard", str(self.image), str(self.mount_point)], check=True)
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "--lazy", str(self.mount_point)], check=False)


def need_disks():
    """Ends the test as not run where this machine gives no loop devices."""
    if os.geteuid() != 0 or not pathlib.Path("/dev/loop-control").exists():
        print("not run: needs root and loop devices")
        sys.exit(SKIPPED)
