// The history page: completion, brush, live rows, the panel beside the list.
"use strict";
(() => {
  const { revive, say, piece } = window.opentrail;
  const form = document.querySelector("[data-history]");
  if (!form) return;
  const byId = (id) => document.getElementById(id);

  // Completion: asked a moment after the last key, chosen by arrows and Enter or Tab.
  const box = byId("q"), list = byId("offered");
  let offered = [], chosen = -1, start = 0, asking = 0, timer = 0;
  const close = () => { list.hidden = true; box.setAttribute("aria-expanded", "false"); box.removeAttribute("aria-activedescendant"); chosen = -1; };
  const mark = (index) => {
    chosen = index;
    [...list.children].forEach((item, at) => item.setAttribute("aria-selected", String(at === index)));
    if (index >= 0) { box.setAttribute("aria-activedescendant", `offered-${index}`); list.children[index].scrollIntoView({ block: "nearest" }); }
  };
  const take = (index) => {
    const cursor = box.selectionStart, rest = box.value.slice(cursor);
    const begin = box.value.slice(0, start) + offered[index].Text;
    box.value = begin + rest.replace(/^ /, "");
    box.setSelectionRange(begin.length, begin.length);
    close();
    if (offered[index].More) ask();
  };
  const show = () => {
    list.replaceChildren(...offered.map((item, at) => {
      const entry = document.createElement("li");
      entry.id = `offered-${at}`;
      entry.setAttribute("role", "option");
      entry.setAttribute("aria-selected", "false");
      const text = document.createElement("span");
      text.textContent = item.Shown;
      entry.append(text);
      if (item.Count !== undefined) {
        const count = document.createElement("span");
        count.className = "quiet";
        count.textContent = item.Count;
        entry.append(count);
      }
      entry.addEventListener("mousedown", (event) => { event.preventDefault(); take(at); });
      return entry;
    }));
    list.hidden = offered.length === 0;
    box.setAttribute("aria-expanded", String(offered.length > 0));
    chosen = -1;
  };
  const ask = () => {
    clearTimeout(timer);
    timer = setTimeout(async () => {
      const mine = ++asking;
      const all = form.elements["all-accounts"]?.checked ? "&all-accounts=yes" : "";
      try {
        const answer = await fetch(`${form.dataset.complete}?q=${encodeURIComponent(box.value.slice(0, box.selectionStart))}${all}`);
        const found = await answer.json();
        if (mine !== asking || document.activeElement !== box) return;
        ({ Offered: offered, Start: start } = found);
        show();
      } catch { close(); }
    }, 180);
  };
  box.addEventListener("input", ask);
  box.addEventListener("blur", () => { clearTimeout(timer); close(); });
  box.addEventListener("keydown", (event) => {
    if (event.key === "ArrowDown" && list.hidden) { ask(); event.preventDefault(); return; }
    if (list.hidden) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      const step = event.key === "ArrowDown" ? 1 : -1;
      mark((chosen + step + offered.length) % offered.length);
      event.preventDefault();
    } else if ((event.key === "Enter" || event.key === "Tab") && chosen >= 0) {
      take(chosen);
      event.preventDefault();
    } else if (event.key === "Escape") {
      close();
      event.preventDefault();
      event.stopPropagation();
    }
  });

  // A time that is typed is meant.
  for (const id of ["from", "to"]) byId(id).addEventListener("input", () => { byId("period").value = "given"; });
  byId("period").addEventListener("change", (event) => {
    if (event.target.value === "given") { byId("from").focus(); return; }
    byId("from").value = byId("to").value = "";
    form.requestSubmit();
  });
  // What is empty need not stand in the address.
  form.addEventListener("formdata", (event) => {
    for (const name of ["q", "from", "to", "value"]) if (!event.formData.get(name)) event.formData.delete(name);
    if (!event.formData.has("value")) event.formData.delete("attribute");
    const columns = event.formData.getAll("col").filter(Boolean);
    event.formData.delete("col");
    columns.forEach((column) => event.formData.append("col", column));
  });

  // The brush.
  const brush = document.querySelector("[data-brush]");
  const svg = brush?.querySelector("svg");
  if (svg) {
    const [left, right, width, from, to] = ["left", "right", "width", "from", "to"].map((name) => Number(brush.dataset[name]));
    const at = (event) => {
      const bounds = svg.getBoundingClientRect();
      return Math.min(right, Math.max(left, (event.clientX - bounds.left) / bounds.width * width));
    };
    const time = (x) => new Date((from + (x - left) / (right - left) * (to - from)) * 1000).toISOString().slice(0, 19);
    let begun = null, shade = null;
    svg.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      begun = at(event);
      shade = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      shade.setAttribute("class", "c-brush");
      shade.setAttribute("y", "0");
      shade.setAttribute("height", "100%");
      shade.setAttribute("x", begun);
      shade.setAttribute("width", "0");
      svg.append(shade);
      svg.setPointerCapture(event.pointerId);
    });
    svg.addEventListener("pointermove", (event) => {
      if (begun === null) return;
      const now = at(event);
      shade.setAttribute("x", Math.min(begun, now));
      shade.setAttribute("width", Math.abs(now - begun));
    });
    const finish = (event) => {
      if (begun === null) return;
      const [one, two] = [begun, at(event)].sort((a, b) => a - b);
      begun = null;
      shade.remove();
      if (two - one < 4) return;
      byId("from").value = time(one);
      byId("to").value = time(two);
      byId("period").value = "given";
      form.requestSubmit();
    };
    svg.addEventListener("pointerup", finish);
    svg.addEventListener("pointercancel", () => { begun = null; shade?.remove(); });
  }

  // The panel: a click on a row shows the event beside the list; Escape goes back.
  const table = document.querySelector("[data-events]"), panel = byId("detail");
  let from = null;
  const hide = () => {
    panel.hidden = true;
    table?.querySelectorAll("[aria-selected]").forEach((row) => row.removeAttribute("aria-selected"));
    from?.focus();
  };
  const open = async (row) => {
    const link = row.querySelector("a");
    from = link;
    const address = new URL(link.href);
    address.searchParams.set("part", "panel");
    if (form.elements["all-accounts"]?.checked) address.searchParams.set("all-accounts", "yes");
    table.querySelectorAll("[aria-selected]").forEach((other) => other.removeAttribute("aria-selected"));
    row.setAttribute("aria-selected", "true");
    const shut = document.createElement("button");
    shut.type = "button";
    shut.className = "small shut";
    shut.textContent = "Close";
    shut.addEventListener("click", hide);
    const body = document.createElement("div");
    body.innerHTML = await piece(address);
    panel.replaceChildren(shut, body);
    panel.hidden = false;
    revive(body);
    panel.focus();
    say("Event shown beside the list");
  };
  table?.addEventListener("click", (event) => {
    const row = event.target.closest("tr[data-event]");
    if (!row || event.ctrlKey || event.metaKey || event.shiftKey || getSelection().toString()) return;
    event.preventDefault();
    open(row);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && !panel.hidden) { hide(); return; }
    if (event.target.closest("input, textarea, select") || event.ctrlKey || event.metaKey || event.altKey) return;
    const step = { j: 1, k: -1 }[event.key];
    if (!step || !table) return;
    const rows = [...table.querySelectorAll("tr[data-event]")];
    const now = rows.findIndex((row) => row.getAttribute("aria-selected") === "true" || row.contains(document.activeElement));
    const next = rows[Math.min(rows.length - 1, Math.max(0, now + step))];
    if (!next) return;
    if (panel.hidden) next.querySelector("a").focus(); else open(next);
  });

  // Live: rows come in at the top. The browser comes back by itself after a break, behind the last it got.
  const live = document.querySelector("[data-live]"), words = byId("live-words");
  const MOST_ROWS = 500;
  let source = null, came = 0;
  const stop = (text) => {
    source?.close();
    source = null;
    live.setAttribute("aria-pressed", "false");
    live.textContent = "Live";
    words.textContent = text;
  };
  live?.addEventListener("click", () => {
    if (source) { stop(`Live is off; ${came} events came.`); return; }
    const address = new URL(live.dataset.live, location.href);
    for (const [name, value] of new FormData(form)) if (["q", "col", "all-accounts"].includes(name) && value) address.searchParams.append(name, value);
    came = 0;
    source = new EventSource(address);
    live.setAttribute("aria-pressed", "true");
    live.textContent = "Stop";
    words.hidden = false;
    words.textContent = "Waiting for events …";
    source.addEventListener("upto", () => { if (!came) words.textContent = "Live: new events appear at the top."; });
    source.addEventListener("row", (event) => {
      const body = document.createElement("tbody");
      body.innerHTML = event.data;
      const row = body.querySelector("tr");
      if (!row) return;
      revive(body);
      row.classList.add("live-new");
      table.closest("[hidden]")?.removeAttribute("hidden");
      document.querySelector("[data-empty]")?.remove();
      table.tBodies[0].prepend(row);
      while (table.tBodies[0].rows.length > MOST_ROWS) table.tBodies[0].lastElementChild.remove();
      came += 1;
      words.textContent = `Live: ${came} new ${came === 1 ? "event" : "events"}.`;
    });
    source.addEventListener("error", () => {
      if (source?.readyState === EventSource.CLOSED) stop("Live stopped: the server refuses it. Check the query and your permissions (opentrail:FollowEvents).");
      else words.textContent = "The connection broke; trying again …";
    });
  });
})();
