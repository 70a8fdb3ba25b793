/** A source or patch that a spec names by URL. */
export interface RemoteSource {
  url: string;
  /** Name under which rpmbuild looks for it: what follows the last slash, as rpm does it. */
  file: string;
}

/**
 * Up to the value, which is trimmed apart from it: a pattern for both would try every way to divide a stranger's blanks,
 * and while it does, no deadline of the process is noticed.
 */
const TAG = /^\s*(?:source|patch)\d*\s*:/i;
const SECTION = /^%([a-z_]+)\b/;
const LIST_SECTIONS = new Set(['sourcelist', 'patchlist']);
/** Words after a percent sign that begin a section; any other one is a macro in the preamble. */
const SECTIONS = new Set([
  'package',
  'description',
  'prep',
  'generate_buildrequires',
  'conf',
  'build',
  'install',
  'check',
  'clean',
  'files',
  'changelog',
  'pre',
  'post',
  'preun',
  'postun',
  'pretrans',
  'posttrans',
  'preuntrans',
  'postuntrans',
  'verifyscript',
  'verify',
  'trigger',
  'triggerin',
  'triggerun',
  'triggerprein',
  'triggerpostun',
  'filetriggerin',
  'filetriggerun',
  'filetriggerpostun',
  'transfiletriggerin',
  'transfiletriggerun',
  'transfiletriggerpostun',
  'sourcelist',
  'patchlist',
]);

/**
 * The remote sources of a spec that `rpmspec -P` has expanded, in order, each file once. Local names are left out:
 * they must be there already.
 */
export function remoteSources(expandedSpec: string): RemoteSource[] {
  const found = new Map<string, RemoteSource>();
  let section = 'package';
  for (const line of expandedSpec.split('\n')) {
    const word = SECTION.exec(line)?.[1];
    if (word !== undefined && SECTIONS.has(word)) {
      section = word;
      continue;
    }
    const value = section === 'package' ? tagValue(line) : LIST_SECTIONS.has(section) ? line.trim() : undefined;
    if (value === undefined || !/^[a-z][a-z0-9+.-]*:\/\//i.test(value)) continue;
    const file = value.slice(value.lastIndexOf('/') + 1);
    if (!found.has(file)) found.set(file, { url: value, file });
  }
  return [...found.values()];
}

function tagValue(line: string): string | undefined {
  const tag = TAG.exec(line)?.[0];
  return tag === undefined ? undefined : line.slice(tag.length).trim();
}
