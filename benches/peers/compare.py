"""Times `lots` and its peers alternately, checks that they agree, prints the ratios and stores them.

    run                     everything; writes docs/results/peers.json
    run --rows WORD         only rows whose title contains WORD (may be given several times); the other rows that are
                            stored stay if they were measured at the same commit on the same machine
    run --rounds N          how often each side is timed; the ratio is the median of the rounds' ratios
    run --dry               stores nothing
"""

import argparse
import dataclasses
import json
import pathlib
import statistics
import sys
import tempfile
import time

import machine
import rows as all_rows
from driver import Driver

STORED = machine.ROOT / "docs" / "results" / "peers.json"
# Threads of the side that was timed before must have gone to sleep.
PAUSE = 0.15


@dataclasses.dataclass
class Side:
    """A function that does the work a number of times and returns the seconds, and how often it does it in a round."""

    work: object
    repeats: int

    @classmethod
    def calibrated(cls, work, row, seconds):
        """As many repeats as fill `seconds`; the first ones warm up. Work that takes long is not tried before."""
        if row.most_repeats == 1:
            return cls(work, 1)
        once = work(1)
        if once < seconds / 4:
            once = min(work(1) for _ in range(3))
        return cls(work, max(1, min(row.most_repeats, round(seconds / max(once, 1e-9)))))

    def time(self, row):
        """Seconds a unit."""
        time.sleep(PAUSE)
        return self.work(self.repeats) / (self.repeats * row.units)


def measure(row, rounds, seconds):
    """The row with the times of every round."""
    sides = {name: Side.calibrated(work, row, seconds) for name, work in row.sides.items()}
    times = {name: [] for name in sides}
    for _ in range(rounds if row.rounds is None else min(rounds, row.rounds)):
        for name, side in sides.items():
            times[name].append(side.time(row))
    own = times["lots"]
    ratios = {
        name: statistics.median(peer / lots for peer, lots in zip(times[name], own, strict=True))
        for name in sides
        if name != "lots"
    }
    result = {"name": row.name, "unit": row.unit, "agreement": row.check()}
    result |= {"seconds": {name: statistics.median(values) for name, values in times.items()}}
    return result | {"ratios": ratios, "targets": row.targets}


def main():
    """All rows, one after the other."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", action="append", default=[], metavar="WORD")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one side in one round")
    parser.add_argument("--dry", action="store_true")
    arguments = parser.parse_args()
    busy = machine.busy_share()
    with tempfile.TemporaryDirectory() as folder:
        bench = all_rows.Bench(pathlib.Path(folder), threads=2)
        results = []
        for make in all_rows.ROWS:
            if arguments.rows and not any(word.lower() in make.title.lower() for word in arguments.rows):
                continue
            for row in make(bench):
                results.append(row if isinstance(row, dict) else measure(row, arguments.rounds, arguments.seconds))
                print(line(results[-1]), flush=True)
        bench.close()
    if arguments.dry:
        return
    described = machine.describe()
    if arguments.rows:
        results, busy = merged(results, busy, described)
    stored = {
        "command": "benches/peers/run",
        "kind": "peers",
        "machine": described,
        "busy": busy,
        "rounds": arguments.rounds,
        "rows": results,
    }
    STORED.write_text(json.dumps(stored, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    print(f"wrote {STORED.relative_to(machine.ROOT)}; now run tools/fill_results", file=sys.stderr)


def merged(results, busy, described):
    """The stored rows with these in their places, or behind them, and the higher of the busy shares."""
    stored = json.loads(STORED.read_text(encoding="utf-8")) if STORED.exists() else {}
    if stored.get("machine") != described:
        return results, busy
    new = {row["name"]: row for row in results}
    rows = [new.pop(row["name"], row) for row in stored["rows"]]
    return rows + list(new.values()), max(busy, stored["busy"])


def line(result):
    """A row on the terminal."""
    if "value" in result:
        return f"{result['name']}: {result['value']} {result['unit']}"
    parts = [f"{name} {1e6 * seconds:.1f} µs" for name, seconds in result["seconds"].items()]
    for name, ratio in result["ratios"].items():
        target = result["targets"].get(name)
        verdict = "" if target is None else f" (target {target:g}: {'met' if ratio >= target else 'MISSED'})"
        parts.append(f"{ratio:.2f} × {name}{verdict}")
    return f"{result['name']}, {result['unit']}: " + "; ".join(parts) + f"; {result['agreement']}"


if __name__ == "__main__":
    main()
