/** Directories of a project: the main one has its name, others are `name:custom:suffix` and `name:pr:7`. */

const SUFFIX = /^(custom:[A-Za-z0-9]([A-Za-z0-9-]*[A-Za-z0-9])?|pr:([A-Za-z0-9-]+-)?[0-9]+)$/;
const MAX = 120;

/** The project and directory that a dirname names; the directory is undefined for the main one. */
export function splitDirname(dirname: string): { project: string; directory: string | undefined } {
  const colon = dirname.indexOf(':');
  if (colon < 0) return { project: dirname, directory: undefined };
  return { project: dirname.slice(0, colon), directory: dirname.slice(colon + 1) };
}

/** What `project_dirname` of a request asks for: `directory` as Build.spec has it, or a sentence. */
export function parseDirname(
  project: string,
  dirname: string | undefined,
): { directory: string | undefined } | { problem: string } {
  if (dirname === undefined || dirname === '' || dirname === project) return { directory: undefined };
  const { project: name, directory } = splitDirname(dirname);
  const shown = dirname.length > 100 ? `${dirname.slice(0, 100)}…` : dirname;
  if (name !== project)
    return { problem: `"${shown}" is no directory of project ${project}; its directories begin with "${project}:"` };
  if (directory !== undefined && directory.length <= MAX && SUFFIX.test(directory)) return { directory };
  return {
    problem: `"${shown}" must be ${project}, ${project}:custom:NAME or ${project}:pr:NUMBER: letters, digits and "-", and what follows pr: ends in digits`,
  };
}
