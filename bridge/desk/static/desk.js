// What the page needs beyond htmx: GOV.UK components, and saying so when the connection is lost.
import { initAll } from "/static/govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

const offline = document.getElementById("offline");
if (offline) {
  const show = (lost) => { offline.hidden = !lost; };
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:sseError"]) {
    document.body.addEventListener(name, () => show(true));
  }
  for (const name of ["htmx:sseOpen", "htmx:afterSwap"]) {
    document.body.addEventListener(name, () => show(false));
  }
  // A list that was out of reach, or asleep with its phone, asks for what it missed.
  let opened = false;
  document.body.addEventListener("htmx:sseOpen", () => {
    if (opened) { window.htmx.trigger("#rows", "sse:changed"); }
    opened = true;
  });
}

for (const button of document.querySelectorAll("[data-print]")) {
  button.addEventListener("click", () => window.print());
}
