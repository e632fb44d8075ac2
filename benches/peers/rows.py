"""The rows of the table: for each, the work as `lots` and as its peers do it, and the check that they agree."""

import dataclasses
import json
import pathlib
import subprocess
import sys
import tempfile
import time

import numpy as np
import torch

import attempts_torch
import data
import large_networks
import lenet_onnxruntime
import lenet_torch
import pass_opencv
from driver import ROOT, Driver, built

ROWS = []
LAYERS = [word for layer in lenet_torch.LAYERS for word in ("--layer", layer)]


@dataclasses.dataclass
class Row:
    """Work that several sides do. Each side is a function that repeats it and returns the seconds."""

    name: str
    unit: str
    units: int
    sides: dict
    targets: dict
    check: object
    rounds: int | None = None
    most_repeats: int = 100_000


def row(title):
    """Adds a function that makes rows to the table."""

    def add(make):
        make.title = title
        ROWS.append(make)
        return make

    return add


def repeated(function):
    """A side that is a Python function."""

    def side(repeats):
        start = time.perf_counter()
        for _ in range(repeats):
            function()
        return time.perf_counter() - start

    return side


def fastest(candidates):
    """The function that is fastest of those that do the same: what a user would settle on after trying."""

    def seconds(function):
        function()
        once = [repeated(function)(1) for _ in range(3)]
        return min(repeated(function)(max(1, min(20, int(0.05 / min(once))))) for _ in range(3))

    return min(candidates, key=lambda function: seconds(function) if len(candidates) > 1 else 0)


def agree(what, got, expected, tolerance):
    """A sentence on the largest difference, relative to the largest number.

    Raises if it is more than `tolerance`: then the sides do not do the same work.
    """
    got, expected = np.asarray(got, np.float64), np.asarray(expected, np.float64)
    difference = float(np.abs(got.reshape(expected.shape) - expected).max() / np.abs(expected).max())
    if not difference <= tolerance:
        sys.exit(f"{what} differ by {difference:.1e} of the largest, expected at most {tolerance:.0e}")
    return f"{what} agree to {difference:.0e}"


class Bench:
    """What the rows share."""

    def __init__(self, folder, threads):
        torch.set_num_threads(threads)
        self.folder, self.threads = folder, threads
        self.driver = Driver(threads)
        self.pixels = data.images("digits")
        self.tensor = torch.tensor(self.pixels)
        self.networks = [lenet_torch.LeNet(channels_last) for channels_last in (False, True)]
        self.sessions = {count: lenet_onnxruntime.LeNet(count) for count in (1, threads)}

    def lots(self, work, *arguments):
        """A side of the driver."""
        return lambda repeats: self.driver.ask(work, repeats, "-", *arguments)["seconds"]

    def result(self, work, *arguments):
        """The array that the driver's work gives."""
        return self.driver.result(work, self.folder, *arguments)[0]

    def close(self):
        """Ends what was started."""
        self.driver.close()


def threaded(threads, function):
    """`function` with so many threads of PyTorch."""

    def run():
        torch.set_num_threads(threads)
        function()

    return run


@row("classify")
def classify(bench):
    """Logits of a batch."""
    for count in (64, 1000):
        pixels, tensor = bench.pixels[:count], bench.tensor[:count]
        candidates = [lambda network=network: network.classify(tensor) for network in bench.networks]
        session = bench.sessions[bench.threads]

        def check(count=count, tensor=tensor, pixels=pixels, session=session):
            got = bench.result("classify", count)
            agree("logits", session.classify(pixels), bench.networks[0].classify(tensor), 1e-4)
            return agree("logits", got, bench.networks[0].classify(tensor), 1e-4)

        sides = {
            "lots": bench.lots("classify", count),
            "PyTorch": repeated(fastest(candidates)),
            "ONNX Runtime": repeated(lambda pixels=pixels, session=session: session.classify(pixels)),
        }
        targets = {"PyTorch": 4, "ONNX Runtime": 2}
        yield Row(f"classify, batch {count:,}", "an image", count, sides, targets, check)


@row("gradient")
def gradient(bench):
    """Representations at ip2 and the gradient from there to the pixels."""
    for count in (64, 1000):
        tensor, targets = bench.tensor[:count], toward(bench, count)
        candidates = [
            lambda network=network, tensor=tensor, targets=targets: network.gradient(tensor, targets)
            for network in bench.networks
        ]

        def check(count=count, candidates=candidates):
            return agree("gradients", bench.result("gradient", count), candidates[0]()[1], 1e-4)

        sides = {"lots": bench.lots("gradient", count), "PyTorch": repeated(fastest(candidates))}
        name = f"representations and gradient to the pixels from ip2, batch {count:,}"
        yield Row(name, "an image", count, sides, {"PyTorch": 4}, check)


