"""What every result of inspection can do: print as text, show as HTML, draw itself."""

from __future__ import annotations

import io
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from rich import box
from rich.console import Console, Group
from rich.table import Table as RichTable
from rich.text import Text

NARROWEST = 100  # columns of text output where the terminal has fewer, or there is none

_STYLE = """
table.gpubp { border-collapse: collapse; margin: 0 0 1em; font-size: 90%; }
table.gpubp caption { text-align: left; font-weight: bold; padding: 4px 0; }
table.gpubp th { text-align: left; border-bottom: 1px solid #9aa5b1; padding: 3px 10px; }
table.gpubp td { text-align: left; vertical-align: top; padding: 3px 10px;
  font-family: monospace; white-space: pre; }
"""


@dataclass(frozen=True)
class Sheet:
    """One table: a caption, the columns' headings, and rows of text; cells may have lines."""

    caption: str
    columns: tuple[str, ...]
    rows: Sequence[tuple[str, ...]]


class Report:
    """Base class: a subclass says which sheets it has, and draws itself."""

    def sheets(self) -> Sequence[Sheet]:
        """The tables, in reading order."""
        raise NotImplementedError

    def _repr_svg_(self) -> str:
        raise NotImplementedError

    def __rich__(self) -> Group:
        parts: list[Text | RichTable] = []
        for sheet in self.sheets():
            table = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
            for column in sheet.columns:
                table.add_column(Text(column), overflow="fold")
            for row in sheet.rows:
                table.add_row(*map(Text, row))  # as Text: brackets are no markup here
            parts += [Text(sheet.caption, style="bold"), table]
        return Group(*parts)

    def __str__(self) -> str:
        width = max(NARROWEST, shutil.get_terminal_size((0, 0)).columns)
        out = io.StringIO()
        Console(file=out, width=width, color_system=None).print(self.__rich__())
        return "\n".join(line.rstrip() for line in out.getvalue().rstrip().splitlines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        parts = [f"<style>{_STYLE}</style>"]
        for sheet in self.sheets():
            head = "".join(f"<th>{escape(c)}</th>" for c in sheet.columns)
            body = "".join(
                "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
                for row in sheet.rows
            )
            parts.append(
                f'<table class="gpubp"><caption>{escape(sheet.caption)}</caption>'
                f"<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
            )
        return "".join(parts) + self._repr_svg_()
