// Light or dark, before anything is drawn: what was chosen here, else what the system says.
"use strict";
try {
  const chosen = localStorage.getItem("theme");
  if (chosen) document.documentElement.dataset.theme = chosen;
} catch { /* storage is blocked: the system's choice */ }
