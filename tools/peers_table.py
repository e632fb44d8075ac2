"""The tables of BENCHMARKS.md from what `benches/peers/run` stores; used by `tools/fill_results`."""

HEADINGS = ["work", "`lots`", "peer", "peer's time", "times faster", "at least", ""]
LAYER_HEADINGS = ["to and from", "forward", "GFLOP/s", "of the peak", "backward to the pixels", "GFLOP/s", "of the peak"]
UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


def tables(stored):
    """The machine, the table of ratios, and the table of layers."""
    rows = [cells for row in stored["rows"] for cells in row_cells(row)]
    lines = [machine(stored), "", *table(HEADINGS, rows)]
    for row in stored["rows"]:
        if "agreement" in row:
            lines.extend(["", f"- {row['name']}: {row['agreement']}."] if lines[-1].startswith("|") else
                         [f"- {row['name']}: {row['agreement']}."])
    for row in stored["rows"]:
        if "layers" in row:
            peak = row["value"]
            lines.extend(["", f"Measured peak of both threads: {peak:,} GFLOP/s.", ""])
            lines.extend(table(LAYER_HEADINGS, layer_rows(row["layers"], peak)))
    return "\n".join(lines) + "\n"


def machine(stored):
    """Where and with what it was measured, a sentence a line."""
    of = stored["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in of["versions"].items())
    busy = [f"Other programs used {100 * stored['busy']:.0f} % of the machine, which falsifies times and ratios."]
    return "\n".join([
        f"Measured on {of['processor']}, {of['cores']} cores, {', '.join(of['instruction_sets'])}; {of['system']}.",
        f"Versions: {versions}; `lots` at commit {of['commit']}.",
        f"Medians of {stored['rounds']} rounds; a ratio is the median of the ratios of the rounds.",
        *(busy if stored["busy"] > 0.05 else []),
    ])


def row_cells(row):
    """One line for each peer, or one for a value with a bound."""
    if "layers" in row:
        return
    if "value" in row:
        verdict = "" if row["value"] < row["below"] else "missed"
        yield [row["name"], f"{row['value']:,} {row['unit']}", "", "", "", f"under {row['below']} {row['unit']}", verdict]
        return
    for name, ratio in row["ratios"].items():
        target = row["targets"].get(name)
        wanted = "" if target is None else f"{target:g} ×"
        verdict = "missed" if target is not None and ratio < target else ""
        seconds = row["seconds"]
        yield [row["name"], duration(seconds["lots"]), name, duration(seconds[name]), f"{ratio:.2f} ×", wanted, verdict]


def layer_rows(layers, peak):
    """For each layer, times and speeds of the passes to it and back: all layers before it take part."""
    rows = []
    for layer in layers:
        cells = [f"`{layer['layer']}`"]
        for way in ("forward", "backward"):
            microseconds = layer[f"{way}_us"]
            speed = 2e-3 * layer["products"] / microseconds
            cells += [f"{microseconds:.1f} µs", f"{speed:,.0f}", f"{100 * speed / peak:.0f} %"]
        rows.append(cells)
    return rows



def table(headings, rows):
    """Lines of a Markdown table; the first column is aligned to the left."""
    lines = ["| " + " | ".join(headings) + " |", "|---|" + "--:|" * (len(headings) - 1)]
    return lines + ["| " + " | ".join(cells) + " |" for cells in rows]


def duration(seconds):
    """Three digits with the unit that suits."""
    for size, unit in UNITS:
        if seconds >= size or unit == "µs":
            return f"{seconds / size:.3g} {unit}"
    return ""
