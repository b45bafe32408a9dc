"use strict";
// One pair at a time; what is said is kept in the browser until the file is downloaded.
(() => {
  const at = (id) => document.getElementById(id);
  const { page, pairs } = JSON.parse(at("pairs").textContent);
  const place = "emakeel-ratings-" + page;
  const keys = {
    1: "left", ArrowLeft: "left", 2: "right", ArrowRight: "right", 0: "tie", ArrowDown: "tie", b: "bad", B: "bad",
  };
  let state = { rater: "", ratings: [] };
  let kept = true;

  const load = () => {
    try {
      const found = JSON.parse(localStorage.getItem(place));
      const known = new Set(pairs.map((pair) => pair.id));
      if (found && Array.isArray(found.ratings)) {
        state = { rater: String(found.rater || ""), ratings: found.ratings.filter((one) => known.has(one.id)) };
      }
    } catch {
      kept = false;
    }
  };
  const keep = () => {
    try {
      localStorage.setItem(place, JSON.stringify(state));
    } catch {
      kept = false;
    }
    at("unkept").hidden = kept;
  };
  const current = () => {
    const rated = new Set(state.ratings.map((one) => one.id));
    return pairs.find((pair) => !rated.has(pair.id));
  };
  const write = (id, text) => {
    const box = at(id);
    box.textContent = text.trim() === "" ? "(no answer)" : text;
    box.classList.toggle("empty", text.trim() === "");
  };
  const show = () => {
    const pair = current();
    const done = state.ratings.length;
    at("bar").value = done;
    at("bar").max = pairs.length;
    at("count").textContent = done + " of " + pairs.length + " rated";
    at("undo").disabled = done === 0;
    at("download").disabled = done === 0;
    at("pair").hidden = !pair;
    at("end").hidden = Boolean(pair);
    at("download").classList.toggle("main", !pair);
    if (pair) {
      write("question", pair.question);
      write("left", pair.left);
      write("right", pair.right);
      scrollTo(0, 0);
    }
  };
  const rate = (choice) => {
    const pair = current();
    if (!pair) return;
    state.ratings.push({ id: pair.id, choice });
    keep();
    show();
  };
  const undo = () => {
    if (state.ratings.pop()) {
      keep();
      show();
    }
  };
  const download = () => {
    const ratings = { format: "emakeel ratings 1", page, rater: state.rater.trim(), ratings: state.ratings };
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(ratings, null, 1) + "\n"], { type: "application/json" }));
    link.download = "ratings.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  load();
  for (const button of document.querySelectorAll("[data-choice]")) {
    button.addEventListener("click", () => rate(button.dataset.choice));
  }
  at("undo").addEventListener("click", undo);
  at("download").addEventListener("click", download);
  at("rater").value = state.rater;
  at("rater").addEventListener("input", (event) => {
    state.rater = event.target.value;
    keep();
  });
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.target === at("rater")) return;
    if (event.key === "u" || event.key === "U") undo();
    else if (Object.hasOwn(keys, event.key)) {
      event.preventDefault();
      rate(keys[event.key]);
    }
  });
  keep();
  show();
})();
