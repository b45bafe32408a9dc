// Answers of chosen candidates to a task, a page of examples at a time. All text goes in as text, never as HTML.
{
  const PAGE = 20;
  const byId = (id) => document.getElementById(id);
  const [task, search, missing, differ, list] =
    ["answer-task", "answer-search", "answer-missing", "answer-differ", "answer-list"].map(byId);
  const loaded = new Map();
  const chosen = new Set();
  let offered = null;
  let page = 0;

  const load = (number) => {
    if (!loaded.has(number)) loaded.set(number, JSON.parse(byId(`answers-${number}`).textContent));
    return loaded.get(number);
  };

  const element = (tag, name, text) => {
    const made = document.createElement(tag);
    if (name) made.className = name;
    if (text !== undefined) made.textContent = text;
    return made;
  };

  /** Boxes for the task's candidates; at first those two that differ most: the first, and the best by the first metric. */
  const offer = (data) => {
    const names = data.candidates.map((one) => one.candidate);
    if (chosen.size === 0) {
      const mean = (one) => one.scores[0].reduce((sum, score) => sum + (score ?? 0), 0);
      const others = data.candidates.slice(1).sort((a, b) => mean(b) - mean(a));
      [data.candidates[0], ...others.slice(0, 1)].forEach((one) => chosen.add(one.candidate));
    }
    if (offered === names.join("\n")) return;
    offered = names.join("\n");
    const place = byId("answer-candidates");
    place.querySelectorAll("label").forEach((label) => label.remove());
    for (const name of names) {
      const label = element("label");
      const box = element("input");
      box.type = "checkbox";
      box.value = name;
      box.checked = chosen.has(name);
      box.addEventListener("change", () => {
        box.checked ? chosen.add(name) : chosen.delete(name);
        show();
      });
      label.append(box, ` ${name}`);
      place.append(label);
    }
  };

  const found = (data, shown) => {
    const wanted = search.value.trim().toLowerCase();
    const holds = data.texts.map((text) => wanted === "" || text.toLowerCase().includes(wanted));
    const scores = (one, example) => one.scores.map((of) => of[example]).join();
    const differs = (example) => new Set(shown.map((one) => scores(one, example))).size > 1;
    const fits = ([question, references], example) =>
      (holds[question] || references.some((text) => holds[text]) || shown.some((one) => holds[one.answers[example]])) &&
      (!differ.checked || differs(example));
    return data.examples.map((_, example) => example).filter((example) => fits(data.examples[example], example));
  };

  const answer = (data, one, example, references) => {
    const box = element("div", "answer");
    box.append(element("h4", "", one.candidate));
    const text = data.texts[one.answers[example]];
    const said = element("p", "text");
    if (text === "" && data.kind !== "perplexity") said.append(element("span", "quiet", "(nothing)"));
    for (const piece of compareWithBest(text, references)) {
      if (piece.kind === "missing" && !missing.checked) continue;
      const tag = { same: "span", extra: "mark", missing: "del" }[piece.kind];
      said.append(element(tag, "", piece.text), " ");
    }
    const scores = data.metrics
      .map((metric, number) => [metric, one.scores[number][example]])
      .filter(([, score]) => score !== null && score !== undefined)
      .map(([metric, score]) => `${metric.name} ${score.toFixed(metric.digits)}`);
    box.append(said, element("p", "quiet scores", scores.join(" · ")));
    return box;
  };

  const card = (data, shown, example) => {
    const [question, references] = data.examples[example];
    const right = references.map((number) => data.texts[number]);
    const made = element("article", "example");
    made.append(element("p", "number quiet", `example ${example + 1}`), element("p", "text question", data.texts[question]));
    right.forEach((text) => made.append(element("p", "text reference", text)));
    const answers = element("div", "side");
    shown.forEach((one) => answers.append(answer(data, one, example, right)));
    made.append(answers);
    return made;
  };

  const show = () => {
    const data = load(task.value);
    offer(data);
    const shown = data.candidates.filter((one) => chosen.has(one.candidate));
    const examples = found(data, shown);
    const pages = Math.max(1, Math.ceil(examples.length / PAGE));
    page = Math.min(page, pages - 1);
    const of_page = examples.slice(page * PAGE, (page + 1) * PAGE);
    list.replaceChildren(...of_page.map((example) => card(data, shown, example)));
    const left_out = data.left_out > 0 ? `; ${data.left_out} more are in the run folder` : "";
    byId("answer-count").textContent = examples.length === 0
      ? "no example has this"
      : `${page * PAGE + 1}–${page * PAGE + of_page.length} of ${examples.length} examples${left_out}`;
    byId("answer-back").disabled = page === 0;
    byId("answer-on").disabled = page >= pages - 1;
  };

  const turn = (by) => {
    page = Math.max(0, page + by);
    show();
    byId("answers").scrollIntoView();
  };

  if (task) {
    const again = () => {
      page = 0;
      show();
    };
    [task, missing, differ].forEach((control) => control.addEventListener("change", again));
    let waiting;
    search.addEventListener("input", () => {
      clearTimeout(waiting);
      waiting = setTimeout(again, 120);
    });
    byId("answer-back").addEventListener("click", () => turn(-1));
    byId("answer-on").addEventListener("click", () => turn(1));
    document.addEventListener("filtered", ({ detail }) => {
      for (const option of task.options) option.hidden = option.disabled = !detail.tasks.has(option.textContent);
      const first = [...task.options].find((option) => !option.disabled);
      if (task.selectedOptions[0]?.disabled && first) {
        task.value = first.value;
        again();
      }
    });
    show();
  }
}
