"use strict";
(() => {
  const form = document.querySelector(".filter");
  const [words, outcome] = [form.querySelector("input"), form.querySelector("select")];
  const said = form.querySelector("output");
  const all = [...document.querySelectorAll("[data-o]")].map((element) => {
    return { element, text: element.textContent.toLowerCase(), outcomes: element.dataset.o.split(" ") };
  });
  const sections = [...document.querySelectorAll("main > section")];
  const filter = () => {
    const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
    const active = wanted.length > 0 || outcome.value !== "";
    let shown = 0;
    for (const { element, text, outcomes } of all) {
      const fits = (outcome.value === "" || outcomes.includes(outcome.value)) && wanted.every((word) => text.includes(word));
      element.hidden = !fits;
      shown += fits ? 1 : 0;
    }
    for (const section of sections) {
      const inside = section.querySelectorAll("[data-o]");
      section.hidden = active && inside.length > 0 && ![...inside].some((element) => !element.hidden);
    }
    said.textContent = active ? `${shown} of ${all.length} entries` : "";
  };
  const open = () => {
    const target = document.getElementById(location.hash.slice(1));
    if (target instanceof HTMLDetailsElement) target.open = true;
  };
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  form.hidden = false;
  filter();
  open();
})();
