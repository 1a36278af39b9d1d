// Pages that wait for something: they are asked for again. Without script there is a link.
"use strict";
(() => {
  const waiting = document.querySelector("[data-reload]");
  if (waiting) setTimeout(() => { location.reload(); }, Number(waiting.dataset.reload) || 2000);
})();
