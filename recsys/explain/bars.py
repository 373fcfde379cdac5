"""Contribution bars: what each block adds to a score, drawn for notebooks as HTML that needs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

#: Paul Tol's bright scheme, which people with any kind of colour vision can tell apart; the last one is for the rest.
COLOURS = ("#4477aa", "#ee6677", "#228833", "#ccbb44", "#66ccee", "#aa3377", "#999999")
WIDTH, HEIGHT = 260, 14
REST = "others"


def palette(parts: Sequence[Mapping[str, float]]) -> dict[str, str]:
    """Colours of the blocks with the largest contributions over several scores; all other blocks share the last one."""
    blocks = list(dict.fromkeys(name for row in parts for name in row))
    blocks.sort(key=lambda name: -sum(abs(row.get(name, 0.0)) for row in parts))
    return dict(zip(blocks, COLOURS[:-1], strict=False)) | {REST: COLOURS[-1]}


def reach(parts: Sequence[Mapping[str, float]]) -> tuple[float, float]:
    """The least and the greatest sum of contributions of one sign over several scores: the scale of their bars."""
    low = min((sum(min(v, 0.0) for v in row.values()) for row in parts), default=0.0)
    high = max((sum(max(v, 0.0) for v in row.values()) for row in parts), default=0.0)
    return low, max(high, low + 1e-9)


def bar(parts: Mapping[str, float], colours: Mapping[str, str], scale: tuple[float, float]) -> str:
    """One stacked bar: contributions that raise the score to the right of the zero line, the others to the left."""
    low, high = scale
    unit = WIDTH / (high - low)
    ends = {True: -low * unit, False: -low * unit}
    shapes = []
    for name, value in sorted(parts.items(), key=lambda part: -abs(part[1])):
        width = abs(value) * unit
        left = ends[True] if value > 0 else ends[False] - width
        ends[value > 0] += width if value > 0 else -width
        shapes.append(
            f'<rect x="{left:.1f}" y="1" width="{width:.1f}" height="{HEIGHT - 2}" '
            f'fill="{colours.get(name, COLOURS[-1])}"><title>{escape(name)} {value:+.2f}</title></rect>'
        )
    zero = -low * unit
    return (
        f'<svg width="{WIDTH}" height="{HEIGHT}" role="img">{"".join(shapes)}'
        f'<line x1="{zero:.1f}" x2="{zero:.1f}" y1="0" y2="{HEIGHT}" stroke="currentColor"/></svg>'
    )


def legend(colours: Mapping[str, str]) -> str:
    """Names of the blocks beside their colours."""
    return " ".join(
        f'<span style="white-space:nowrap"><span style="color:{colour}">&#9632;</span> {escape(name)}</span>&ensp;'
        for name, colour in colours.items()
    )


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """An HTML table of cells that are HTML already."""
    titles = "".join(f'<th style="text-align:left">{cell}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f'<td style="text-align:left">{c}</td>' for c in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{titles}</tr></thead><tbody>{body}</tbody></table>"
