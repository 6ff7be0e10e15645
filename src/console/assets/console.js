// Looks again at the live part of a page when the server says that something has changed.
"use strict";

const source = document.body.dataset.events;
let looking = false;
let again = false;

function replace(fresh) {
  const old = document.querySelector("[data-live]");
  if (!old || !fresh || old.innerHTML === fresh.innerHTML) return;
  const at = document.activeElement;
  const link = old.contains(at) ? at.getAttribute("href") : null;
  old.replaceWith(fresh);
  if (link) fresh.querySelector(`[href="${CSS.escape(link)}"]`)?.focus();
}

async function look() {
  if (looking) {
    again = true;
    return;
  }
  looking = true;
  try {
    const answer = await fetch(location.href);
    if (answer.redirected) location.reload();
    else if (answer.ok) {
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      replace(page.querySelector("[data-live]"));
    }
  } catch {
    // the stream begins anew once the server is back, and then this is tried again
  }
  looking = false;
  if (again) {
    again = false;
    look();
  }
}

if (source) {
  let broken = false;
  const events = new EventSource(source);
  events.addEventListener("change", look);
  events.addEventListener("open", () => {
    document.documentElement.dataset.live = "on";
    if (broken) look();
    broken = false;
  });
  events.addEventListener("error", () => {
    document.documentElement.dataset.live = "off";
    broken = true;
  });
}
