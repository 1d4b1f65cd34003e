// Quote: puts what is selected in a comment, or all of it, into the reply below it. As an objection: takes what is
// selected along. Without this file the links lead to pages of their own that begin with the whole comment, and with
// its first paragraph.
const LONGEST_ADDRESS = 3500;

function selected(name) {
  const said = document.querySelector(`#${name} .said`);
  const selection = document.getSelection();
  if (!said || !selection || selection.isCollapsed) return "";
  if (!said.contains(selection.anchorNode) || !said.contains(selection.focusNode)) return "";
  return selection.toString().trim();
}

function quote(event, link) {
  const words = selected(link.dataset.quote);
  const box = document.querySelector(`#${link.dataset.quote} .acts textarea`);
  if (!words || !box) return;
  event.preventDefault();
  const quoted = words.split("\n").map((line) => ("> " + line).trimEnd()).join("\n");
  box.value = (box.value ? box.value.trimEnd() + "\n\n" : "") + quoted + "\n\n";
  box.closest("details").open = true;
  box.focus();
}

function object(link) {
  const address = new URL(link.href);
  address.searchParams.delete("words");
  link.href = address;
  const words = selected(link.dataset.object);
  if (words) address.searchParams.set("words", words);
  if (address.href.length <= LONGEST_ADDRESS) link.href = address;
}

document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-quote], a[data-object]");
  if (link && link.dataset.quote) quote(event, link);
  if (link && link.dataset.object) object(link);
});