def toward(bench, count):
    """Logits of the target of the class after each digit's."""
    targets = bench.networks[0].classify(torch.tensor(data.images("targets")))
    return targets[(torch.tensor(data.labels("digits")[:count]) + 1) % 10].clone()


@row("one image")
def one_image(bench):
    """A single image; peers may use one thread or two, whichever is faster."""
    pixels, tensor, targets = bench.pixels[:1], bench.tensor[:1], toward(bench, 1)
    counts = (1, bench.threads)

    def variants(work):
        return fastest([threaded(count, lambda n=network: work(n)) for network in bench.networks for count in counts])

    sessions = [lambda session=session: session.classify(pixels) for session in bench.sessions.values()]
    sides = {
        "lots": bench.lots("classify", 1),
        "PyTorch": repeated(variants(lambda network: network.classify(tensor))),
        "ONNX Runtime": repeated(fastest(sessions)),
    }

    def check():
        return agree("logits", bench.result("classify", 1), bench.networks[0].classify(tensor), 1e-4)

    yield Row("one image: classify", "an image", 1, sides, {"PyTorch": 5, "ONNX Runtime": 1.5}, check)
    sides = {
        "lots": bench.lots("gradient", 1),
        "PyTorch": repeated(variants(lambda network: network.gradient(tensor, targets))),
    }

    def check_gradient():
        expected = bench.networks[0].gradient(tensor, targets)[1]
        return agree("gradients", bench.result("gradient", 1), expected, 1e-4)

    yield Row("one image: forward and gradient", "an image", 1, sides, {"PyTorch": 5}, check_gradient)
    torch.set_num_threads(bench.threads)


@row("training")
def training(bench):
    """An iteration of Caffe's solver."""
    labels = torch.tensor(data.labels("digits"))

    def candidate(channels_last, **optimizer):
        trained = lenet_torch.Training(channels_last, **optimizer)

        def step():
            first = trained.iteration % 15 * 64
            return trained.step(bench.tensor[first : first + 64], labels[first : first + 64])

        return step

    def check():
        step = candidate(False)
        return agree("losses of ten steps", bench.result("train"), [step() for _ in range(10)], 1e-3)

    candidates = [candidate(last, **how) for last in (False, True) for how in ({"foreach": True}, {"fused": True})]
    sides = {"lots": bench.lots("train"), "PyTorch": repeated(fastest(candidates))}
    yield Row("training step of 64 images", "a step", 1, sides, {"PyTorch": 2}, check)


@row("attempts")
def attempts(bench):
    """36 attempts a digit: `lots` on all 1,000 digits, PyTorch on fewer, because it takes as long for each."""
    count = 32
    labels = data.labels("digits")
    read = np.argmax(bench.networks[0].classify(bench.tensor).numpy(), 1) == labels
    chosen = np.flatnonzero(read[:count])
    digits, classes = bench.tensor[chosen], torch.tensor(labels[chosen])
    targets, target_labels = torch.tensor(data.images("targets")), torch.tensor(data.labels("targets"))
    batches = (64, 128, 256, 1024)
    some = bench.tensor.repeat(2, 1, 1, 1)[:1024]

    def in_batches(network, batch):
        return lambda: [network.classify(part) for part in some.split(batch)]

    # Large batches do not fit the caches: take the size that PyTorch is fastest with.
    trials = {in_batches(network, batch): (network, batch) for network in bench.networks for batch in batches}
    network, batch = trials[fastest(list(trials))]
    attack = attempts_torch.Attack(network, targets, target_labels, batch)
    latest = {}

    def peer():
        latest["attempts"] = attempts_torch.attack(attack, digits, classes)

    def check():
        steps, answer = bench.driver.result("attempts", bench.folder, count)
        expected = latest["attempts"].steps.numpy()
        same = np.isclose(steps, expected, rtol=1e-3, atol=1e-3, equal_nan=True).mean()
        if len(steps) != len(expected) or same < 0.97:
            sys.exit(f"only {100 * same:.1f} % of the attempts end at the same step")
        per_attempt = answer["classifications"] / answer["attempts"]
        peer_per_attempt = latest["attempts"].classifications / len(expected)
        return (
            f"{100 * same:.1f} % of the attempts end at the same step; {per_attempt:.1f} images are classified for "
            f"one, {peer_per_attempt:.1f} by PyTorch"
        )

    every = int(read.sum()) * 36
    sides = {
        "lots": lambda repeats: bench.driver.ask("attempts", repeats, "-", len(labels))["seconds"],
        "PyTorch": lambda repeats: repeated(peer)(repeats) * every / (36 * len(digits)),
    }
    name = "attempts with direction and lattice-tight search"
    yield Row(name, "an attempt", every, sides, {"PyTorch": 10}, check, rounds=3, most_repeats=1)


