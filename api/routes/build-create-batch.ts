/** The batch that a request asks for, looked up and allowed. */
import type { Build } from '../../crds/build.ts';
import { numberOf } from '../../crds/names.ts';
import type { Caller } from '../auth/access.ts';
import { type BatchMember, planBatch } from '../history/batch.ts';
import { isFinished } from '../history/live.ts';
import { ApiError, forbidden } from '../http/errors.ts';
import type { Services } from '../services.ts';
import { badParameters } from './build-create-options.ts';
import { findBuild } from './builds-find.ts';

interface Asked {
  with_build_id?: number | null | undefined;
  after_build_id?: number | null | undefined;
}

export async function batchFor(
  services: Services,
  caller: Caller,
  asked: Asked,
  signal: AbortSignal,
): Promise<{ batch?: number; afterBatch?: number }> {
  const withBuild = asked.with_build_id ?? undefined;
  const afterBuild = asked.after_build_id ?? undefined;
  if (withBuild === undefined && afterBuild === undefined) return {};
  const known = new Map<number, BatchMember>();
  for (const id of [withBuild, afterBuild]) {
    const member = id === undefined ? undefined : await memberOf(services, id, signal);
    if (member !== undefined) known.set(member.id, member);
  }
  const { cluster } = services;
  const plan = planBatch(
    { withBuild, afterBuild },
    {
      find: (id) => known.get(id),
      members: (batch) => cluster.batch(batch).map(liveMember),
      isWaitedFor: (batch) =>
        cluster.projects().some((project) => cluster.buildsOf(project).some(({ spec }) => spec.afterBatch === batch)),
    },
  );
  if ('field' in plan) throw badParameters({ [plan.field]: [plan.message] });
  if (plan.rightsIn !== undefined) await requireOne(services, caller, plan.rightsIn, signal);
  return plan.spec;
}

function liveMember(build: Build): BatchMember {
  const { batch, afterBatch } = build.spec;
  return { id: numberOf(build) ?? 0, batch, afterBatch, finished: isFinished(build) };
}

async function memberOf(services: Services, id: number, signal: AbortSignal): Promise<BatchMember | undefined> {
  try {
    const { row, live, spec } = await findBuild(services, id, signal);
    if (live !== undefined) return liveMember(live);
    return { id: row.id, batch: spec.batch, afterBatch: spec.afterBatch, finished: true };
  } catch (error) {
    if (error instanceof ApiError && error.status === 404) return undefined;
    throw error;
  }
}

/** Whoever may build in the project of one of the builds may use their batch. */
async function requireOne(
  { cluster, rights }: Services,
  caller: Caller,
  ids: readonly number[],
  signal: AbortSignal,
): Promise<void> {
  for (const id of ids) {
    const build = cluster.build(id);
    const view = build === undefined ? undefined : cluster.projectOf(build);
    if (view !== undefined && (await rights.allows(caller, 'build', view, signal))) return;
  }
  throw forbidden(`The batch of build ${ids[0]} is in a project in which you may not build.`);
}
