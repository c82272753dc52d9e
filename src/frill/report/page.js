// One after the other, so that the first, the frontier, is there at once.
const specs = JSON.parse(document.getElementById("specs").textContent);
(async () => {
  for (const place of document.querySelectorAll(".chart")) {
    await vegaEmbed(place, specs[place.id.slice("chart-".length)], { renderer: "svg", actions: false });
    await new Promise((resume) => setTimeout(resume));
  }
})();

// A student is found by its name and its axes; tables and sections show those found alone.
const find = document.getElementById("find"), frontierOnly = document.getElementById("frontier-only");
const rows = [...document.querySelectorAll("#students-table tr[data-student]")];
function filter() {
  const words = find.value.toLowerCase().split(/\s+/);
  const found = new Set();
  for (const row of rows) {
    const fits = words.every((word) => row.dataset.words.includes(word)) && (!frontierOnly.checked || "frontier" in row.dataset);
    if (fits) found.add(row.dataset.student);
  }
  for (const place of document.querySelectorAll("[data-student]")) place.hidden = !found.has(place.dataset.student);
  document.getElementById("found").textContent = found.size < rows.length ? `${found.size} of ${rows.length} students` : "";
}
find.form.hidden = false;
find.form.addEventListener("submit", (event) => event.preventDefault());
find.addEventListener("input", filter);
frontierOnly.addEventListener("change", filter);

// A link to a student opens its section, also where a search hid it.
function show() {
  const section = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (section?.matches("details.student")) {
    section.hidden = false;
    section.open = true;
    section.scrollIntoView();
  }
}
window.addEventListener("hashchange", show);
show();

const key = (row, column) => {
  const cell = row.cells[column], number = Number.parseFloat(cell.textContent.replace("\u2212", "-"));
  return Number.isNaN(number) ? cell.textContent.trim() : number;
};
const compare = (a, b) => (typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b)));

// Empty cells stay at the end whichever way a column is sorted.
function sort(heading) {
  const table = heading.closest("table"), body = table.tBodies[0], column = heading.cellIndex;
  const down = heading.getAttribute("aria-sort") === "ascending";
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", down ? "descending" : "ascending");
  const keyed = [...body.rows].map((row) => [key(row, column), row]);
  keyed.sort(([a], [b]) => (a === "") - (b === "") || (down ? compare(b, a) : compare(a, b)));
  body.append(...keyed.map(([, row]) => row));
}
for (const button of document.querySelectorAll("th button")) button.addEventListener("click", () => sort(button.closest("th")));

// Times and hosts are no part of the results, so they lie in the checkout's logs, and are read when they are asked for.
document.getElementById("ran").addEventListener("toggle", (event) => {
  const place = document.getElementById("stages");
  if (!event.target.open || place.dataset.asked) return;
  place.dataset.asked = "yes";
  const script = document.createElement("script");
  script.src = "../logs/stages.js";
  script.onerror = () => { place.textContent = "No logs beside this page: it was copied, or pulled from where it was made. They are in logs/ of that checkout."; };
  script.onload = () => {
    const rows = window.stages.map((run) => {
      const row = document.createElement("tr");
      const when = new Date(run.start * 1000).toISOString().slice(0, 19).replace("T", " ");
      for (const [i, text] of [run.stage, when, run.seconds.toFixed(1), (run.peak_memory_bytes / 2 ** 30).toFixed(2), run.machine ?? ""].entries()) {
        const cell = document.createElement(i ? "td" : "th");
        cell.textContent = text;
        row.append(cell);
      }
      return row;
    });
    place.querySelector("tbody").append(...rows);
    place.hidden = false;
  };
  document.head.append(script);
}, true);
