"""The `lots` side: a process of the Rust program `crates/lots/examples/peers.rs` that is told what to do, line by line."""

import functools
import json
import pathlib
import subprocess

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent


@functools.cache
def built(name):
    """The path of a program that `cargo build --release` made.

    Asking cargo takes as long as an attack does: it is asked once, so that no measurement contains it.
    """
    command = ["cargo", "metadata", "--no-deps", "--format-version", "1"]
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return pathlib.Path(json.loads(output)["target_directory"]) / "release" / name


class Driver:
    """A running driver with a fixed number of threads. Start-up is not part of any measurement."""

    def __init__(self, threads):
        program = built("examples/peers")
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        self.process = subprocess.Popen([program, str(threads)], text=True, **pipes)

    def ask(self, *words):
        """What the driver answers: `seconds` for the repeats together, and what belongs to the work."""
        self.process.stdin.write("\t".join(map(str, words)) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the driver ended at {words}")
        return json.loads(line)

    def seconds(self, work, repeats, *arguments):
        """Seconds of one repeat."""
        return self.ask(work, repeats, "-", *arguments)["seconds"] / repeats

    def result(self, work, folder, *arguments):
        """The array that the work gives, and the rest of the answer."""
        path = pathlib.Path(folder) / f"{work}.npy"
        answer = self.ask(work, 1, path, *arguments)
        return np.load(path), answer

    def close(self):
        """Ends the driver."""
        self.process.stdin.close()
        self.process.wait()
