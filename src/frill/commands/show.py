"""Print the frontier, the selection and where to look next."""

from pathlib import Path

from frill.errors import UserError

FRONTIER = Path("results/frontier.json")


def run() -> int:
    from rich.console import Console

    from frill.frontier import other_devices
    from frill.frontier.results import read_frontier
    from frill.report import terminal

    if not FRONTIER.exists():
        raise UserError(f"{FRONTIER}: not there yet; run `make repro`")
    frontier = read_frontier(FRONTIER)
    table = terminal.format_table(frontier, other_devices.read_latencies_ms(frontier))
    Console().print(table, soft_wrap=True)  # in colour where the terminal has it
    print(f"\n{terminal.format_selection(frontier)}\n\n{terminal.format_effects(frontier)}")
    folder = Path.cwd()
    print(
        f"\nNext: {folder}/release is what ships, with its model card.\n"
        f"{folder}/reports/index.html has the pictures. `make ui` compares students in MLflow."
    )
    return 0
