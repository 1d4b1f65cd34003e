// Drop: a file let go over the form is chosen in its file field, as if it had been picked there. Without this file it
// has to be let go over that field.
const form = document.getElementById("paste");
const field = form && form.elements.file;
if (field) {
  const holdsFile = (event) => event.dataTransfer && [...event.dataTransfer.types].includes("Files");
  form.addEventListener("dragover", (event) => {
    if (!holdsFile(event)) return;
    event.preventDefault();
    form.classList.add("over");
  });
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    form.classList.remove("over");
    if (!holdsFile(event)) return;
    event.preventDefault();
    field.files = event.dataTransfer.files;
    form.querySelector("button.btn").focus();
  });
}
