// Quote: puts what is selected in a comment, or all of it, into the reply below it. Without this file the link
// leads to a page of its own that does the same with the whole comment.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-quote]");
  const place = link && document.getElementById(link.dataset.quote);
  const said = place && place.querySelector(".said");
  const box = place && place.querySelector(".acts textarea");
  const selection = document.getSelection();
  if (!said || !box || !selection || selection.isCollapsed) return;
  if (!said.contains(selection.anchorNode) || !said.contains(selection.focusNode)) return;
  event.preventDefault();
  const quoted = selection.toString().trim().split("\n").map((line) => ("> " + line).trimEnd()).join("\n");
  box.value = (box.value ? box.value.trimEnd() + "\n\n" : "") + quoted + "\n\n";
  box.closest("details").open = true;
  box.focus();
});
