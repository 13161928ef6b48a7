"""Draws a flame graph of folded stacks: `python -m bench.flame FOLDED SVG`.

Folded stacks come from a sampling profiler, for instance `py-spy record --gil --format raw --pid PID --output FOLDED`.
"""

import html
import sys
from pathlib import Path
from typing import Final

WIDTH: Final = 1200
ROW: Final = 18
# Narrower frames are left out.
NARROWEST: Final = 1.5
LETTER: Final = 6.6
COLOURS: Final = ("#f4a259", "#f4b266", "#e8985e", "#f6c177", "#eaa66b")
# What starts the server and holds everything; and the application's lifespan, under which the loop's native code shows.
_EVERYWHERE: Final = (
    "(granian",
    "<module>",
    "process ",
    "<frozen runpy>",
    "(click/",
    "(api/serve.py",
    "(api/compression.py:31)",
)


class Frame:
    """A function called from one place, with the samples in it and in what it called."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.samples = 0
        self.called: dict[str, Frame] = {}

    def add(self, stack: list[str], samples: int) -> None:
        """Count one stack below this frame."""
        self.samples += samples
        if stack:
            self.called.setdefault(stack[0], Frame(stack[0])).add(stack[1:], samples)

    @property
    def depth(self) -> int:
        return 1 + max((one.depth for one in self.called.values()), default=0)


def read(folded: str) -> Frame:
    """All stacks below one frame; of server frames, which hold everything, nothing is shown."""
    whole = Frame("all")
    for line in folded.splitlines():
        stack, _, samples = line.rpartition(" ")
        names = [name for name in stack.split(";") if name and not any(part in name for part in _EVERYWHERE)]
        if names:
            whole.add(names, int(samples))
    return whole


def draw(whole: Frame) -> str:
    """The graph as SVG, callers below what they call."""
    height = whole.depth * ROW + 8
    parts: list[str] = []

    def place(frame: Frame, x: float, level: int) -> None:
        width = WIDTH * frame.samples / whole.samples
        if width < NARROWEST:
            return
        y = height - (level + 1) * ROW
        share = f"{frame.name}: {100 * frame.samples / whole.samples:.1f} %"
        shown = frame.name[: int(width / LETTER)] if width > 4 * LETTER else ""
        parts.append(
            f'<g><title>{html.escape(share)}</title><rect x="{x:.1f}" y="{y}" width="{width:.1f}" height="{ROW - 1}"'
            f' fill="{COLOURS[(level + len(frame.name)) % len(COLOURS)]}"/>'
            f'<text x="{x + 3:.1f}" y="{y + 13}">{html.escape(shown)}</text></g>'
        )
        for one in sorted(frame.called.values(), key=lambda called: -called.samples):
            place(one, x, level + 1)
            x += WIDTH * one.samples / whole.samples

    place(whole, 0, 0)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="monospace" font-size="11">'
        f"{''.join(parts)}</svg>\n"
    )


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(draw(read(Path(sys.argv[1]).read_text())))
