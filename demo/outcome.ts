import { z } from 'zod';
import type { Cluster } from '../deploy/cluster.ts';
import { pathOf, readResults } from '../deploy/results.ts';
import { toolSeconds } from './timing.ts';

const results = z.object({ resultsURL: z.string().optional() });

const buildObject = z.object({
  metadata: z.object({ name: z.string(), creationTimestamp: z.string() }),
  status: z.object({
    source: results.optional(),
    chroots: z.array(results).optional(),
    conditions: z.array(
      z.object({ type: z.string(), status: z.string(), message: z.string(), lastTransitionTime: z.string() }),
    ),
  }),
});
type BuildObject = z.infer<typeof buildObject>;

export interface Outcome {
  /** One line for each Build that failed. */
  failures: string[];
  /** Seconds from the creation of the first Build until the last one was complete. */
  seconds: number;
  /** How many of them dnf or rpmbuild ran. */
  toolSeconds: number;
}

/** How the Builds of a namespace, all of which are complete, came out. */
export async function outcomeOf(cluster: Cluster, namespace: string, builds: readonly string[]): Promise<Outcome> {
  const objects = await Promise.all(
    builds.map(async (name) =>
      buildObject.parse(JSON.parse(await cluster.kubectl(['-n', namespace, 'get', 'build', name, '-o', 'json']))),
    ),
  );
  const created = Math.min(...objects.map(({ metadata }) => Date.parse(metadata.creationTimestamp)));
  const complete = Math.max(...objects.map((object) => Date.parse(condition(object, 'Complete').lastTransitionTime)));
  const logs = await Promise.all(objects.flatMap(logsOf).map((path) => readResults(cluster, path)));
  return {
    failures: objects
      .filter((object) => condition(object, 'Succeeded').status !== 'True')
      .map((object) => `Build ${object.metadata.name} failed: ${condition(object, 'Succeeded').message}`),
    seconds: (complete - created) / 1000,
    toolSeconds: toolSeconds(logs),
  };
}

function condition({ metadata, status }: BuildObject, type: string): BuildObject['status']['conditions'][number] {
  const found = status.conditions.find((one) => one.type === type);
  if (found === undefined) throw new Error(`Build ${metadata.name} has no condition ${type}`);
  return found;
}

function logsOf({ status }: BuildObject): string[] {
  return [status.source, ...(status.chroots ?? [])].flatMap((stage) =>
    stage?.resultsURL === undefined ? [] : [`${pathOf(stage.resultsURL)}builder-live.log`],
  );
}
