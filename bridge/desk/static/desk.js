// What the page needs beyond htmx: GOV.UK components, and saying so when the connection is lost.
import { initAll } from "/static/govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

const offline = document.getElementById("offline");
if (offline) {
  // What does not work now: the stream that says that something changed, the list, the line above it. The list is
  // called whole only when all three work.
  const lost = new Set();
  const works = (part, so) => {
    lost[so ? "delete" : "add"](part);
    offline.hidden = lost.size === 0;
  };
  const part = (event) => (event.detail.pathInfo?.requestPath ?? "").endsWith("/rows") ? "rows" : "status";
  const ask = () => window.htmx.trigger("#rows", "sse:changed");
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout"]) {
    document.body.addEventListener(name, (event) => works(part(event), false));
  }
  document.body.addEventListener("htmx:afterSwap", (event) => {
    works(part(event), true);
    if (part(event) === "status" && lost.has("rows")) { ask(); } // the news came, the list did not
  });
  // A list that was out of reach, or asleep with its phone, asks for what it missed.
  let opened = false;
  document.body.addEventListener("htmx:sseError", () => works("stream", false));
  document.body.addEventListener("htmx:sseOpen", () => {
    works("stream", true);
    if (opened) { ask(); }
    opened = true;
  });
  document.addEventListener("visibilitychange", () => {
    if (document.visibilityState === "visible") { ask(); }
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
