"""Line and bar charts as SVG files, with nothing but text."""

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path

__all__ = ["bars", "lines"]

WIDTH, HEIGHT = 760, 400
LEFT, RIGHT, TOP, BOTTOM = 70, 150, 40, 60
COLOURS = ("#3366cc", "#dc3912", "#109618", "#ff9900", "#990099", "#0099c6", "#666666", "#b82e2e")
Point = tuple[float, float]


def lines(
    path: Path, title: str, x_title: str, y_title: str, series: Mapping[str, Sequence[Point]], *, log_x: bool = False
) -> None:
    """Write a chart of lines."""
    from math import log10

    def at(x: float) -> float:
        return log10(x) if log_x else x

    xs = [x for points in series.values() for x, _ in points]
    top = _nice(max(y for points in series.values() for _, y in points))
    low, high = at(min(xs)), at(max(xs))
    body = [_frame(title, x_title, y_title, top)]
    for x in sorted(set(xs)):
        across = LEFT + (at(x) - low) / ((high - low) or 1) * _inner_width()
        body.append(_text(across, HEIGHT - BOTTOM + 18, f"{x:,g}", "middle"))
    for number, (name, points) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        spots = [
            (LEFT + (at(x) - low) / ((high - low) or 1) * _inner_width(), _down(y, top)) for x, y in sorted(points)
        ]
        drawn = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        body.append(f'<polyline points="{drawn}" fill="none" stroke="{colour}" stroke-width="2"/>')
        body += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        body.append(_key(number, name))
    _write(path, body)


def bars(path: Path, title: str, y_title: str, groups: Sequence[str], series: Mapping[str, Sequence[float]]) -> None:
    """Write a chart of groups of bars; each series has one value for each group."""
    top = _nice(max(value for values in series.values() for value in values))
    body = [_frame(title, "", y_title, top)]
    slot = _inner_width() / len(groups)
    width = 0.8 * slot / len(series)
    for place, group in enumerate(groups):
        if len(groups) > 6:
            across, down = LEFT + (place + 0.5) * slot, HEIGHT - BOTTOM + 14
            turned = f'transform="rotate(-35 {across:.1f} {down})"'
            body.append(_text(across, down, group, "end", turned))
        else:
            body.append(_text(LEFT + (place + 0.5) * slot, HEIGHT - BOTTOM + 18, group, "middle"))
    for number, (name, values) in enumerate(series.items()):
        colour = COLOURS[number % len(COLOURS)]
        for place, value in enumerate(values):
            x, y = LEFT + place * slot + 0.1 * slot + number * width, _down(value, top)
            size = f'width="{width:.1f}" height="{HEIGHT - BOTTOM - y:.1f}"'
            body.append(f'<rect x="{x:.1f}" y="{y:.1f}" {size} fill="{colour}"/>')
        body.append(_key(number, name))
    _write(path, body)


def _inner_width() -> float:
    return WIDTH - LEFT - RIGHT


def _down(value: float, top: float) -> float:
    return HEIGHT - BOTTOM - value / top * (HEIGHT - TOP - BOTTOM)


def _nice(value: float) -> float:
    step = 1.0
    while step * 10 < value:
        step *= 10
    while step > value > 0:
        step /= 10
    return next(step * factor for factor in (1, 1.5, 2, 3, 4, 5, 6, 8, 10) if step * factor >= value)


def _frame(title: str, x_title: str, y_title: str, top: float) -> str:
    parts = [_text(LEFT, 24, title, "start", 'font-weight="bold"')]
    for part in range(6):
        y = _down(top * part / 5, top)
        parts.append(f'<line x1="{LEFT}" y1="{y:.1f}" x2="{WIDTH - RIGHT}" y2="{y:.1f}" stroke="#dddddd"/>')
        parts.append(_text(LEFT - 6, y + 4, f"{top * part / 5:,g}", "end"))
    middle = (HEIGHT - BOTTOM + TOP) / 2
    parts.append(_text(18, middle, y_title, "middle", f'transform="rotate(-90 18 {middle})"'))
    parts.append(_text(LEFT + _inner_width() / 2, HEIGHT - 14, x_title, "middle"))
    return "\n".join(parts)


def _key(number: int, name: str) -> str:
    y = TOP + 10 + 20 * number
    colour = COLOURS[number % len(COLOURS)]
    return f'<rect x="{WIDTH - RIGHT + 12}" y="{y - 9}" width="10" height="10" fill="{colour}"/>' + _text(
        WIDTH - RIGHT + 28, y, name, "start"
    )


def _text(x: float, y: float, text: str, anchor: str, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {more}>{escape(text)}</text>'.replace(" >", ">")


def _write(path: Path, body: Sequence[str]) -> None:
    font = 'font-family="sans-serif" font-size="12"'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" {font}>'
    ground = f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>'
    path.write_text("\n".join([head, ground, *body, "</svg>"]) + "\n")
