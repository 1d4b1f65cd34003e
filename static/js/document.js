// Where one is on the page, a button to copy each block of commands, and folds that open for what is linked or printed.
(() => {
  "use strict";
  const links = new Map([...document.querySelectorAll(".contents a")].map((a) => [a.hash.slice(1), a]));
  const mark = (id) => {
    for (const [key, a] of links) {
      if (key === id) a.setAttribute("aria-current", "location");
      else a.removeAttribute("aria-current");
    }
  };
  const parts = [...links.keys()].map((id) => document.getElementById(id)).filter(Boolean);
  const look = () => {
    const passed = parts.filter((part) => part.getBoundingClientRect().top < innerHeight / 3);
    if (parts.length) mark((passed.at(-1) ?? parts[0]).id);
  };
  if ("IntersectionObserver" in window) {
    const watcher = new IntersectionObserver(look, { rootMargin: "-33% 0% -66% 0%" });
    for (const part of parts) watcher.observe(part);
    look();
  }

  // The list is folded where it would stand above the text instead of beside it.
  const contents = document.querySelector(".contents details");
  if (contents && matchMedia("(max-width: 60rem)").matches) {
    contents.open = false;
    contents.addEventListener("click", (event) => {
      if (event.target.closest("a")) contents.open = false;
    });
  }

  const open = () => {
    const target = location.hash.length > 1 && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    for (let fold = target; fold; fold = fold.parentElement) if (fold.localName === "details") fold.open = true;
    if (target) target.querySelector(":scope > details.heads")?.setAttribute("open", "");
  };
  addEventListener("hashchange", open);
  open();
  addEventListener("beforeprint", () => {
    for (const fold of document.querySelectorAll(".document details:not([open])")) {
      fold.open = true;
      fold.dataset.printed = "";
    }
  });
  addEventListener("afterprint", () => {
    for (const fold of document.querySelectorAll("details[data-printed]")) {
      fold.open = false;
      delete fold.dataset.printed;
    }
  });

  if (!navigator.clipboard) return;
  const commands = [...document.querySelectorAll(".document p.does + pre, .document .cc")];
  for (const pre of commands) {
    const around = document.createElement("div");
    around.className = "takes-copy";
    pre.replaceWith(around);
    const button = document.createElement("button");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    const does = around.previousElementSibling?.matches("p.does") ? ` (${around.previousElementSibling.textContent})` : "";
    button.setAttribute("aria-label", `Copy the command${does}`);
    around.append(pre, button);
    button.addEventListener("click", async () => {
      // A prompt before a command is no part of it. A root prompt is left: it may be a comment as well.
      const text = pre.textContent.replace(/^\$ (?=\S)/gm, "").replace(/\n$/, "");
      await navigator.clipboard.writeText(text);
      button.textContent = "Copied";
      setTimeout(() => (button.textContent = "Copy"), 2000);
    });
  }
})();