@row("PASS")
def pass_scores(bench):
    """Digits with perturbed digits of an attack; a photograph with changed copies of itself."""
    pairs = {"28×28": perturbed_digits(bench), "224×224": photographs()}
    scorer = pass_opencv.Scorer(pairs, bench.threads)
    try:
        for (size, (origins, perturbed)), target in zip(pairs.items(), (8, 3), strict=True):
            files = [bench.folder / f"{size}-{role}.npy" for role in ("origins", "perturbed")]
            np.save(files[0], origins)
            np.save(files[1], perturbed)

            def check(size=size, files=files):
                got, expected = bench.result("pass", *files), scorer.scores(size)
                close = np.abs(got - expected)
                # The two stop iterating at slightly different places where images do not fit together.
                if np.median(close) > 1e-3 or abs(got.mean() - expected.mean()) > 5e-3:
                    sys.exit(f"PASS differs by {np.median(close):.1e} in the median")
                return f"the median difference is {np.median(close):.0e}, that of the means {abs(got.mean() - expected.mean()):.0e}"

            peer = repeated(lambda size=size: scorer.scores(size))
            sides = {"lots": bench.lots("pass", *files), "OpenCV with scikit-image": peer}
            targets = {"OpenCV with scikit-image": target}
            yield Row(f"PASS of pairs of {size}", "a pair", len(origins), sides, targets, check)
    finally:
        scorer.close()


def perturbed_digits(bench):
    """Some origins with the images of `lots attack`."""
    out = bench.folder / "pairs"
    attack(out, "digits[0..20]", "--no-pass", "--format", "npy")
    rows = [json.loads(line) for line in (out / "attempts.jsonl").read_text().splitlines()]
    numbers = [int(row["origin"].split("[")[1].rstrip("]")) for row in rows if row["status"] == "reached"]
    return bench.pixels[numbers, 0], np.load(out / "perturbed.npy")


def photographs():
    """A photograph in colour under noise, shift, brightness and perspective."""
    folder = ROOT / "testdata" / "reference" / "measures"
    read = lambda role: pass_opencv.cv2.imread(str(folder / f"grey_perspective_{role}.pgm"), 0).astype(np.float64)
    tint = np.array([1.0, 0.92, 0.8])
    colour = lambda grey: np.clip(np.round(grey[:, :, None] * tint), 0, 255).astype(np.uint8)
    origin, seen = colour(read("origin")), colour(read("perturbed"))
    random = np.random.Generator(np.random.PCG64(1))
    noisy = lambda image, levels: np.clip(image + random.normal(0, levels, image.shape), 0, 255).astype(np.uint8)
    changed = [seen, noisy(origin, 4), noisy(origin, 12), np.roll(origin, 2, 1), np.roll(origin, (1, -2), (0, 1))]
    changed += [noisy(seen, 6), (origin * 0.8).astype(np.uint8), noisy(np.roll(origin, 1, 0), 8)]
    return np.stack([origin] * len(changed)), np.stack(changed)


def attack(out, origins, *options):
    """A run of `lots attack` toward all targets at all layers."""
    command = [built("lots"), "attack", "lenet", "--method", "toward", *LAYERS, "--origin", origins]
    command += ["--target", "digits:targets", "--out", out, "--quiet", "--threads", "2", *options]
    subprocess.run(command, check=True)


@row("whole process")
def whole_process(bench):
    """From the start of the process to the files on disk, one digit."""
    script = pathlib.Path(__file__).with_name("whole_process.py")

    def lots(repeats):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            return repeated(lambda numbers=iter(range(repeats)): attack(f"{folder}/{next(numbers)}", "digits[4]"))(repeats)

    def peer(repeats):
        with tempfile.TemporaryDirectory(dir=bench.folder) as folder:
            numbers = iter(range(repeats))
            run = lambda: subprocess.run([sys.executable, script, "4", f"{folder}/{next(numbers)}"], check=True)
            return repeated(run)(repeats)

    def check():
        attack(bench.folder / "one", "digits[4]")
        written = len(list((bench.folder / "one" / "images").iterdir()))
        return f"36 attempts, {written} images, measures with PASS"

    sides = {"lots": lots, "Python": peer}
    yield Row("`lots attack` of one digit, whole process", "a process", 1, sides, {}, check, rounds=3, most_repeats=10)


@row("VGG-16, ResNet-50, MobileNetV2")
def large_networks_at_224(bench):
    """A large image: forward, and the gradient of a logit in the pixels."""
    image = bench.folder / "image.npy"
    pixels = photographs()[0][:1]
    np.save(image, pixels)
    planes = np.ascontiguousarray(pixels.transpose(0, 3, 1, 2))
    for topology in large_networks.TOPOLOGIES:
        yield from large_network(bench, topology, image, planes)


