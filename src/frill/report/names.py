"""Where names stand in the picture of the frontier: beside their points, none over another."""

import math
from typing import NamedTuple

# Names of more students cover each other: then only those on the frontier are written.
MOST_NAMES = 24
WIDTH, HEIGHT = 760, 420  # of the picture without its axes, pixels
LETTER, LINE = 6.0, 12  # of a name, pixels
GAP = 9  # between a point and its name
# Left of and above a point of the frontier nobody is: no other is faster and better.
SIDES = [(side, dy) for dy in (-GAP, GAP + 3) for side in ("right", "left")]


class _Box(NamedTuple):
    left: float
    top: float
    right: float
    bottom: float

    def meets(self, other: "_Box") -> bool:
        beside = self.right < other.left or other.right < self.left
        return not (beside or self.bottom < other.top or other.bottom < self.top)


def place_names(rows: list[dict]) -> None:
    """Give every point `named`, whether its name is written, and `side` and `dy`, where.

    `rows` are points of one device with latency_ms, quality, low, high, label, place, selected. A
    name on `side` left begins right of its point. The selected is named in any case, others as far
    as there is room.
    """
    if not rows:  # a device that timed none of the students shown
        return
    all_named = len(rows) <= MOST_NAMES
    logs = [math.log(row["latency_ms"]) for row in rows]
    least_log, spread = min(logs), max(logs) - min(logs) or 1.0
    top = max(row["high"] for row in rows)
    height = top - min(row["low"] for row in rows) or 1.0
    taken: list[_Box] = []
    for row in sorted(rows, key=lambda row: (not row["selected"], row["latency_ms"])):
        is_wanted = all_named or row["place"] == "frontier" or row["selected"]
        x = WIDTH * (math.log(row["latency_ms"]) - least_log) / spread
        y = HEIGHT * (top - row["quality"]) / height
        boxes = {place: _find_box(x, y, row["label"], *place) for place in SIDES}
        free = [p for p, box in boxes.items() if _is_inside(box) and not _meets_any(box, taken)]
        place = free[0] if free else SIDES[0] if _is_inside(boxes[SIDES[0]]) else SIDES[1]
        row["side"], row["dy"] = place
        row["named"] = bool(is_wanted and (free or row["selected"] or all_named))
        if row["named"]:
            taken.append(boxes[place])


def _find_box(x: float, y: float, label: str, side: str, dy: float) -> _Box:
    length = LETTER * len(label)
    left = x + GAP if side == "left" else x - GAP - length
    return _Box(left, y + dy - LINE / 2, left + length, y + dy + LINE / 2)


def _is_inside(box: _Box) -> bool:
    return box.left >= -2 * GAP and box.right <= WIDTH + 2 * GAP


def _meets_any(box: _Box, taken: list[_Box]) -> bool:
    return any(box.meets(other) for other in taken)
