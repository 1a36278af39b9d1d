// Runs before anything is drawn: the theme that was chosen, and that there is script.
"use strict";
try {
  const theme = localStorage.getItem("theme");
  if (theme) document.documentElement.dataset.theme = theme;
} catch { /* without storage the system's theme holds */ }
document.documentElement.classList.add("script");
