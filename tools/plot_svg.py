"""SVG by gnuplot, made to stand in a page: its colours are sentinels that become the page's CSS
variables, so that plots follow the page into dark mode and onto paper. And the axes' tics.

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
            ["gnuplot", "-d", "-"],
            input=head + script,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
    except OSError as error:
        raise NoPlot(f"gnuplot cannot be run: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise NoPlot(f"gnuplot took more than {SECONDS} s over {name}") from None
    start = done.stdout.find("<svg")
    if done.returncode or start < 0 or "</svg>" not in done.stdout:
        said = next(
            (line.strip() for line in done.stderr.splitlines()[::-1] if line.strip()), "nothing"
        )
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
    for mantissas in (
        (1, 1.2, 1.5, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9),
        (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9),
        (1, 1.5, 2, 3, 5, 7),
        (1, 2, 3, 5),
        (1, 2, 5),
        (1, 3),
        (1,),
    ):
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
    lines = "".join(
        " ".join(f"{v:.9g}" if isinstance(v, float) else str(v) for v in row) + "\n" for row in rows
    )
    return f"${name} << END\n{lines}END\n"
