/* The text of a document while it is written: numbers that follow it, errors that are told as it changes, and a word
   of warning before it is lost. The page does all of this without scripts too, once the form is sent. */
"use strict";
(() => {
  const form = document.querySelector("form.written");
  const text = form.querySelector("textarea");
  const numbers = form.querySelector(".numbers");
  const problems = document.getElementById("problems");
  const start = text.value;
  let leaving = false;
  let waiting;

  const made = (name, content, more) => Object.assign(document.createElement(name), { textContent: content, ...more });

  function renumber() {
    const wanted = text.value.split("\n").length;
    while (numbers.children.length > wanted) numbers.lastChild.remove();
    for (let n = numbers.children.length + 1; n <= wanted; n += 1) numbers.append(made("span", n, { id: `L${n}` }));
    text.rows = wanted + 1;
  }

  function goTo(line) {
    const before = text.value.split("\n").slice(0, line - 1).join("\n").length + (line > 1 ? 1 : 0);
    text.focus({ preventScroll: true });
    text.setSelectionRange(before, before);
    document.getElementById(`L${line}`)?.scrollIntoView({ block: "center" });
  }

  function tell(found) {
    const lines = text.value.split("\n");
    for (const number of numbers.querySelectorAll(".bad")) number.classList.remove("bad");
    const list = made("ol", "", { className: "problems" });
    for (const { line, field, message } of found) {
      document.getElementById(`L${line}`)?.classList.add("bad");
      const item = made("li", "");
      const link = made("a", `line ${line}`, { href: `#L${line}` });
      link.dataset.line = line;
      item.append(link, " ");
      if (field) item.append(made("code", field), ": ");
      item.append(message);
      if (lines[line - 1]) item.append(made("code", lines[line - 1].slice(0, 120), { className: "quoted" }));
      list.append(item);
    }
    const many = `${found.length} thing${found.length === 1 ? "" : "s"} to fix`;
    problems.replaceChildren(...(found.length ? [made("p", many, { className: "faults" }), list] : []));
  }

  async function check() {
    const body = new FormData(form);
    body.set("act", "check");
    const asked = text.value;
    try {
      const answer = await fetch(form.action, { method: "POST", body });
      if (answer.ok && asked === text.value) tell((await answer.json()).problems);
    } catch {
      // Without a network the form still checks when it is sent.
    }
  }

  text.addEventListener("input", () => {
    renumber();
    clearTimeout(waiting);
    waiting = setTimeout(check, 700);
  });
  problems.addEventListener("click", (event) => {
    const link = event.target.closest("a[data-line]");
    if (!link) return;
    event.preventDefault();
    goTo(Number(link.dataset.line));
  });
  form.addEventListener("submit", () => {
    leaving = true;
  });
  window.addEventListener("beforeunload", (event) => {
    if (!leaving && text.value !== start) event.preventDefault();
  });
})();
