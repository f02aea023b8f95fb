"use strict";
(() => {
  const box = document.getElementById("q"), only = document.getElementById("only"), count = document.getElementById("count");
  const cases = [...document.querySelectorAll("details.case")], rows = [...document.querySelectorAll("#trace tbody tr")];
  const text = new Map([...cases, ...rows].map(e => [e, e.textContent.toLowerCase()]));
  const find = () => {
    const words = box.value.toLowerCase().split(/\s+/).filter(Boolean), verdict = only.value;
    const fits = e => (!verdict || e.dataset.v === verdict) && words.every(w => text.get(e).includes(w));
    let shown = 0;
    for (const e of cases) { e.hidden = !fits(e); shown += e.hidden ? 0 : 1; }
    for (const e of rows) e.hidden = !fits(e);
    count.textContent = shown + " of " + cases.length + " cases";
  };
  const start = () => {
    const wanted = new URLSearchParams(location.hash.slice(1));
    if (wanted.has("q")) box.value = wanted.get("q");
    if (wanted.has("v")) only.value = wanted.get("v");
    find();
    const target = location.hash.startsWith("#case-") && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target) { target.hidden = false; target.open = true; target.scrollIntoView(); }
  };
  box.addEventListener("input", find);
  only.addEventListener("change", find);
  window.addEventListener("hashchange", start);
  window.addEventListener("beforeprint", () => cases.filter(e => e.dataset.v === "failed" || e.dataset.v === "error").forEach(e => { e.open = true; }));
  start();
})();
