"""The page's plots: figures in, SVG out, drawn by gnuplot. Its colours are sentinels that become the
page's CSS variables, so that plots follow the page into dark mode and onto paper.

Nothing of a record reaches gnuplot but numbers.
"""

from __future__ import annotations

import math
import re
import shutil
import subprocess
from dataclasses import dataclass

COLOURS = {  # gnuplot's, the page's
    "axis": "#010101",
    "text": "#010102",
    "grid": "#010103",
    "int": "#010104",
    "syscall": "#010105",
    "page": "#010106",
}
DOORS = {"int": "int 0x80", "syscall": "syscall"}
POINTS = {"int": 5, "syscall": 7}  # filled squares, filled circles
DASHES = {"int": 1, "syscall": "(9,3)"}  # never told apart by colour alone
RUNGS = {
    "bare": "bare door",
    "swapgs": "swapgs",
    "stack": "stack",
    "frame": "frame",
    "dispatch": "dispatch",
    "real": "getpid",
}
SECONDS = 60  # that a plot may take


class NoPlot(Exception):
    """Why there is no plot, in a sentence."""


@dataclass(frozen=True)
class Size:
    width: int
    height: int


WIDE, NARROW = Size(800, 330), Size(358, 300)


def have_gnuplot() -> bool:
    return shutil.which("gnuplot") is not None


