// The API page: what is asked there is answered below the forms. Without this file the links and forms lead to the
// answers themselves. Nobody is signed in for it: what is shown is what any program would get.
"use strict";
(() => {
  const place = document.getElementById("try");
  const answer = document.getElementById("answer");

  async function ask(address, options = {}) {
    const line = document.createElement("p");
    const text = document.createElement("pre");
    line.className = "small mono";
    text.tabIndex = 0;
    try {
      const got = await fetch(address, { ...options, credentials: "omit" });
      const body = await got.text();
      line.textContent = `${options.method || "GET"} ${address}: ${got.status} ${got.statusText}`;
      try {
        text.textContent = JSON.stringify(JSON.parse(body), null, 2);
      } catch {
        text.textContent = body;
      }
      answer.replaceChildren(line, text);
    } catch {
      line.textContent = "No answer: is the network there?";
      answer.replaceChildren(line);
    }
  }

  place.addEventListener("click", (event) => {
    const link = event.target.closest("a");
    if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    ask(link.getAttribute("href"));
  });
  place.addEventListener("submit", (event) => {
    const form = event.target;
    event.preventDefault();
    if (form.dataset.asText) {
      const headers = { "Content-Type": "text/plain" };
      ask(form.dataset.asText, { method: "POST", headers, body: form.elements.text.value });
    } else {
      ask(`${form.getAttribute("action")}?${new URLSearchParams(new FormData(form))}`);
    }
  });
})();
