/** The first line of rpm's output that says what is wrong, with the words a packager would search for. */
export function firstRpmError(output: string): string {
  const lines = output
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '' && !/^RPM build (errors|warnings):$/.test(line));
  const line = lines.find((one) => /^(fatal )?error:/i.test(one)) ?? lines.find((one) => !/^warning:/i.test(one));
  return shortenPaths((line ?? lines[0] ?? 'rpm gave no reason').replace(/^(fatal )?error: */i, '')).slice(0, 500);
}

/** Directories of the pod say nothing to a packager; the names in them do. */
function shortenPaths(line: string): string {
  return line.replace(/(?:\/[^\s/:'"]+)+\/([^\s/:'"]+)/g, '$1');
}
