"""Which student frontier.json selects."""


def find_selected(frontier: dict) -> dict | None:
    """Its entry, or None where the budget fits none."""
    return next((student for student in frontier["students"] if student["name"] == frontier["selected"]), None)
