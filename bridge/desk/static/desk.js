// What the page needs beyond htmx: GOV.UK components, and saying so when the connection is lost.
import { initAll } from "/static/govuk-frontend.min.js";

document.body.classList.add("js-enabled", "govuk-frontend-supported");
initAll();

const offline = document.getElementById("offline");
if (offline) {
  const AGAIN_MS = 5000; // below the ten seconds after which the page is asked whether it is live
  const ask = () => window.htmx.trigger("#rows", "sse:changed");
  let again;
  const show = (lost) => {
    offline.hidden = !lost;
    clearTimeout(again);
    if (lost) { again = setTimeout(ask, AGAIN_MS); } // the stream may have lived through what the list did not
  };
  for (const name of ["htmx:sendError", "htmx:responseError", "htmx:timeout", "htmx:sseError"]) {
    document.body.addEventListener(name, () => show(true));
  }
  document.body.addEventListener("htmx:afterSwap", (event) => {
    if (event.detail.target.id === "rows") { show(false); } // nothing else says that the list is up to date
  });
  // A list that was out of reach, or asleep with its phone, asks for what it missed.
  let opened = false;
  document.body.addEventListener("htmx:sseOpen", () => {
    if (opened) { ask(); }
    opened = true;
  });
}
