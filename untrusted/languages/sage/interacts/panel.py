"""What an interact shows: its controls with their labels, in their places, its bookmarks and its output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import Box, Button, HBox, HTMLMath, Output, VBox, Widget
from ipywidgets.widgets.widget_description import DescriptionWidget

from untrusted.languages.sage.interacts import locations
from untrusted.languages.sage.interacts.controls import within
from untrusted.languages.sage.interacts.layout import BOOKMARKS, OUTPUT, Item, Layout, Row

LABEL_CHARS = (4, 22)  # the least and the most room for labels
LABEL_MOST = "42%"  # of the width of a control, in a narrow page
WIDTH = "34em"  # of a control, at most
ITEM_EM = 16  # what a cell of a row needs, or it begins another line
OUTPUT_EM = 22
CAPTION_MARGIN = "2px 8px 2px 2px"  # as other labels have it


class Panel:
    """The widgets of one interact."""

    def __init__(self, layout: Layout, places: dict[str, str], *, has_output: bool) -> None:
        self.layout, self.places = layout, places
        self.has_output = has_output
        self.output, self.bookmarks = Output(), HBox()
        look(self.bookmarks, flex_flow="row wrap", display="none")
        self.root = VBox()
        self._boxes: list[Widget] = []

    def arrange(self, controls: dict[str, Widget]) -> None:
        """Put the controls into their places: those that have come later stand above the output."""
        named = {**controls, OUTPUT: self.output, BOOKMARKS: self.bookmarks}
        elsewhere = {*self.layout.names, *self.places}
        later: list[Row] = [[Item(name)] for name in controls if name not in elsewhere]
        old, self._boxes = self._boxes, []
        children: list[Widget] = []
        if BOOKMARKS not in elsewhere:
            children.append(self.bookmarks)
        for row in self.layout.rows:
            if any(item.name == OUTPUT for item in row):
                children += self._rows(later, named)
                later = []
                children.append(self._beside(row, named))
            else:
                children += self._rows([row], named)
        self.root.children = [*children, *self._rows(later, named)]
        for box in old:
            close(box)

    def show(self, text: str, controls: dict[str, Widget], beside: dict[str, Any]) -> None:
        """Show it in the cell, and in the page what stands elsewhere; the first view has ``beside`` in its bundle."""
        is_first = True
        if any(name not in self.places for name in self.layout.names) or not self.places:
            locations.show(self.root, text, beside=beside)
            is_first = False
        named = {**controls, BOOKMARKS: self.bookmarks}
        if self.has_output:
            named[OUTPUT] = self.output
        for name, selector in self.places.items():
            if name in named:
                locations.show(named[name], f"{name}, in {selector}", selector, beside if is_first else None)
                is_first = False

    def bookmark(self, name: str, pressed: Callable[[], None]) -> None:
        """Offer a button for a state to come back to."""
        button = Button(description=name)
        button.layout.width = "auto"
        button.on_click(lambda _: pressed())
        self.bookmarks.children, self.bookmarks.layout.display = [*self.bookmarks.children, button], None

    def close(self) -> None:
        """Take all of it away, the controls too."""
        for widget in (self.root, self.output, self.bookmarks):
            for one in list(within(widget)):
                one.close()

    def _rows(self, rows: list[Row], named: dict[str, Widget]) -> list[Widget]:
        """Return a widget for each row that has something to show."""
        found = []
        for row in rows:
            present = [item for item in row if item.name is None or item.name in named]
            if len(present) == 1 and present[0].name is not None:
                widget = named[present[0].name]
                widget.layout.flex = None
                found.append(widget)
            elif any(item.name is not None for item in present):
                found.append(self._row(present, named))
        return found

    def _row(self, items: Row, named: dict[str, Widget]) -> Widget:
        widgets = []
        for item in items:
            widget = self._box(Box()) if item.name is None else named[item.name]
            least = OUTPUT_EM if item.name == OUTPUT else ITEM_EM
            whole = isinstance(item.width, str)
            widget.layout.flex = f"0 1 {item.width}" if whole else f"{item.width:g} 1 {least}em"
            widgets.append(widget)
        return self._box(HBox(widgets, layout={"flex_flow": "row wrap", "align_items": "flex-start"}))

    def _beside(self, row: Row, named: dict[str, Widget]) -> Widget:
        """Return the row with the output, with what stands to the left and to the right of it."""
        sides = [self._rows(rows, named) for rows in (self.layout.left, self.layout.right)]
        present = [item for item in row if item.name is None or item.name in named]
        middle = named[OUTPUT] if len(present) == 1 else self._row(present, named)
        if not any(sides):
            middle.layout.flex = None
            return middle
        middle.layout.flex = f"3 1 {OUTPUT_EM}em"
        columns = [self._box(VBox(side, layout={"flex": f"1 1 {ITEM_EM}em"})) if side else None for side in sides]
        widgets = [one for one in (columns[0], middle, columns[1]) if one is not None]
        return self._box(HBox(widgets, layout={"flex_flow": "row wrap"}))

    def _box(self, box: Widget) -> Widget:
        self._boxes.append(box)
        return box


def close(box: Widget) -> None:
    """Close a box without what is in it."""
    box.children = []
    for one in list(within(box)):
        one.close()


def dress(controls: dict[str, Widget], *, has_labels: bool, is_readonly: bool) -> None:
    """Give controls their labels, the names for those who hear them, and their widths."""
    labels = {name: _label(name, control, has_labels) for name, control in controls.items()}
    longest = max((len(label) for label in labels.values()), default=0)
    room = f"min({min(max(longest + 2, LABEL_CHARS[0]), LABEL_CHARS[1])}ch, {LABEL_MOST})"
    for name, control in controls.items():
        control.description = labels[name]
        if isinstance(control, DescriptionWidget):
            # A label that is cut off can still be read, and what has none has a name.
            control.tooltip = labels[name] or name
        if hasattr(getattr(control, "style", None), "description_width"):
            control.style.description_width = room
        _size(control, room if labels[name] else "0px")
        if is_readonly:
            for one in within(control):
                if one.has_trait("disabled"):
                    one.disabled = True


def _label(name: str, control: Widget, has_labels: bool) -> str:
    given = getattr(control, "_label", None)
    return (name if has_labels else "") if given is None else given


def _size(control: Widget, room: str) -> None:
    if isinstance(control, (Box, HTMLMath)):
        if caption := getattr(control, "caption", None):
            look(caption, width=room, display="flex", justify_content="flex-end", flex="none", margin=CAPTION_MARGIN)
        return
    if width := getattr(control, "_width", ""):
        look(control, width=f"calc({room} + {width} + 12px)")
        return
    chars = getattr(control, "_chars", 0)
    most = f"calc({room} + {chars + 4}ch)" if chars else control.layout.max_width or WIDTH
    look(control, max_width=most, width=control.layout.width or "auto")


def look(widget: Widget, **traits: str | None) -> None:
    """Set how a widget looks, in one message to the page."""
    with widget.layout.hold_sync():
        for name, value in traits.items():
            setattr(widget.layout, name, value)
