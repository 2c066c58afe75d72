// Draws the charts, and opens a scenario's figures in a panel. Without this script, the page works except for the charts.
"use strict";

const QUIET = { displayModeBar: false, responsive: true, doubleClick: false };

async function draw(box) {
  const { data, layout } = JSON.parse(document.getElementById(box.dataset.figure).textContent);
  if (box.clientWidth < 480) fitPhone(data, layout);
  try {
    await Plotly.newPlot(box, data, layout, QUIET);
    box.querySelector(".drawing")?.remove();
  } finally {
    box.setAttribute("aria-busy", "false");
  }
}

// a phone has space for every second tick only, and needs more height for the legend
function fitPhone(data, layout) {
  for (const ticks of ["tickvals", "ticktext"]) {
    if (layout.xaxis?.[ticks]) layout.xaxis[ticks] = layout.xaxis[ticks].filter((_, at) => at % 2 === 0);
  }
  layout.height += 18 * data.filter((trace) => trace.name && trace.showlegend !== false).length;
}

const near = new IntersectionObserver(
  (seen) => {
    for (const { isIntersecting, target } of seen) {
      if (isIntersecting) drawOnce(target);
    }
  },
  { rootMargin: "600px" },
);

function drawOnce(box) {
  near.unobserve(box);
  if (box.dataset.drawn) return Promise.resolve();
  box.dataset.drawn = "true";
  return draw(box);
}

function watch(root) {
  for (const box of root.querySelectorAll(".chart[aria-busy='true']")) near.observe(box);
}

const panel = document.getElementById("panel");
const content = document.getElementById("panel-content");

function fill(article) {
  content.replaceChildren(article);
  const title = content.querySelector(".title");
  title.id = "scenario-title";
  panel.setAttribute("aria-labelledby", title.id);
  title.focus();
  content.querySelectorAll(".chart").forEach(drawOnce);
}

async function load(address) {
  const response = await fetch(address, { headers: { Accept: "text/html" } });
  if (!response.ok) throw new Error(String(response.status));
  return new DOMParser().parseFromString(await response.text(), "text/html").querySelector(".scenario");
}

// in a report the figures are on the page already: they move to the panel until it closes
function borrow(id) {
  const article = document.getElementById(id);
  const placeholder = document.createComment("");
  article.before(placeholder);
  panel.addEventListener("close", () => placeholder.replaceWith(article), { once: true });
  return article;
}

async function open(link) {
  const address = link.getAttribute("href");
  const waiting = document.createElement("p");
  waiting.setAttribute("role", "status");
  waiting.textContent = content.dataset.waiting ?? "";
  content.replaceChildren(waiting);
  panel.showModal();
  try {
    fill(address.startsWith("#") ? borrow(address.slice(1)) : await load(address));
  } catch {
    location.assign(address);
  }
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-panel]");
  const isPlain = event.button === 0 && !(event.ctrlKey || event.metaKey || event.shiftKey || event.altKey);
  if (link && panel && isPlain) {
    event.preventDefault();
    open(link);
  } else if (event.target === panel) {
    panel.close();
  }
});

// print everything
addEventListener("beforeprint", () => {
  for (const each of document.querySelectorAll("details")) each.open = true;
  document.querySelectorAll(".chart").forEach(drawOnce);
});

watch(document);
for (const each of document.querySelectorAll("details")) each.addEventListener("toggle", () => watch(each));
