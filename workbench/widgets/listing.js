// The queue, and the keys of the whole desk. Text from data is set as text, never as HTML.
function line(row, model) {
  const node = document.createElement("div");
  node.className = "wb-line" + (row.id === model.get("selected") ? " wb-on" : "");
  node.setAttribute("role", "option");
  node.setAttribute("aria-selected", row.id === model.get("selected"));
  const mark = document.createElement("span");
  mark.className = "wb-mark";
  mark.style.background = row.colour;
  mark.title = row.severity;
  const words = document.createElement("span");
  words.className = "wb-words";
  for (const [name, tag] of [["title", "b"], ["when", "small"], ["state", "small"]]) {
    const part = document.createElement(tag);
    part.textContent = row[name];
    words.append(part);
  }
  const points = document.createElement("span");
  points.className = "wb-points";
  points.textContent = row.points;
  node.append(mark, words, points);
  node.addEventListener("click", () => send(model, "picked", row.id));
  return node;
}

function send(model, name, value) {
  model.set(name, { value, count: (model.get(name).count ?? 0) + 1 });
  model.save_changes();
}

function hearKeys(el, model, signal) {
  const desk = el.closest(".wb-review");
  if (!desk) {
    requestAnimationFrame(() => signal.aborted || hearKeys(el, model, signal));
    return;
  }
  desk.tabIndex = 0;
  desk.setAttribute("data-lm-suppress-shortcuts", "true"); // the notebook's own keys rest while one works here
  desk.addEventListener(
    "keydown",
    (event) => {
      const isTyping = event.target.closest("input, textarea, select, [contenteditable='true']");
      if (isTyping || event.ctrlKey || event.metaKey || event.altKey || !model.get("listens").includes(event.key)) return;
      event.preventDefault();
      event.stopPropagation();
      send(model, "pressed", event.key);
    },
    { signal },
  );
}

function render({ model, el, signal: given }) {
  const stop = new AbortController();
  const signal = given ?? stop.signal;
  const list = document.createElement("div");
  list.className = "wb-list";
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "findings, the dearest first");
  const draw = () => list.replaceChildren(...model.get("rows").map((row) => line(row, model)));
  model.on("change:rows", draw);
  model.on("change:selected", draw);
  draw();
  el.append(list);
  hearKeys(el, model, signal);
  return () => {
    stop.abort();
    model.off("change:rows", draw);
    model.off("change:selected", draw);
  };
}

export default { render };
