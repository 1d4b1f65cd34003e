// Node asks for the extension of what is imported; the generator leaves it out unless told.
export default {
  input: "../openapi.json",
  output: { path: "generated", importFileExtension: ".js" },
};
