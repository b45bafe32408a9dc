// Tasks and candidates that are ticked off are hidden wherever they are; the second and later metrics are shown on demand.
{
  const ticked = (kind) =>
    new Set([...document.querySelectorAll(`input[name="${kind}"]:checked`)].map((box) => box.value));
  const count = (kind) => document.querySelectorAll(`input[name="${kind}"]`).length;
  const state = document.getElementById("filter-state");

  const apply = () => {
    const [tasks, candidates] = [ticked("task"), ticked("candidate")];
    for (const part of document.querySelectorAll("[data-task]")) part.hidden = !tasks.has(part.dataset.task);
    for (const part of document.querySelectorAll("[data-candidate]")) {
      // Parts of an SVG have no `hidden`.
      part.toggleAttribute("hidden", !candidates.has(part.dataset.candidate));
    }
    for (const part of document.querySelectorAll("[data-any]")) {
      const any = JSON.parse(part.dataset.any);
      part.hidden = any.length > 0 && !any.some((name) => candidates.has(name));
    }
    const all = tasks.size === count("task") && candidates.size === count("candidate");
    state.textContent = all
      ? "all are shown"
      : `${tasks.size} of ${count("task")} tasks, ${candidates.size} of ${count("candidate")} candidates are shown`;
    document.dispatchEvent(new CustomEvent("filtered", { detail: { tasks, candidates } }));
  };

  if (state) {
    document.getElementById("filters").addEventListener("change", apply);
    for (const button of document.querySelectorAll("#filters button")) {
      button.addEventListener("click", () => {
        for (const box of button.parentElement.querySelectorAll("input")) box.checked = button.dataset.set === "all";
        apply();
      });
    }
    const metrics = document.getElementById("all-metrics");
    const show = () => document.getElementById("scores").classList.toggle("all", metrics.checked);
    metrics.addEventListener("change", show);
    show();
    // After the other scripts: they listen.
    document.addEventListener("DOMContentLoaded", apply);
  }
}
