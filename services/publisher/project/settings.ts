import { join } from 'node:path';
import { z } from 'zod';
import { readIfThere, writeFileIfChanged } from '../../../lib/durable.ts';
import type { Paths, ProjectName } from '../paths.ts';

/** Hidden from the web server, and gone with the tree of the project. */
export const SETTINGS_FILE = '.settings.json';

const projectSettings = z.object({
  develMode: z.boolean(),
  /**
   * Changes each time devel mode begins. A public repository with another one in its state lacks what was withheld since; a devel
   * repository with another one is older than this devel mode.
   */
  period: z.string().optional(),
  /** The last request to make the public metadata anew that is done. */
  regenerated: z.string().optional(),
});
export type ProjectSettings = z.infer<typeof projectSettings>;

/** What the publisher has to know of a project when a build is published. Those of a project that has none: devel mode was never on. */
export async function readSettings(paths: Paths, name: ProjectName): Promise<ProjectSettings> {
  const bytes = await readIfThere(join(paths.project(name), SETTINGS_FILE));
  return bytes === undefined ? { develMode: false } : projectSettings.parse(JSON.parse(bytes.toString('utf8')));
}

/** To be called alone in the project, whose directory must exist. */
export async function writeSettings(paths: Paths, name: ProjectName, settings: ProjectSettings): Promise<void> {
  await writeFileIfChanged(join(paths.project(name), SETTINGS_FILE), JSON.stringify(settings));
}
