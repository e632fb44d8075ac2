"""Reads the fenced blocks, tables and links of a Markdown file; used by the other tools of this folder."""

import dataclasses
import re

FENCE = re.compile(r"^```(\w*) *(.*)$")
CODE_SPAN = re.compile(r"`([^`]+)`")
CELL_BORDER = re.compile(r"(?<!\\)\|")
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


@dataclasses.dataclass
class Block:
    """A fenced block: its language, the words after it, its lines and the number of its first line (from 1)."""

    language: str
    words: list
    lines: list
    first_line: int


def blocks(text):
    """All fenced blocks of `text`, in order."""
    found, current = [], None
    for number, line in enumerate(text.splitlines(), 1):
        fence = FENCE.match(line)
        if fence and current is None:
            current = Block(fence.group(1), fence.group(2).split(), [], number + 1)
        elif fence:
            found.append(current)
            current = None
        elif current is not None:
            current.lines.append(line)
    return found


def prose(text):
    """`text` without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def code_spans(text):
    """Everything in `code font` outside the fenced blocks."""
    return CODE_SPAN.findall(prose(text))


def links(text):
    """The addresses of all links and pictures outside the fenced blocks."""
    return LINK.findall(prose(text))


def table(text, first_heading):
    """The rows of the table whose first column is called `first_heading`, as lists of cells."""
    rows, inside = [], False
    for line in text.splitlines():
        if not line.startswith("|"):
            inside = False
            continue
        cells = [cell.strip().replace("\\|", "|") for cell in CELL_BORDER.split(line.strip()[1:-1])]
        if cells[0] == first_heading:
            inside = True
        elif inside and set(cells[0]) - set("-: "):
            rows.append(cells)
    return rows
