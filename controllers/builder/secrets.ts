import type { Clock } from '../../lib/clock.ts';
import { mintSourceToken, mintTaskToken } from '../../lib/protocol/token.ts';
import type { ApiClient } from '../../operator/client.ts';
import type { Secret } from '../../operator/core.ts';
import { Secrets } from '../../operator/core.ts';
import { ownerReference } from '../../operator/resource.ts';
import { createOnce } from '../shared/create.ts';
import { resultsPath, taskID } from '../shared/names.ts';
import { startTimeoutSeconds } from './plan.ts';
import { podNameOf, SOURCE_TOKEN_ENTRY, TASK_ENTRY, TOKEN_ENTRY } from './pod.ts';
import { taskDocument } from './task.ts';
import type { BuilderWorld, Installation } from './world.ts';

/** A token outlives the pod's own deadline by this much, for the last upload. */
const TOKEN_SLACK_SECONDS = 7200;

/** For clocks that differ, and for an operator that is late to give up a pod whose time to start is over. */
const SOURCE_TOKEN_SLACK_SECONDS = 300;

/**
 * The Secret of a builder pod: the task for its containers, the token for the agent alone and, for a binary stage, the
 * one for its own sources on distgit for fetch alone. A run that finds it leaves it: a token minted earlier for the same
 * attempt is as good.
 */
export async function createSecrets(
  client: ApiClient,
  world: BuilderWorld,
  installation: Installation,
  tokenKey: Uint8Array,
  clock: Clock,
): Promise<void> {
  const { claim, chrootBuild, chroot, project } = world;
  if (chrootBuild === undefined) throw new Error(`Builder ${world.builder.metadata.name} has lost its ChrootBuild`);
  const { attempt } = claim;
  const document = taskDocument(chrootBuild, attempt, chroot, project, installation);
  const token = await mintTaskToken(
    tokenKey,
    { task: taskID(chrootBuild, attempt), dir: resultsPath(chrootBuild) },
    chrootBuild.spec.timeoutSeconds + TOKEN_SLACK_SECONDS,
    clock,
  );
  const entries: Record<string, string> = { [TASK_ENTRY]: JSON.stringify(document), [TOKEN_ENTRY]: token };
  const { repo } = chrootBuild.spec.package ?? {};
  if (repo !== undefined) {
    entries[SOURCE_TOKEN_ENTRY] = await mintSourceToken(tokenKey, { repo }, sourceTokenSeconds(world), clock);
  }
  await createOnce(client, Secrets, secret(world, installation, entries));
}

/** That of the pod of a machine: the machine, which owns it, outlives it. */
export async function deleteSecrets(client: ApiClient, namespace: string, pod: string): Promise<void> {
  await client.delete(Secrets, `${namespace}/${pod}`);
}

/** Fetching is part of the start: a pod whose build does not run by then is given up, and its token is of no more use. */
export function sourceTokenSeconds(world: Pick<BuilderWorld, 'pool'>): number {
  return startTimeoutSeconds(world) + SOURCE_TOKEN_SLACK_SECONDS;
}

function secret(world: BuilderWorld, installation: Installation, entries: Record<string, string>): Secret {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: {
      name: podNameOf(world),
      namespace: installation.buildsNamespace,
      ownerReferences: [ownerReference(world.builder, { controller: true })],
    },
    type: 'Opaque',
    immutable: true,
    data: Object.fromEntries(Object.entries(entries).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}
