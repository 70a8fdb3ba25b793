import { z } from 'zod';
import { BOOTSTRAPS, chrootName, ISOLATIONS, image, REPO_URL, text } from './common.ts';

const bcond = text(64, /^[A-Za-z0-9_.+-]+$/, 'must be the name of a build condition: letters, digits and _ . + -');

// Lists of lists: rules in CEL with a sentence would cost the API server more than it allows. These are patterns.
const repo = z.string().max(1024).regex(REPO_URL);
const dnfPackage = z
  .string()
  .max(256)
  .regex(/^[@A-Za-z0-9_.+:()/][@A-Za-z0-9_.+:()/-]*$/);

/** Settings of one chroot of a project, beside those of the whole project. */
export const chrootSettings = z.object({
  name: chrootName,
  packages: z.array(dnfPackage).max(100).optional().describe('Packages that every build root of this chroot has, too.'),
  repos: z.array(repo).max(20).optional().describe('Repositories that builds in this chroot may use, too.'),
  modules: z
    .array(
      text(
        128,
        /^!?[A-Za-z0-9_.+-]+(:[A-Za-z0-9_.+-]+)?$/,
        'must be a module and its stream, e.g. nodejs:22; "!" in front disables it',
      ),
    )
    .max(50)
    .optional()
    .describe('Module streams to enable; with "!" in front, to disable. For the engine mock.'),
  with: z.array(bcond).max(50).optional().describe('Build conditions that are on in this chroot (rpmbuild --with).'),
  without: z.array(bcond).max(50).optional().describe('Build conditions that are off in it (rpmbuild --without).'),
  bootstrap: z
    .enum(['unchanged', ...BOOTSTRAPS, 'custom_image'])
    .optional()
    .describe('How the engine mock makes build roots; unchanged: as the project says.'),
  bootstrapImage: image.optional().describe('Image to bootstrap from, for custom_image.'),
  isolation: z
    .enum(['unchanged', ...ISOLATIONS])
    .optional()
    .describe('How the engine mock isolates builds; unchanged: as the project says.'),
  comps: z
    .object({
      name: z.string().min(1).max(255).describe('File name, as it was given.'),
      content: z.string().max(262144).describe('The comps.xml itself.'),
    })
    .optional()
    .describe('Groups of packages, put into the metadata of the repository.'),
});
export type ChrootSettings = z.infer<typeof chrootSettings>;
