/* A page with many forms sends one of them at a time. The browser asks before what was typed into another is lost.
   Without this file nothing else changes. */
"use strict";
(() => {
  const forms = [...document.querySelectorAll("form[data-unsaved]")];
  let sent = null;

  const isTyped = (field) => field.matches("textarea, input:not([type=hidden])") && field.value !== field.defaultValue;

  addEventListener("submit", (event) => {
    sent = event.target;
  });
  addEventListener("beforeunload", (event) => {
    if (forms.some((form) => form !== sent && [...form.elements].some(isTyped))) event.preventDefault();
    sent = null;
  });
})();
