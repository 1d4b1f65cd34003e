// "/" brings the reader to the search field, from anywhere but a field that takes text. Escape leaves it again.
(() => {
  const field = document.querySelector("header input[type=search]");
  if (!field) return;
  const takesText = (element) =>
    element.isContentEditable || /^(?:input|textarea|select)$/i.test(element.tagName);
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !takesText(event.target)) {
      event.preventDefault();
      field.focus();
      field.select();
    } else if (event.key === "Escape" && event.target === field) {
      field.blur();
    }
  });
})();
