/** The parsed text, or undefined when it is not JSON: for files and bodies whose schema is checked next. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
