"""The page's end: the machine, the method, and what was left out."""

from __future__ import annotations

from html import escape

from page_table import Files, Table, paragraph, section
from page_text import amount, count

MACHINE = {
    "cpu": "CPU",
    "vendor": "vendor",
    "family": "family, model, stepping",
    "features": "features in force",
    "mitigations": "mitigations",
    "cpus": "CPUs",
    "hypervisor": "hypervisor",
    "host": "host",
    "kernel": "kernel",
    "build": "build",
    "git": "revision",
    "entry": "doors",
    "compiler": "compiler",
    "lab": "lab",
    "tsc_khz": "TSC",
    "tsc_invariant": "TSC’s rate",
}


def machine_cell(key: str, machine: dict) -> str:
    value = machine[key]
    if key == "family":
        return ", ".join(str(machine[part]) for part in ("family", "model", "stepping"))
    if key == "hypervisor":
        return escape(value or "none, bare metal")
    if key in ("mitigations", "host"):
        pairs = {k: v for k, v in (value or {}).items() if (key, k) != ("host", "run")}
        return escape(", ".join(f"{k} {v}" for k, v in pairs.items()) or "not recorded")
    if key == "lab":
        return "on" if value else "off"
    if key == "tsc_khz":
        error = machine["tsc_error_ppm"]
        known = f"{value / 1e6:,.6g} GHz by {machine['tsc_source']}" if value else "unknown"
        return escape(known + ("" if error is None else f", error {count(error)} ppm"))
    if key == "tsc_invariant":
        return "invariant" if value else "not said to be invariant"
    return escape("–" if value in (None, "") else str(value))


def machine(files: Files) -> str:
    listed = [
        (f"{file['name']}, {one['kernel']}" if len(files) > 1 else one["kernel"], one)
        for file in files
        for one in file["machines"]
    ]
    table = Table(
        "As each kernel said, in a boot with the default command line",
        "",
        [escape(head) for head, _ in listed],
        kind="words",
    )
    for key, label in MACHINE.items():
        table.row(label, [f'<td class="long">{machine_cell(key, one)}</td>' for _, one in listed])
    boots = Table("The boots that the figures are from", "kernel", ["", "CPUs", "records"])
    for file in files:
        for run in file["runs"]:
            changed = (
                ", ".join(f"{key} {value}" for key, value in run["changed"].items()) or "by default"
            )
            words = f"{changed}; {'instructions counted' if run['icount'] else 'timed'}"
            head = f"{file['name']}, {run['kernel']}" if len(files) > 1 else run["kernel"]
            boots.row(
                escape(head),
                [
                    f'<td class="long">{escape(words)}</td>',
                    count(run["cpus"]),
                    count(run["records"]),
                ],
            )
    details = (
        f"<details><summary>The boots that the figures are from</summary>{boots}</details>"
        if boots.rows
        else ""
    )
    return section("machine", "The machine", str(table), details)


def method(files: Files) -> str:
    clocks = []
    for file in files:
        parts = [
            f"{row['what']} {amount(row['time']['median'])} {file['unit']}"
            for row in file["clock"]
            if row["time"]
        ]
        if parts:
            clocks.append((f"{file['name']}: " if len(files) > 1 else "") + ", ".join(parts))
    cost = f"The clock here: {'; '.join(clocks)}." if clocks else ""
    sentences = (
        "Times are of the TSC between fences, read before and after a call "
        "on a CPU to which the thread is pinned, "
        "single calls less the empty bracket, batches less the same loop without a door, in the same boot. "
        "Medians come with a bootstrap interval; "
        "two whose intervals overlap are “no difference shown”, and no sample is trimmed. "
        "Instructions are counted by QEMU’s -icount, where each guest instruction is one tick, "
        "so that they are the same on any host."
    )
    pointer = (
        " More, and the ways to fool oneself: <code>docs/measuring.md</code> in Sallyport’s sources; "
        "the figures behind this page: <code>figures.json</code> beside it."
    )
    return section(
        "method",
        "The method",
        paragraph(escape(sentences)),
        paragraph(escape(cost.strip()) + pointer),
    )


SHOWN = 50  # of a file's problems


def left_out(files: Files, unusable: list[str]) -> str:
    items = []
    for name, problems in [("", unusable), *((file["name"], file["left_out"]) for file in files)]:
        items += [f"<li>{escape(problem)}</li>" for problem in problems[:SHOWN]]
        if len(problems) > SHOWN:
            items.append(f"<li>{escape(name + ': ' * bool(name))}and {len(problems) - SHOWN} more</li>")
    if not items:
        return ""
    lead = paragraph("This could not be used. Everything else is drawn.")
    return section("left-out", "What was left out", lead, f"<ul>{''.join(items)}</ul>")
