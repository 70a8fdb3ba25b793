/** Submitting builds: from URLs, of an uploaded file, of a Git repository. */
import { finished } from 'node:stream/promises';
import { z } from 'zod';
import type { Source } from '../../crds/common.ts';
import { numberOf } from '../../crds/names.ts';
import type { StoredUpload } from '../../lib/protocol/upload.ts';
import type { Caller } from '../auth/access.ts';
import type { ProjectView } from '../cluster/index.ts';
import type { BuildJSON } from '../history/json.ts';
import { ApiError } from '../http/errors.ts';
import { words } from '../http/fields.ts';
import type { AnyRoute, Target } from '../http/route.ts';
import { callerOf, defineRoute } from '../http/route.ts';
import type { Services } from '../services.ts';
import {
  type BuildSpec,
  badParameters,
  optionAliases,
  optionFields,
  PREFIX,
  planBuild,
  projectFields,
} from './build-create-options.ts';
import { gitSource, linkSources, scmAliases, scmFields } from './build-create-sources.ts';
import { liveJSON, projectOfBody } from './builds-find.ts';
import { buildResult, listResult } from './builds-schemas.ts';

const UPLOAD_MS = 6 * 60 * 60 * 1000;

const common = {
  access: {
    right: 'build' as const,
    on: ({ services, body }: Pick<Target<unknown, unknown>, 'services' | 'body'>) =>
      Promise.resolve(projectOfBody(services, body, PREFIX)),
  },
  formErrors: 'parameters' as const,
};

interface Submission {
  services: Services;
  caller: Caller;
  signal: AbortSignal;
}

/** Makes them one after the other. What is made stays when a later one fails, and the answer then says so. */
export async function submit(
  { services, caller, signal }: Submission,
  view: ProjectView,
  builds: readonly { spec: BuildSpec; what: string }[],
): Promise<BuildJSON[]> {
  const made: BuildJSON[] = [];
  for (const { spec, what } of builds) {
    try {
      const build = await services.cluster.createBuild({ project: view, spec, submitter: caller.name }, signal);
      services.log.info({ project: view.fullName, build: numberOf(build), user: caller.name }, 'build submitted');
      made.push(liveJSON(services, view, build));
    } catch (error) {
      if (made.length === 0 || !(error instanceof ApiError)) throw error;
      const ids = made.map(({ id }) => id).join(', ');
      const left = builds.length - made.length - 1;
      const others = left === 0 ? '' : ` and ${left} more after it`;
      throw new ApiError(
        error.status,
        `Builds ${ids} were submitted and go on. ${what}${others} could not be submitted: ${error.message} Submit only the rest again.`,
        error.headers,
      );
    }
  }
  return made;
}

async function submitOne(submission: Submission, view: ProjectView, spec: BuildSpec, what: string): Promise<BuildJSON> {
  const [made] = await submit(submission, view, [{ spec, what }]);
  return made as BuildJSON;
}

const check = defineRoute({
  operation: 'build.check-before-build',
  methods: ['POST'],
  path: '/build/check-before-build',
  summary: 'Would a build with these options be taken? Asked by clients before they upload.',
  ...common,
  body: z.object({ ...projectFields, ...optionFields }),
  aliases: optionAliases,
  result: z.strictObject({ message: z.string() }),
  async handle(call) {
    await planBuild({ ...call, caller: callerOf(call) }, call.found, call.body);
    return { message: `A build like this can be submitted to ${call.found.fullName}.` };
  },
});

const fromURLs = defineRoute({
  operation: 'build.create-url',
  methods: ['POST'],
  path: '/build/create/url',
  summary: 'Builds from addresses of SRPMs or spec files, one for each.',
  ...common,
  body: z.object({
    ...projectFields,
    pkgs: words({ maxItems: 500 }).describe('Addresses of SRPMs or spec files.'),
    ...optionFields,
  }),
  aliases: optionAliases,
  result: listResult(buildResult),
  async handle(call) {
    const links = linkSources(call.body.pkgs);
    if ('problems' in links) throw badParameters(links.problems);
    const submission = { ...call, caller: callerOf(call) };
    const spec = await planBuild(submission, call.found, call.body);
    const builds = links.sources.map((source) => ({ spec: { ...spec, source }, what: String(source.link?.url) }));
    const items = await submit(submission, call.found, builds);
    // As Copr answers; clients take the items.
    return { items, meta: { limit: null, offset: null, order: null, order_type: null } };
  },
});

type Received = { user: string; stored: StoredUpload } | { problem: string };

const fromFile = defineRoute({
  operation: 'build.create-upload',
  methods: ['POST'],
  path: '/build/create/upload',
  summary: 'A build of an uploaded SRPM or spec file.',
  description: 'multipart/form-data: first the part `pkgs` with the file, then the part `json` with the parameters.',
  ...common,
  body: z.object({ ...projectFields, ...optionFields }),
  aliases: optionAliases,
  timeoutMs: UPLOAD_MS,
  upload: {
    part: 'pkgs',
    required: true,
    description: 'The SRPM (.src.rpm, .nosrc.rpm) or spec file (.spec).',
    async receive({ filename, stream }, { caller, services, signal }): Promise<Received> {
      if (caller === undefined) throw new Error('a file was taken from nobody');
      try {
        return {
          user: caller.name,
          stored: await services.uploads.store({ user: caller.name, filename, stream }, signal),
        };
      } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 400) throw error;
        // Clients write all they have before they read an answer; one cut off would only see a broken connection.
        stream.resume();
        await finished(stream, { signal });
        return { problem: error.message };
      }
    },
    async discard(received, { uploads }) {
      if ('stored' in received) await uploads.discard(received.user, received.stored);
    },
  },
  result: buildResult,
  async handle(call) {
    if (call.file === undefined) throw badParameters({ pkgs: ['This field is required.'] });
    if ('problem' in call.file) throw badParameters({ pkgs: [call.file.problem] });
    const { id, name, sha256, size } = call.file.stored;
    const submission = { ...call, caller: callerOf(call) };
    const source: Source = { upload: { id, name, sha256, size } };
    const spec = await planBuild(submission, call.found, call.body);
    return submitOne(submission, call.found, { ...spec, source }, name);
  },
});

const fromRepository = defineRoute({
  operation: 'build.create-scm',
  methods: ['POST'],
  path: '/build/create/scm',
  summary: 'A build of a Git repository.',
  ...common,
  body: z.object({ ...projectFields, ...scmFields, ...optionFields }),
  aliases: { ...optionAliases, ...scmAliases },
  result: buildResult,
  async handle(call) {
    const made = gitSource(call.body);
    if ('problems' in made) throw badParameters(made.problems);
    const submission = { ...call, caller: callerOf(call) };
    const spec = await planBuild(submission, call.found, call.body);
    return submitOne(submission, call.found, { ...spec, source: made.source }, call.body.clone_url);
  },
});

export const buildCreateRoutes: readonly AnyRoute[] = [check, fromURLs, fromFile, fromRepository];
