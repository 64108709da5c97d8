"""A small disk of its own for a test: an ext4 image in a file, mounted by loop. Needs root and loop devices."""

import os
import pathlib
import shutil
import subprocess
import sys
import time

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

    def copy_of_one_moment(self, copy):
        """The image as it stood at one moment, without what the kernel still held in memory. Whoever wrote to the disk
        must have stopped; what the kernel writes on its own during the copy (a journal that it empties, say) would leave
        early parts older than late ones, as no power cut does, and then the copy is made again."""
        while True:
            before = self.written()
            shutil.copyfile(self.image, copy)
            if self.written() == before:
                return

    def written(self):
        """How many writes and sectors the device has taken since it was made, once none is under way."""
        device = os.stat(self.mount_point).st_dev
        counters = pathlib.Path(f"/sys/dev/block/{os.major(device)}:{os.minor(device)}/stat")
        while True:
            numbers = counters.read_text().split()
            if numbers[8] == "0":
                return numbers[4], numbers[6]
            time.sleep(0.001)

    def __exit__(self, *_):
        self.unmount()

    def unmount(self):
        subprocess.run(["umount", "--lazy", str(self.mount_point)], check=False)


def need_disks():
    """Ends the test as not run where this machine gives no loop devices."""
    if os.geteuid() != 0 or not pathlib.Path("/dev/loop-control").exists():
        print("not run: needs root and loop devices")
        sys.exit(SKIPPED)
