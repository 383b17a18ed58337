"""Figures side by side: the ratio of each round, its median and its spread."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Versus:
    """One measure and its floor, a figure for each round; the rounds of both lie next to each other in time."""

    what: str
    unit: str
    ours: tuple[float, ...]
    floor: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Ours in units of the floor, round by round."""
        return tuple(ours / floor for ours, floor in zip(self.ours, self.floor, strict=True))

    @property
    def cells(self) -> tuple[str, ...]:
        ratios = self.ratios
        spread = f"{min(ratios):.2f} – {max(ratios):.2f}"
        ours, floor = (_short(median(figures)) for figures in (self.ours, self.floor))
        return self.what, f"{median(ratios):.2f}", spread, f"{ours} {self.unit}", f"{floor} {self.unit}"


HEAD = ("measure", "ratio to the floor", "spread over rounds", "here (median)", "floor (median)")


def table(rows: Iterable[Versus]) -> str:
    """As Markdown, ready for docs/benchmarks.md."""
    return markdown(HEAD, [row.cells for row in rows])


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    widths = [max(len(row[place]) for row in (head, *rows)) for place in range(len(head))]
    lines = [head, ["-" * width for width in widths], *rows]
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def _short(figure: float) -> str:
    """Three digits are more than the machine's noise leaves certain."""
    return f"{figure:,.0f}" if figure >= 100 else f"{figure:.3g}"


def percentile(figures: Sequence[float], share: float) -> float:
    """The figure below which `share` of them lie; share 0.5 is the median."""
    ordered = sorted(figures)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
