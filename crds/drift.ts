import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Files made by a generator: path relative to the root of the project → content. */
export type GeneratedFiles = ReadonlyMap<string, string>;

/**
 * What differs from what a generator makes: "changed", "missing", or "stray" for a file that nothing generates (any
 * more) in one of `folders`, the folders that hold nothing but generated files.
 */
export function drift(root: string, files: GeneratedFiles, folders: readonly string[]): string[] {
  const found: string[] = [];
  for (const [path, content] of files) {
    const absolute = join(root, path);
    if (!existsSync(absolute)) found.push(`${path} is missing`);
    else if (readFileSync(absolute, 'utf8') !== content) found.push(`${path} is not what the sources say`);
  }
  for (const path of strays(root, files, folders)) found.push(`${path} is no longer generated`);
  return found;
}

/** Writes what changed and removes strays. A reader never sees half a file. Returns the paths it touched. */
export function writeGenerated(root: string, files: GeneratedFiles, folders: readonly string[]): string[] {
  const touched: string[] = [];
  for (const [path, content] of files) {
    const absolute = join(root, path);
    if (existsSync(absolute) && readFileSync(absolute, 'utf8') === content) continue;
    mkdirSync(dirname(absolute), { recursive: true });
    writeFileSync(`${absolute}.new`, content);
    renameSync(`${absolute}.new`, absolute);
    touched.push(path);
  }
  for (const path of strays(root, files, folders)) {
    rmSync(join(root, path));
    touched.push(path);
  }
  return touched;
}

function strays(root: string, files: GeneratedFiles, folders: readonly string[]): string[] {
  return folders.flatMap((folder) => {
    const absolute = join(root, folder);
    if (!existsSync(absolute)) return [];
    // Folders in it are other generators'.
    return readdirSync(absolute, { withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ name }) => `${folder}/${name}`)
      .filter((path) => !files.has(path));
  });
}

/** The command line of a generator: writes, or with `--check` compares. Returns the exit code. */
export function runGenerator(
  args: readonly string[],
  root: string,
  files: GeneratedFiles,
  folders: readonly string[],
  print: (line: string) => void,
): number {
  if (args.length > 1 || (args.length === 1 && args[0] !== '--check')) {
    print(`unknown argument ${args.join(' ')}: give --check to compare, or nothing to write`);
    return 2;
  }
  if (args.length === 0) {
    for (const path of writeGenerated(root, files, folders)) print(`updated ${path}`);
    return 0;
  }
  const found = drift(root, files, folders);
  for (const line of found) print(line);
  if (found.length > 0) print('run "make generate" and commit the result');
  return found.length > 0 ? 1 : 0;
}
