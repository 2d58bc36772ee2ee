"use strict";
const form = document.getElementById("filters");
const shown = document.getElementById("shown");
const workloads = [...document.querySelectorAll(".workload")];

function matches(workload, wanted) {
  const { namespace, level, controls } = workload.dataset;
  return (wanted.namespace === "*" || wanted.namespace === namespace)
    && (wanted.level === "*" || wanted.level === level)
    && (wanted.control === "*" || controls.split(" ").includes(wanted.control))
    && workload.textContent.toLowerCase().includes(wanted.text.toLowerCase());
}

function filter() {
  const wanted = Object.fromEntries(new FormData(form));
  let visible = 0;
  for (const workload of workloads) {
    workload.hidden = !matches(workload, wanted);
    visible += workload.hidden ? 0 : 1;
  }
  shown.value = `${visible} of ${workloads.length}`;
}

form.addEventListener("input", filter);
form.addEventListener("submit", (event) => event.preventDefault());
for (const button of document.querySelectorAll("button[data-control]")) {
  button.addEventListener("click", () => {
    form.elements.control.value = button.dataset.control;
    filter();
    form.scrollIntoView();
  });
}
// What a link asks for: report.html#namespace=shop&level=baseline
for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
  const field = form.elements.namedItem(name);
  if (field) field.value = value;
}
// Paper cannot be clicked.
addEventListener("beforeprint", () => workloads.forEach((workload) => { workload.open = true; }));
filter();
