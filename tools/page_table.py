"""HTML that more than one section needs: tables in a box that scrolls by itself, figures with both
sizes of a plot, a text alternative and their data; and small words about files and counts."""

from __future__ import annotations

import itertools
from html import escape
from pathlib import Path
from typing import Callable

import page_text
import plots

Files = list[dict]  # of figures()
STYLE = Path(__file__).with_name("page.css").read_text(encoding="utf-8")
_numbers = itertools.count(1)


def door(name: str) -> str:
    """A door's name, in its colour."""
    label = escape(plots.DOORS.get(name, name))
    return f'<span class="{name}">{label}</span>' if name in plots.DOORS else label


def section(name: str, title: str, *parts: str) -> str:
    return (
        f'<section id="{name}">\n<h2>{escape(title)}</h2>\n'
        + "\n".join(filter(None, parts))
        + "\n</section>\n"
    )


def paragraph(text: str, kind: str = "") -> str:
    return f'<p class="{kind}">{text}</p>' if kind else f"<p>{text}</p>"


class Table:
    """Cells are HTML. With several files each has its group of the same columns; a group of columns
    within a file is written "group|column"."""

    def __init__(
        self, caption: str, first: str, columns: list[str], files: list[str] = [], kind: str = ""
    ):
        self.caption, self.first, self.files = caption, first, files if len(files) > 1 else [""]
        self.columns, self.kind = columns, kind and f' class="{kind}"'
        self.rows: list[str] = []

    def row(self, head: str, cells: list[str], kind: str = "") -> None:
        inner = "".join(cell if cell.startswith("<td") else f"<td>{cell}</td>" for cell in cells)
        self.rows.append(
            f'<tr class="{kind}"><th scope="row">{head}</th>{inner}</tr>'.replace(' class=""', "")
        )

    def heads(self) -> str:
        levels: list[list[tuple[str, int]]] = []
        if self.files != [""]:
            levels.append([(escape(name), len(self.columns)) for name in self.files])
        if any("|" in column for column in self.columns):
            groups = [column.rpartition("|")[0] for column in self.columns]
            spans = [(name, len(list(run))) for name, run in itertools.groupby(groups)]
            levels.append(spans * len(self.files))
        last = [column.rpartition("|")[2] for column in self.columns] * len(self.files)
        deep = len(levels) + 1
        lines = []
        for depth, level in enumerate(levels):
            corner = f'<th scope="col" rowspan="{deep}">{self.first}</th>' if depth == 0 else ""
            lines.append(
                corner
                + "".join(f'<th scope="colgroup" colspan="{n}">{text}</th>' for text, n in level)
            )
        corner = "" if levels else f'<th scope="col">{self.first}</th>'
        lines.append(corner + "".join(f'<th scope="col">{text}</th>' for text in last))
        return "".join(f"<tr>{line}</tr>" for line in lines)

    def __str__(self) -> str:
        if not self.rows:
            return ""
        return (
            f'<div class="scroll" role="region" tabindex="0" aria-label="{escape(self.caption)}">'
            f"<table{self.kind}><caption><span>{escape(self.caption)}</span></caption>\n"
            f"<thead>{self.heads()}</thead>\n<tbody>"
            + "\n".join(self.rows)
            + "</tbody></table></div>"
        )


def standalone(svg: str, size: plots.Size) -> str:
    """The plot as a file, such as a README shows: with the page's colours, light and dark, behind it too."""
    style = STYLE.partition("* {")[0]
    style += "svg { font-family: system-ui, sans-serif; color: var(--text); background: var(--page); }"
    box = f'xmlns="http://www.w3.org/2000/svg" width="{size.width}" height="{size.height}" '
    return svg.replace("<svg ", "<svg " + box, 1).replace("</desc>", f"</desc>\n<style>\n{style}</style>", 1) + "\n"


class Canvas:
    """Draws the plots; when it cannot, says so once and leaves the tables."""

    def __init__(self, missing: str = ""):
        self.complaints = [missing] if missing else []
        self.missing = bool(missing)
        self.files: dict[str, str] = {}  # each plot as an SVG of its own, by the figure's name

    def figure(
        self,
        name: str,
        title: str,
        heading: str,
        describe: str,
        caption: str,
        data: str,
        draw: Callable[[plots.Size, str], str],
        heights: tuple[int, int] = (plots.WIDE.height, plots.NARROW.height),
        alone: bool = True,
        opened: bool = False,
        long: bool = False,
    ) -> str:
        """`alone`: it has the page's width, so there is a wide plot beside the narrow one; else it
        stands in a grid, under a heading of its own."""
        drawn = []
        sizes = [("narrow" if alone else "always", plots.Size(plots.NARROW.width, heights[1]))]
        if alone:
            sizes.append(("wide", plots.Size(plots.WIDE.width, heights[0])))
        for kind, size in sizes if not self.missing else []:
            ident = f"p{next(_numbers)}"
            try:
                svg = draw(size, ident)
            except plots.NoPlot as problem:
                self.complaints.append(str(problem))
                break
            words = f'<title id="{ident}-t">{escape(title)}</title>'
            words += f'<desc id="{ident}-d">{escape(describe)}</desc>'
            svg = svg.replace("<svg", f'<svg role="img" aria-labelledby="{ident}-t {ident}-d"', 1)
            svg = svg.replace(">", ">" + words, 1)
            self.files[name] = standalone(svg, size)  # the wide one is the last
            drawn.append(f'<div class="plot {kind}">{svg}</div>')
        is_open = " open" if opened or len(drawn) < len(sizes) else ""
        kind = ' class="long"' if long else ""
        details = (
            f"<details{kind}{is_open}><summary>The data of this plot</summary>{data}</details>"
        )
        head = "" if alone else f"<h3>{escape(heading)}</h3>"
        text = f"<figcaption>{caption}</figcaption>" if caption else ""
        return f'<figure id="{name}">{head}{"".join(drawn)}{text}{details}</figure>'


def grid(figures: list[str]) -> str:
    figures = [figure for figure in figures if figure]
    return f'<div class="pair">{"".join(figures)}</div>' if len(figures) > 1 else "".join(figures)


def names(files: Files) -> list[str]:
    return [file["name"] for file in files]


def of(file: dict, files: Files) -> str:
    """Whose plot it is, where there are several."""
    return f": {file['name']}" if len(files) > 1 else ""


def time_unit(files: Files) -> str:
    """At the head of a column that each file has."""
    units = {file["unit"] for file in files}
    return units.pop() if len(units) == 1 else "time"


def by_unit(files: Files) -> str:
    return " and ".join(dict.fromkeys(file["unit"] for file in files))


def exactly(known: dict | None) -> str:
    """An exact count in a cell; the range of boots that did not agree below it."""
    words = page_text.exactly(known)
    value, _, span = words.partition(" (")
    return f'{value}<br><small class="range">{span.removesuffix(")")}</small>' if span else words


def not_there(reasons: list[tuple[str, str]]) -> str:
    """What is absent, by reason."""
    whats: dict[str, list[str]] = {}
    for what, why in dict.fromkeys(reasons):
        whats.setdefault(why, []).append(what)
    told = [
        f"{', '.join(listed) if len(listed) < 6 else f'{listed[0]} and {len(listed) - 1} more'} ({why})"
        for why, listed in whats.items()
    ]
    return paragraph(escape(f"Not there: {'; '.join(told)}."), "small") if told else ""
