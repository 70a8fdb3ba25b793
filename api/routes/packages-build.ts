/** Building a package from its own source. */
import { z } from 'zod';
import { packageChroots } from '../history/patterns.ts';
import { badRequest } from '../http/errors.ts';
import { callerOf, defineRoute } from '../http/route.ts';
import { submit } from './build-create.ts';
import {
  activeChroots,
  optionAliases,
  optionFields,
  PREFIX,
  planBuild,
  projectFields,
} from './build-create-options.ts';
import { projectOfBody } from './builds-find.ts';
import { buildResult } from './builds-schemas.ts';
import { findPackage, sourceOf } from './packages-find.ts';
import { packageName } from './packages-form.ts';

export const buildPackage = defineRoute({
  operation: 'package.build',
  methods: ['POST'],
  path: '/package/build',
  summary: 'Builds a package from its source.',
  access: {
    right: 'build',
    on: ({ services, body }) => Promise.resolve(projectOfBody(services, body, PREFIX)),
  },
  formErrors: 'parameters',
  body: z.object({ ...projectFields, package_name: packageName, ...optionFields }),
  aliases: optionAliases,
  result: buildResult,
  async handle(call) {
    const { services, body, found: view } = call;
    const found = await findPackage(services, view, body.package_name);
    const { source_type } = sourceOf(services, found);
    if (found.object === undefined || source_type !== 'scm')
      throw badRequest(
        `Package ${found.row.name} has no source to build from (${source_type}); edit it and give it one.`,
      );
    const { metadata, spec: of } = found.object;
    const active = activeChroots(services, view);
    const own = of.chroots === undefined ? active : active.filter((chroot) => of.chroots?.includes(chroot));
    const chroots = packageChroots(own.length > 0 ? own : active, of.chrootDenylist);
    const submission = { ...call, caller: callerOf(call) };
    const spec = await planBuild(submission, view, body, { chroots, timeoutSeconds: of.timeoutSeconds });
    const what = `Package ${found.row.name}`;
    const [made] = await submit(submission, view, [{ spec: { ...spec, package: metadata.name }, what }]);
    return made as object;
  },
});
