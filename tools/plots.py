"""The page's plots: figures in, SVG out."""

from __future__ import annotations

import math

from plot_svg import (
    COLOURS,
    DASHES,
    DOORS,
    NARROW,
    POINTS,
    RUNGS,
    WIDE,
    NoPlot,
    Size,
    block,
    gnuplot,
    have_gnuplot,
    linear_tics,
    log_tics,
    tics,
)

__all__ = ["DOORS", "NARROW", "RUNGS", "WIDE", "NoPlot", "Size", "have_gnuplot"]  # and the plots

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


def distribution(
    shape: dict, medians: dict, span: tuple[float, float], unit: str, size: Size, name: str
) -> str:
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
        plots.append(
            f'${door} using 1:2 with steps {colour} lw 2 dt {DASHES[door]} title "{DOORS[door]}"'
        )
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
    marks = ", ".join(
        f'"{row["cpu"]}" {place}' for place, row in enumerate(rows) if place % every == 0
    )
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
    number = (
        f"{abs(value):,.0f}" if abs(value) >= 100 or value == int(value) else f"{abs(value):.1f}"
    )
    return number if first else ("+" if value >= 0 else "\N{MINUS SIGN}") + number


def anatomy(doors: dict, span: tuple[float, float], unit: str, size: Size, name: str) -> str:
    """A bar for each rung and door: pale what stands below, in strips, and dark what it adds. Doors
    share a row by what the row adds."""
    order = list(RUNGS)
    rows = sorted(
        {tuple(s["adds"]) for steps in doors.values() for s in steps},
        key=lambda a: order.index(a[-1]),
    )
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
                plots.append(
                    f'${door}{kind} using 1:2:3:4:5:6 with boxxyerror lc rgb "{colour}" {fill} notitle'
                )
        script += block(door + "labels", labels)
        plots.append(
            f'${door}labels using 1:2:3 with labels left offset 0.4,0 font ",12" '
            f'tc rgb "{COLOURS["text"]}" notitle'
        )
        plots.append(f'NaN with points pt 5 ps 1.4 lc rgb "{colour}" title "{DOORS[door]}"')
    names = [
        "bare door" if row == ("bare",) else "+ " + ", ".join(map(RUNGS.get, row)) for row in rows
    ]
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
    points = sorted(
        {row["threads"] for rows in doors.values() for row in rows if row["rate"] is not None}
    )
    top = max(row["rate"] for rows in doors.values() for row in rows if row["rate"] is not None)
    factor, unit = (
        (1e6, "million calls per second") if top >= 1e6 else (1e3, "thousand calls per second")
    )
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
    logs = (
        "set logscale xy 2\n" if most > 16 else f"set xrange [0:{most * 1.08}]\nset yrange [0:*]\n"
    )
    return gnuplot(
        script + logs + f"""
set xtics ({marks})
set samples 50
set xlabel "threads, each on its own CPU" textcolor rgb "{COLOURS['text']}"
set ylabel "{unit}" textcolor rgb "{COLOURS['text']}"
plot {", ".join(ideals + plots)}, NaN with lines lc rgb "{COLOURS['axis']}" lw 1.5 dt (2,4) title "ideal"
""", size, name)  # fmt: skip
