// What all pages share. Everything here is a convenience: pages work without it.
"use strict";
(() => {
  const remembered = (name) => { try { return localStorage.getItem(name); } catch { return null; } };
  const remember = (name, value) => { try { localStorage.setItem(name, value); } catch { /* not kept */ } };
  const say = (words) => { const said = document.getElementById("said"); if (said) said.textContent = words; };
  const each = (within, selector, act) => within.querySelectorAll(selector).forEach(act);

  // Times: the server writes UTC; a click shows them as the browser's clock does.
  const pad = (number) => String(number).padStart(2, "0");
  const local = (date) => {
    const offset = -date.getTimezoneOffset();
    const zone = (offset < 0 ? "-" : "+") + pad(Math.floor(Math.abs(offset) / 60)) + ":" + pad(Math.abs(offset) % 60);
    return `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())} ${zone}`;
  };
  const showTimes = (within) => {
    const isLocal = remembered("times") === "local";
    each(within, "time[datetime]", (time) => {
      time.dataset.utc ??= time.textContent;
      const date = new Date(time.getAttribute("datetime"));
      time.textContent = isLocal && !isNaN(date) ? local(date) : time.dataset.utc;
    });
    each(document, "[data-times]", (button) => { button.textContent = isLocal ? "Local time" : "UTC"; });
  };

  // Forms that ask for a name to be typed.
  const confirmations = (within) => each(within, "form[data-confirm]", (form) => {
    const typed = form.querySelector("[name=typed]"), button = form.querySelector("button.danger");
    const check = () => { button.disabled = typed.value.trim() !== form.dataset.confirm; };
    typed.addEventListener("input", check);
    check();
  });

  // Pieces of a page that are fetched after it. Without script there is a link inside.
  const piece = async (address) => {
    const answer = await fetch(address, { credentials: "same-origin" });
    if (answer.status === 401) { location.reload(); return ""; }
    return answer.text();
  };
  const loading = (within) => each(within, "[data-load]", async (place) => {
    const address = place.dataset.load;
    delete place.dataset.load;
    place.setAttribute("aria-busy", "true");
    try { place.innerHTML = await piece(address); revive(place); } catch { /* the link stays */ }
    place.removeAttribute("aria-busy");
  });

  // Called for the page, and again for every piece that is put into it.
  const revive = (within) => {
    each(within, ".needs-script", (element) => { element.hidden = false; });
    each(within, ".script-hides", (element) => { element.hidden = true; });
    each(within, "[data-submits]", (select) => select.addEventListener("change", () => select.form.requestSubmit()));
    showTimes(within);
    confirmations(within);
    loading(within);
  };

  const copy = async (text) => {
    try { await navigator.clipboard.writeText(text); say("Copied"); return true; } catch { say("Your browser does not allow copying"); return false; }
  };

  document.addEventListener("click", async (event) => {
    const button = event.target.closest?.("button");
    if (!button) {
      each(document, "details.menu[open]", (menu) => { if (!menu.contains(event.target)) menu.open = false; });
      return;
    }
    if ("times" in button.dataset) {
      remember("times", remembered("times") === "local" ? "utc" : "local");
      showTimes(document);
    } else if ("themeSwitch" in button.dataset) {
      const root = document.documentElement;
      const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
      root.dataset.theme = dark ? "light" : "dark";
      remember("theme", root.dataset.theme);
    } else if ("copy" in button.dataset) {
      const text = button.dataset.copy || button.closest("[data-json]")?.querySelector("[data-text]")?.textContent || "";
      const words = button.textContent;
      button.textContent = (await copy(text)) ? "Copied" : "Not allowed";
      setTimeout(() => { button.textContent = words; }, 1500);
    } else if ("fold" in button.dataset) {
      const parts = button.closest("[data-json]").querySelectorAll(".tree details");
      const open = [...parts].some((part) => part.open);
      parts.forEach((part) => { part.open = !open; });
      button.textContent = open ? "Unfold all" : "Fold all";
    }
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") each(document, "details.menu[open]", (menu) => { menu.open = false; menu.querySelector("summary").focus(); });
    // "/" goes to the page's search box, as in many tools.
    if (event.key === "/" && !event.target.closest("input, textarea, select") && !event.ctrlKey && !event.metaKey) {
      const box = document.querySelector("[data-search]");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    }
  });

  // On phones the navigation begins folded.
  if (matchMedia("(max-width: 760px)").matches) each(document, ".places-fold", (fold) => { fold.open = false; });
  revive(document);
  window.opentrail = { revive, say, each, piece };
})();