def gnuplot(script: str, size: Size, name: str) -> str:
    """The SVG, ready to stand in a page; `name` keeps its ids apart from other plots'."""
    head = f"""
set terminal svg size {size.width},{size.height} dynamic font "sans-serif,13"
set encoding utf8
set border 3 lc rgb "{COLOURS['axis']}"
set tics nomirror out scale 0.5,0 textcolor rgb "{COLOURS['text']}"
set grid ytics lc rgb "{COLOURS['grid']}" lt 1 lw 1
set xlabel offset 0,0.5
set key above left Left reverse samplen 2.5 width 1 textcolor rgb "{COLOURS['text']}"
"""
    try:
        done = subprocess.run(
            ["gnuplot", "-d", "-"], input=head + script, capture_output=True, text=True, timeout=SECONDS
        )
    except OSError as error:
        raise NoPlot(f"gnuplot cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoPlot(f"gnuplot took more than {SECONDS} s over {name}") from None
    start = done.stdout.find("<svg")
    if done.returncode or start < 0 or "</svg>" not in done.stdout:
        said = next((line.strip() for line in done.stderr.splitlines()[::-1] if line.strip()), "nothing")
        raise NoPlot(f"gnuplot could not draw {name}; it said: {said}")
    return for_page(done.stdout[start:], name)


def for_page(svg: str, name: str) -> str:
    variables = {tuple(bytes.fromhex(value[1:])): key for key, value in COLOURS.items()}

    def variable(match: re.Match) -> str:
        colour = int(match[2]), int(match[3]), int(match[4])
        return f'{match[1]}="var(--{variables[colour]})"' if colour in variables else match[0]

    svg = re.sub(r"<title>.*?</title>|<desc>.*?</desc>|<!--.*?-->", "", svg, flags=re.S)
    svg = re.sub(r"\s(fill|stroke|color)\s*=\s*['\"]rgb\(\s*(\d+),\s*(\d+),\s*(\d+)\)['\"]",
                 lambda match: " " + variable(match), svg)  # fmt: skip
    svg = svg.replace("color='white'", 'color="var(--page)"')  # the rim around a mark
    svg = re.sub(r'\scolor="(?:black|white|gray)"| font-family="[^"]*"', "", svg)
    svg = re.sub(r"<filter.*?</filter>", "", svg, flags=re.S)
    empty = re.compile(r"<g\b[^>]*>\s*</g>\s*")
    while empty.search(svg):
        svg = empty.sub("", svg)
    svg = re.sub(r"\bid=(['\"])", rf"id=\g<1>{name}-", svg)
    svg = re.sub(r"xlink:href=(['\"])#", rf"href=\g<1>#{name}-", svg)
    svg = re.sub(r'\s*xmlns(:xlink)?="[^"]*"', "", svg)
    return re.sub(r"\n\s*", "\n", svg).strip()


# -- scales ----------------------------------------------------------------------------------------


def words(value: float) -> str:
    """A tick's label, with as many digits as a tick needs."""
    if value >= 1e6:
        return f"{value / 1e6:,.6g} M"
    return f"{value:,.6g}"


def tics(values: list[float]) -> str:
    return "(" + ", ".join(f'"{words(value)}" {value:.9g}' for value in values) + ")"


def log_tics(low: float, high: float, most: int) -> list[float]:
    """Round values within, at most so many if decades allow it."""
    for mantissas in ((1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9), (1, 1.5, 2, 3, 5, 7), (1, 2, 3, 5), (1, 2, 5), (1, 3), (1,)):
        found = [
            mantissa * 10.0**decade
            for decade in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
            for mantissa in mantissas
            if low <= mantissa * 10.0**decade <= high
        ]
        if len(found) <= most:
            break
    return found[:: max(1, math.ceil(len(found) / most))]


def linear_tics(low: float, high: float, most: int) -> list[float]:
    rough = (high - low) / most
    decade = 10.0 ** math.floor(math.log10(rough))
    step = next(m * decade for m in (1, 2, 5, 10) if m * decade >= rough)
    return [place * step for place in range(math.ceil(low / step), math.floor(high / step) + 1)]


def block(name: str, rows: list[list]) -> str:
    lines = "".join(" ".join(f"{v:.9g}" if isinstance(v, float) else str(v) for v in row) + "\n" for row in rows)
    return f"${name} << END\n{lines}END\n"


# -- distribution ----------------------------------------------------------------------------------

PER_OCTAVE = 24  # bins as wide as 2.9 %, coarser than the record's buckets


def density(counts: list[list[float]]) -> list[tuple[float, float, float]]:
    """Bins of equal width on a log axis: from, to, share of all calls. What a bucket counts is
    spread over the bins that it overlaps."""
    total = sum(count for _, _, count in counts)
    bins: dict[int, float] = {}
    for low, high, count in counts:
        low = max(low, high / 2)  # the bucket of 0 has no logarithm
        first, last = math.log2(low) * PER_OCTAVE, math.log2(high) * PER_OCTAVE
        for place in range(math.floor(first), math.ceil(last)):
            part = (min(place + 1, last) - max(place, first)) / (last - first)
            bins[place] = bins.get(place, 0.0) + part * count / total
    if not bins:
        return []
    return [
        (2 ** (place / PER_OCTAVE), 2 ** ((place + 1) / PER_OCTAVE), bins.get(place, 0.0))
        for place in range(min(bins), max(bins) + 1)
    ]


def bulk(shapes: list[dict]) -> tuple[float, float]:
    """The stretch of the axis that is drawn for these distributions: from the least to what 99 %
    of the calls by either door are below, with a margin."""
    lows, highs = [], []
    for shape in shapes:
        for counts in shape.values():
            total, below = sum(count for _, _, count in counts), 0
            lows.append(max(counts[0][0], counts[0][1] / 2))
            for _, high, count in counts:
                below += count
                if below >= 0.99 * total:
                    highs.append(high)
                    break
    return min(lows) / 1.1, max(highs) * 1.25


def beyond(counts: list[list[float]], high: float) -> int:
    return sum(count for low, _, count in counts if low >= high)


def distribution(shape: dict, medians: dict, span: tuple[float, float], unit: str, size: Size, name: str) -> str:
    low, high = span
    script, plots, peak = "", [], 0.0
    for door, counts in shape.items():
        bins = [b for b in density(counts) if b[1] > low and b[0] < high]
        rows = [[max(first, low), 100 * share] for first, _, share in bins]
        peak = max(peak, max(share for _, share in rows) / 100)
        rows = [[rows[0][0], 0.0], *rows, [min(bins[-1][1], high), 0.0]]
        script += block(door, rows)
        colour = f'lc rgb "{COLOURS[door]}"'
        plots.append(f"${door} using 1:2 with fillsteps {colour} notitle")
        plots.append(f'${door} using 1:2 with steps {colour} lw 2 dt {DASHES[door]} title "{DOORS[door]}"')
        if medians.get(door, 0) > 0:
            script += f"set arrow from {medians[door]:.9g}, graph 0 to {medians[door]:.9g}, graph 1 nohead "
            script += f"{colour} lw 1.5 dt {DASHES[door]} front\n"
    ticks = log_tics(low, high, size.width // 55)
    return gnuplot(
        script + f"""
set logscale x
set xrange [{low:.9g}:{high:.9g}]
set yrange [0:{105 * peak:.9g}]
set xtics {tics(ticks)}
set ytics ({", ".join(f'"{place:g} %%" {place:g}' for place in linear_tics(0, 105 * peak, 5))})
set style fill transparent solid 0.22 noborder
set xlabel "{unit} a call, log scale" textcolor rgb "{COLOURS['text']}"
plot {", ".join(plots)}
""", size, name)  # fmt: skip


# -- CPU by CPU ------------------------------------------------------------------------------------


def cpu_span(rows: list[dict]) -> tuple[float, float]:
    known = [row[door] for row in rows for door in DOORS if row[door]]
    high = max(max(one["p99"], one["median"]) for one in known)
    lows = [v for one in known for v in (one["min"], one["median"]) if v > 0]
    low = min(lows, default=high / 10)
    return max(low / 1.2, 1e-6), max(high * 1.2, low * 2, 2e-6)


def per_cpu(rows: list[dict], span: tuple[float, float], unit: str, size: Size, name: str) -> str:
    low, high = span
    script, plots = "", []
    marker = 0.9 if len(rows) <= 16 else 0.5
    for side, door in ((-0.16, "int"), (0.16, "syscall")):
        data = [
            [place + side, *(max(one[key], low) for key in ("median", "min", "p99"))]
            for place, row in enumerate(rows)
            if (one := row[door])
        ]
        if data:
            script += block(door, data)
            plots.append(
                f"${door} using 1:2:3:4 with yerrorbars pt {POINTS[door]} ps {marker} lw 1.5 "
                f'lc rgb "{COLOURS[door]}" title "{DOORS[door]}"'
            )
    every = max(1, math.ceil(len(rows) / (size.width / 40)))
    marks = ", ".join(f'"{row["cpu"]}" {place}' for place, row in enumerate(rows) if place % every == 0)
    return gnuplot(
        script + f"""
set logscale y
set xrange [-0.6:{len(rows) - 0.4}]
set yrange [{low:.9g}:{high:.9g}]
set xtics ({marks})
set ytics {tics(log_tics(low, high, 6))}
set bars small
set xlabel "CPU" textcolor rgb "{COLOURS['text']}"
set ylabel "{unit}, log scale" textcolor rgb "{COLOURS['text']}"
plot {", ".join(plots)}
""", size, name)  # fmt: skip


# -- anatomy ---------------------------------------------------------------------------------------


def anatomy_span(known: list[dict]) -> tuple[float, float]:
    """Of several doors' steps in one unit."""
    ends = [end for steps in known for step in steps for end in (step["whole"], step["below"])]
    return min(0.0, *ends), max(max(ends), 1e-6)


def signed(value: float, first: bool) -> str:
    number = f"{abs(value):,.0f}" if abs(value) >= 100 or value == int(value) else f"{abs(value):.1f}"
    return number if first else ("+" if value >= 0 else "\N{MINUS SIGN}") + number


def anatomy(doors: dict, span: tuple[float, float], unit: str, size: Size, name: str) -> str:
    """A bar for each rung and door: pale what stands below, in strips, and dark what it adds. Doors
    share a row by what the row adds."""
    order = list(RUNGS)
    rows = sorted({tuple(s["adds"]) for steps in doors.values() for s in steps}, key=lambda a: order.index(a[-1]))
    low, high = span
    room = (high - low) * (0.16 if size.width < 500 else 0.08)  # for the numbers
    script, plots = "", []
    for side, (door, steps) in zip((-0.21, 0.21) if len(doors) == 2 else (0,), doors.items()):
        pale, dark, less, labels = [], [], [], []
        for place, step in enumerate(steps):
            y = rows.index(tuple(step["adds"])) + side
            box = [y - 0.19, y + 0.19]
            for under in steps[:place]:
                ends = sorted((under["below"], under["whole"]))
                pale.append([ends[0], y, *ends, *box])
            ends = sorted((step["below"], step["whole"]))
            (dark if step["value"] >= 0 else less).append([ends[0], y, *ends, *box])
            labels.append([max(ends), y, f'"{signed(step["value"], place == 0)}"'])
        colour = COLOURS[door]
        for kind, data, fill in (
            ("pale", pale, f'fs transparent solid 0.25 border lc rgb "{COLOURS["page"]}"'),
            ("dark", dark, f'fs solid 1 border lc rgb "{COLOURS["page"]}"'),
            ("less", less, f'fs transparent solid 0 border lc rgb "{colour}"'),
        ):
            if data:
                script += block(door + kind, data)
                plots.append(f'${door}{kind} using 1:2:3:4:5:6 with boxxyerror lc rgb "{colour}" {fill} notitle')
        script += block(door + "labels", labels)
        plots.append(
            f'${door}labels using 1:2:3 with labels left offset 0.4,0 font ",12" '
            f'tc rgb "{COLOURS["text"]}" notitle'
        )
        plots.append(f'NaN with points pt 5 ps 1.4 lc rgb "{colour}" title "{DOORS[door]}"')
    names = ["bare door" if row == ("bare",) else "+ " + ", ".join(map(RUNGS.get, row)) for row in rows]
    marks = ", ".join(f'"{text}" {place}' for place, text in enumerate(names))
    return gnuplot(
        script + f"""
set xrange [{low - (high - low) * 0.02 if low < 0 else 0:.9g}:{high + room:.9g}]
set yrange [{len(rows) - 0.45}:-0.55]
set ytics ({marks}) scale 0
set xtics {tics(linear_tics(low, high, 5 if size.width < 500 else 9))}
unset grid
set grid xtics lc rgb "{COLOURS['grid']}" lt 1 lw 1
set border 1
set arrow from 0, graph 0 to 0, graph 1 nohead lc rgb "{COLOURS['axis']}"
set xlabel "{unit}" textcolor rgb "{COLOURS['text']}"
plot {", ".join(plots)}
""", size, name)  # fmt: skip


# -- scaling ---------------------------------------------------------------------------------------


def scale(doors: dict, size: Size, name: str) -> str:
    """Each thread's share of the spread is drawn as if all threads were as slow, or as fast."""
    most = max(row["threads"] for rows in doors.values() for row in rows)
    points = sorted({row["threads"] for rows in doors.values() for row in rows if row["rate"] is not None})
    top = max(row["rate"] for rows in doors.values() for row in rows if row["rate"] is not None)
    factor, unit = (1e6, "million calls per second") if top >= 1e6 else (1e3, "thousand calls per second")
    script, plots, ideals = "", [], []
    for door, rows in doors.items():
        data = [
            [row["threads"], row["rate"] / factor]
            + [row[end] * row["threads"] / factor for end in ("slowest", "fastest")]
            for row in rows
            if row["rate"] is not None
        ]
        if not data:
            continue
        colour = f'lc rgb "{COLOURS[door]}"'
        script += block(door, data)
        one = data[0][1] / data[0][0]
        ideals.append(f"{one:.9g} * x with lines {colour} lw 1.5 dt (2,4) notitle")
        plots.append(f"${door} using 1:2:3:4 with yerrorbars ps 0 lw 1 {colour} notitle")
        plots.append(
            f"${door} using 1:2 with linespoints pt {POINTS[door]} ps 0.9 lw 2 dt {DASHES[door]} "
            f'{colour} title "{DOORS[door]}"'
        )
    marks = ", ".join(f'"{n}" {n}' for n in points)
    logs = "set logscale xy 2\n" if most > 16 else f"set xrange [0:{most * 1.08}]\nset yrange [0:*]\n"
    return gnuplot(
        script + logs + f"""
set xtics ({marks})
set samples 50
set xlabel "threads, each on its own CPU" textcolor rgb "{COLOURS['text']}"
set ylabel "{unit}" textcolor rgb "{COLOURS['text']}"
plot {", ".join(ideals + plots)}, NaN with lines lc rgb "{COLOURS['axis']}" lw 1.5 dt (2,4) title "ideal"
""", size, name)  # fmt: skip
