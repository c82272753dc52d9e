"""The report's page in a real browser, as somebody would use it."""

import json
from itertools import combinations

from playwright.sync_api import expect

POINT = "#chart-frontier [aria-label^='slow (selected): 9.500 ms']"


def opened(visit, folder, **options):
    seen = visit(folder / "index.html", **options)
    seen.page.wait_for_selector("#chart-sizes svg")
    seen.page.wait_for_selector("#chart-frontier svg")
    return seen


def names(page) -> list[str]:
    return page.locator("#students-table tbody th").all_inner_texts()


def test_whole_page_loads_without_complaint_or_request(visit, report, whole):
    seen = opened(visit, report(whole))
    assert seen.problems == [] and len(seen.requests) == 1
    text = seen.page.text_content("main")  # closed sections, too
    for said in (
        "R2 0.88 over 40 students",
        "backbone=<large>",
        "Two axes always change together",
        "quick: smaller",
        "+0.25 to +0.75",
        "0.40 to 0.60",
        "A CPU",
        "12.5 MiB",
    ):
        assert said in text, said
    seen.page.get_by_text("On pixel: cold start").click()
    row = seen.page.get_by_role("region", name="Timings on pixel").locator("tbody tr")
    shown = ["quick", "7.500", "3.250", "1.200", "", "1.750", "2.125", "11.5", "35.2"]
    shown += ["86 of 88 by XNNPACK, 5 partitions", "too few pairs: 3, an interval takes 6"]
    assert row.locator("th, td").all_inner_texts() == shown


def test_page_of_few_students(visit, report, frontier):
    seen = opened(visit, report(frontier))
    assert seen.problems == []
    assert "No regression" in seen.page.inner_text("main")
    assert seen.page.locator("#chart-effects").count() == 0
    assert "Synthetic speech" in seen.page.inner_text("header")


def test_hover_names_the_student_and_a_click_leads_to_it(visit, report, whole):
    page = opened(visit, report(whole)).page
    page.hover(POINT)
    tooltip = page.locator("#vg-tooltip-element")
    expect(tooltip).to_contain_text("slow")
    expect(tooltip).to_contain_text("9.500")
    page.click(POINT)
    page.wait_for_url("**/index.html#student-slow")
    expect(page.locator("#student-slow")).to_be_in_viewport()


def test_table_sorts_by_click_and_by_keyboard(visit, report, whole):
    page = opened(visit, report(whole)).page
    assert names(page) == ["quick", "slow", "worse", "teacher"]
    page.click("#students-table button:text-is('quality')")
    assert names(page) == ["worse", "quick", "slow", "teacher"]
    button = page.locator("#students-table button:text-is('latency, ms')")
    button.focus()
    page.keyboard.press("Enter")
    assert names(page) == ["quick", "slow", "worse", "teacher"]
    page.keyboard.press("Space")
    # The teacher was not timed: last both ways.
    assert names(page) == ["worse", "slow", "quick", "teacher"]
    headings = page.locator("#students-table th[aria-sort]")
    said = headings.evaluate_all("cells => cells.map(c => [c.innerText.trim(), c.ariaSort])")
    assert said == [["latency, ms", "descending"]]


def shown(page) -> list[str]:
    return page.locator("#students-table tbody tr:visible th").all_inner_texts()


def test_a_student_of_144_is_found_by_its_name_and_axes(visit, report, grid):
    folder = report(grid)
    assert (folder / "index.html").stat().st_size < 3e6
    seen = opened(visit, folder)
    page = seen.page
    assert len(shown(page)) == 145  # and the teacher
    page.fill("#find", "large flatten 1.5")
    rows = shown(page)
    assert len(rows) == 5 and all(each.startswith("large_150_flatten") for each in rows[:4])
    assert page.inner_text("#found") == "4 of 144 students"
    assert page.locator("#details ~ details:visible").count() == 4
    assert page.locator("#tasks-table tbody tr:visible").count() == 5
    page.fill("#find", "")
    page.check("#frontier-only")
    assert len(shown(page)) == 1 + len([s for s in grid.students if s.on_frontier])
    assert seen.problems == []


def test_a_link_opens_a_student_that_a_search_hid(visit, report, grid):
    page = opened(visit, report(grid)).page
    page.fill("#find", "tiny")
    page.evaluate("location.hash = '#student-large_200_qat'")
    section = page.locator("#student-large_200_qat")
    expect(section.locator("dl")).to_be_visible()
    expect(section).to_be_in_viewport()


def test_names_on_the_frontier_of_144_cover_no_other(visit, report, grid):
    page = opened(visit, report(grid)).page
    names = {s.name for s in grid.students}
    texts = page.locator("#chart-frontier svg text").all()
    boxes = [each.bounding_box() for each in texts if {*each.text_content().split()} & names]
    assert len(boxes) > 5
    for one, other in combinations(boxes, 2):
        beside = one["x"] + one["width"] <= other["x"] or other["x"] + other["width"] <= one["x"]
        under = one["y"] + one["height"] <= other["y"] or other["y"] + other["height"] <= one["y"]
        assert beside or under


def test_another_device_is_a_choice(visit, report, whole):
    page = opened(visit, report(whole)).page
    page.get_by_role("combobox", name="Device").select_option("pixel")
    expect(
        page.locator("#chart-frontier [aria-label^='slow (selected): 3.500 ms']")
    ).to_be_visible()
    expect(page.locator(POINT)).to_have_count(0)


def test_narrow_page_does_not_scroll_sideways(visit, report, whole):
    page = opened(visit, report(whole), width=360, height=700).page
    assert page.evaluate("document.documentElement.scrollWidth") == 360
    assert page.locator("#chart-frontier svg").bounding_box()["width"] <= 360


def test_dark_scheme_is_dark(visit, report, whole):
    folder = report(whole)
    for dark, ground in ((False, "rgb(255, 255, 255)"), (True, "rgb(22, 24, 27)")):
        page = opened(visit, folder, dark=dark).page
        assert page.evaluate("getComputedStyle(document.body).backgroundColor") == ground


def test_headings_captions_and_names_of_pictures(visit, report, whole):
    page = opened(visit, report(whole)).page
    assert page.locator("h1").count() == 1
    assert page.locator("table").count() == page.locator("table > caption").count()
    for name in ("frontier", "tasks", "effects", "curves", "sizes"):
        figure = page.get_by_role("figure").filter(has=page.locator(f"#chart-{name}"))
        expect(figure).to_have_accessible_name(caption(page, name))


def caption(page, name: str) -> str:
    return " ".join(page.inner_text(f"#caption-{name}").split())


def test_stage_times_are_read_when_asked_for(visit, report, whole):
    folder = report(whole)
    (folder.parent / "logs").mkdir()
    run = {
        "stage": "distill@quick",
        "start": 0.0,
        "seconds": 12.5,
        "peak_memory_bytes": 2**30,
        "machine": "here",
    }
    (folder.parent / "logs/stages.js").write_text(f"window.stages = {json.dumps([run])}\n")
    seen = opened(visit, folder)
    seen.page.click("#ran summary")
    expect(seen.page.locator("#stages tbody tr")).to_have_text(
        "distill@quick1970-01-01 00:00:0012.51.00here"
    )
    assert seen.problems == []


def test_copied_page_says_that_it_has_no_times(visit, report, whole):
    page = opened(visit, report(whole)).page
    page.click("#ran summary")
    expect(page.locator("#stages")).to_contain_text("No logs beside this page")
