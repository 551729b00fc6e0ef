"""The table of calls for the terminal, ours beside Linux's, and where we lose; from the figures that
the page is drawn from too."""

from __future__ import annotations

POINT = {"instructions": "value", "time": "median"}
NOTES = {"linux": "we lose in {}", "not shown": "no difference shown in {}"}


def number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.1f}"


def columns(row: dict, unit: str) -> str:
    """Ours, Linux's, the ratio; "-" for what was not measured."""
    text = ""
    for side, width in ("ours", 11), ("linux", 11):
        known = row[side][unit]
        text += f"{number(known[POINT[unit]]) if known else '-':>{width}}"
    ratio = f"{row[unit]['ratio']:.2f}" if row[unit] else "-"
    return text + f"{ratio:>8}"


def sentence(rows: list[dict], unit: str) -> str:
    both = [row for row in rows if row[unit]]
    lost = [row for row in both if row[unit]["ahead"] == "linux"]
    names = ", ".join(f"{row['name']} by {row['door']} ({row[unit]['ratio']:.2f})" for row in lost)
    if not both:
        return f"In {unit}: nothing was measured on both kernels."
    return f"In {unit}: we lose {len(lost) or 'none'} of {len(both)} calls{': ' * bool(lost)}{names}."


def render(figures: dict) -> list[str]:
    """The lines, of one file's figures (page_figures.py)."""
    rows = figures["peer"]["rows"]
    units = [u for u in POINT if any(row[side][u] for row in rows for side in ("ours", "linux"))]
    if not units:
        return ["no call was measured"]
    first = "Linux" if figures["machines"][0]["kernel"].startswith("Linux") else "ours"
    heads = {"instructions": "exact instructions", "time": f"time, {figures['unit']}"}
    lines = [" " * 27 + "".join(f"{heads[unit]:>30}" for unit in units)]
    lines.append(f"{'call':<19}{'door':<8}" + f"{first:>11}{'Linux':>11}{'ratio':>8}" * len(units))
    for row in rows:
        line = f"{row['name']:<19}{row['door']:<8}" + "".join(columns(row, unit) for unit in units)
        ahead = {unit: row[unit] and row[unit]["ahead"] for unit in units}
        notes = [NOTES[ahead[unit]].format(unit) for unit in units if ahead[unit] in NOTES]
        lines.append((line + "  " + ", ".join(notes)).rstrip())
    return lines + [sentence(rows, unit) for unit in units]
