"""The page: HTML around the sections. No script, no network, nothing beside it."""

from __future__ import annotations

import html

import page_anatomy
import page_compare
import page_machine
import page_sections
from page_table import STYLE, Canvas
from page_text import emulator_sentence


def document(
    files: list[dict], plots_missing: str = "", unusable: list[str] = []
) -> tuple[str, Canvas]:
    """The whole page from what figures() gave for each file; and its plots, with what to complain of.
    `plots_missing`: why none can be drawn; `unusable`: what was wrong with the files that are not here."""
    canvas = Canvas(plots_missing)
    parts = [
        page_sections.answer(files),
        page_sections.distribution(files, canvas),
        page_sections.per_cpu(files, canvas),
        page_anatomy.anatomy(files, canvas),
        page_anatomy.ways(files),
        page_compare.mitigations(files),
        page_compare.scale(files, canvas),
        page_compare.peer(files),
        page_machine.machine(files),
        page_machine.method(files),
        page_machine.left_out(files, unusable),
    ]
    warning = emulator_sentence(files)
    first = f'<p class="emulated"><strong>{html.escape(warning)}</strong></p>' if warning else ""
    missing = "".join(f'<p class="small">{html.escape(text)}</p>' for text in canvas.complaints)
    if unusable:
        missing += '<p class="small">Not every file could be used: <a href="#left-out">what was left out</a>.</p>'
    where = f'<p class="where">{page_sections.where(files[0])}</p>' if len(files) == 1 else ""
    body = f"""<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>What a kernel entry costs: int 0x80 and syscall</title>
<link rel="icon" href="data:,">
<style>
{STYLE}</style>
</head>
<body>
{first}
<header>
<h1>What a kernel entry costs: int 0x80 and syscall</h1>
{where}
</header>
<main>
{parts[0]}
{missing}
{"".join(parts[1:])}
</main>
</body>
</html>
"""
    return body.replace("int 0x80", "int\N{NO-BREAK SPACE}0x80"), canvas