def large_network(bench, topology, image, planes):
    """The two rows of one network."""
    network = pathlib.Path(__file__).with_name(".cache") / f"{topology.lower()}.onnx"
    if not network.exists():
        network.parent.mkdir(exist_ok=True)
        large_networks.write(topology, network)
    tensor = torch.tensor(planes)
    networks = [large_networks.InTorch(topology, network, channels_last) for channels_last in (False, True)]
    session = lenet_onnxruntime.session(str(network), bench.threads)
    inputs = lambda: {"data": planes.astype(np.float32) * np.float32(large_networks.SCALE)}
    forward = fastest([lambda network=network: network.forward(tensor) for network in networks])
    backward = fastest([lambda network=network: network.gradient(tensor) for network in networks])
    sides = {
        "lots": bench.lots("forward_file", network, image),
        "PyTorch": repeated(forward),
        "ONNX Runtime": repeated(lambda: session.run(None, inputs())),
    }

    def check():
        return agree("logits", bench.result("forward_file", network, image), forward(), 1e-4)

    title = f"{topology} topology at 224×224, one image"
    yield Row(f"{title}: forward", "an image", 1, sides, {"PyTorch": 1, "ONNX Runtime": 1}, check, rounds=5)
    sides = {"lots": bench.lots("gradient_file", network, image), "PyTorch": repeated(backward)}

    def check_gradient():
        # An activation near zero, or two equal ones under a maximum, and the gradient of some pixels is another: in
        # single precision no side has that of all pixels. So both are held against double precision.
        exact = networks[0].doubled().gradient(tensor).numpy()
        distance = lambda gradient: float(np.linalg.norm(gradient.reshape(exact.shape) - exact) / np.linalg.norm(exact))
        own, peer = distance(bench.result("gradient_file", network, image)), distance(backward().numpy())
        if own > max(0.01, 2 * peer):
            sys.exit(f"the gradient is {own:.1e} of its norm from that in double precision, that of PyTorch {peer:.1e}")
        return f"the gradient is {own:.0e} of its norm from that in double precision, that of PyTorch {peer:.0e}"

    yield Row(f"{title}: forward and gradient to the pixels", "an image", 1, sides, {"PyTorch": 1}, check_gradient, rounds=5)


@row("two threads")
def two_threads(bench):
    """`lots` with two threads against `lots` with one."""
    single = Driver(1)
    try:
        for name, work, count in (
            ("classify, batch 1,000", "classify", 1000),
            ("gradient from ip2, batch 1,000", "gradient", 1000),
            ("attempts on 100 digits", "attempts", 100),
        ):
            sides = {
                "lots": bench.lots(work, count),
                "one thread": lambda repeats, work=work, count=count: single.ask(work, repeats, "-", count)["seconds"],
            }

            def check(work=work, count=count):
                one = single.result(work, bench.folder, count)[0]
                if bench.result(work, count).tobytes() != one.tobytes():
                    sys.exit(f"{work}: two threads give other bytes than one")
                return "the same bytes"

            yield Row(f"two threads: {name}", "a call", 1, sides, {"one thread": 1.8}, check)
    finally:
        single.close()


@row("kernels")
def kernels(bench):
    """Achieved speed of each layer of LeNet against the measured peak."""
    peak = bench.driver.ask("peak", 1, "-")["gflops"]
    layers = bench.driver.ask("layers", 5, "-", 1000)["layers"]
    yield {"name": "kernels, batch 1,000", "value": round(peak), "unit": "GFLOP/s peak", "layers": layers}


@row("memory")
def memory(bench):
    """Peak memory of 360,000 attempts that go to disk: the 1,000 digits ten times."""
    digits, labels = bench.folder / "digits.npy", bench.folder / "labels.npy"
    np.save(digits, np.tile(bench.pixels[:, 0], (10, 1, 1)))
    np.save(labels, np.tile(data.labels("digits"), 10))
    command = [built("lots"), "attack", "lenet", "--method", "toward", *LAYERS, "--origin", digits, "--labels", labels]
    command += ["--target", "digits:targets", "--out", bench.folder / "large", "--no-pass", "--quiet", "--threads", "2"]
    # A process of its own starts it: what the system counts of a child begins with the size of its parent.
    parent = "import resource, subprocess, sys; code = subprocess.run(sys.argv[1:]).returncode; "
    parent += "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(code)"
    done = subprocess.run([sys.executable, "-c", parent, *map(str, command)], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        sys.exit(f"`lots attack` ended with {done.returncode}")
    run = json.loads((bench.folder / "large" / "run.json").read_text())
    value = round(int(done.stdout) / 1024)
    name = f"peak memory of {run['summary']['attempts']:,} attempts streamed to disk"
    yield {"name": name, "value": value, "unit": "MB", "below": 300}
