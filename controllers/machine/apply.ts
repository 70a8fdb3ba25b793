import { Builders } from '../../crds/builder.ts';
import { API_VERSION } from '../../crds/kind.ts';
import { ApiError } from '../../operator/client.ts';
import type { ReconcileContext, ReconcileResult } from '../../operator/controller.ts';
import type { Job } from '../../operator/core.ts';
import { Jobs, Pods } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { keyOf } from '../../operator/resource.ts';
import { driverPod } from '../builder/driver.ts';
import { isRefusal } from '../builder/refusal.ts';
import { createSecrets, deleteSecrets } from '../builder/secrets.ts';
import type { BuilderWorld, Installation } from '../builder/world.ts';
import { MACHINE_FINALIZER } from '../hook/names.ts';
import { machineTargetOf } from '../hook/probe.ts';
import { announce } from '../shared/announce.ts';
import { createOnce } from '../shared/create.ts';
import { builderName, fieldManager } from '../shared/names.ts';
import { oneSentence } from '../shared/notes.ts';
import { isGoneOrOther, patchIncarnation } from '../shared/patch.ts';
import { refusedJob } from './plan.ts';
import { refusedDriver } from './session.ts';
import type { MachinePlan } from './status.ts';
import type { MachineWorld } from './world.ts';

const MANAGER = fieldManager('machine');

type Apply = (world: MachineWorld, plan: MachinePlan, ctx: ReconcileContext) => Promise<ReconcileResult>;

/** Does what a plan says, in an order that leaves no harm wherever it stops. */
export function createApplier(
  manager: Manager,
  { installation, tokenKey }: { installation: Installation; tokenKey: Uint8Array },
): Apply {
  const { client } = manager;

  async function deleteJobs(world: MachineWorld, keep: readonly string[]): Promise<void> {
    const over = [...world.strangers, ...world.jobs.filter(({ metadata }) => !keep.includes(metadata.name))];
    for (const job of over) await client.delete(Jobs, keyOf(job), { uid: job.metadata.uid ?? '' });
  }

  /** The sentence with which the API server refused one of them for good. */
  async function createJobs(jobs: readonly Job[]): Promise<string | undefined> {
    for (const job of jobs) {
      const problem = await refusal(() => createOnce(client, Jobs, job));
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  async function createDriver(world: MachineWorld, ctx: ReconcileContext): Promise<string | undefined> {
    const { builder, pool, stage } = world;
    const target = machineTargetOf(builder, pool);
    if (pool === undefined || stage === undefined || target === undefined) return 'its pool cannot reach it any more';
    const driven: BuilderWorld & { pool: NonNullable<BuilderWorld['pool']> } = {
      builder,
      pool,
      ticket: world.ticket,
      pod: undefined,
      ...stage,
    };
    await createSecrets(client, driven, installation, tokenKey, ctx.clock);
    return refusal(() => createOnce(client, Pods, driverPod(driven, target, installation)));
  }

  async function deletePod({ pod }: MachineWorld): Promise<void> {
    if (pod === undefined || pod.metadata.deletionTimestamp !== undefined) return;
    await client.delete(Pods, keyOf(pod), { uid: pod.metadata.uid ?? '' });
  }

  async function setFinalizer({ builder }: MachineWorld, present: boolean): Promise<void> {
    const others = (builder.metadata.finalizers ?? []).filter((name) => name !== MACHINE_FINALIZER);
    try {
      await client.patchFinalizers(Builders, builder, present ? [...others, MACHINE_FINALIZER] : others);
    } catch (error) {
      if (!isGoneOrOther(error)) throw error;
      // It changed meanwhile, or is gone: the change brings its key back, and the plan is made anew.
    }
  }

  async function tell({ builder }: MachineWorld, { status }: MachinePlan): Promise<void> {
    if (status === undefined) return;
    const { name, namespace = '', uid = '' } = builder.metadata;
    const desired = { apiVersion: API_VERSION, kind: 'Builder', metadata: { name, namespace, uid }, status };
    await manager.applyStatus(Builders, desired, { manager: MANAGER });
  }

  async function create(world: MachineWorld, plan: MachinePlan, ctx: ReconcileContext): Promise<MachinePlan> {
    if (plan.createDriver === true) {
      const problem = await createDriver(world, ctx);
      if (problem !== undefined) return refusedDriver(world, problem, ctx.clock.now());
    }
    const problem = await createJobs(plan.createJobs);
    return problem === undefined ? plan : refusedJob(world, problem, ctx.clock.now());
  }

  return async (world, plan, ctx) => {
    const { builder } = world;
    if (plan.addFinalizer === true) {
      await setFinalizer(world, true);
      return undefined;
    }
    if (plan.dropFinalizer === true) {
      // First: once its Jobs are gone, nothing says any more that the deletion has succeeded.
      await setFinalizer(world, false);
      await deleteJobs(world, []);
      ctx.log.info({ builder: keyOf(builder) }, 'machine is deleted');
      return undefined;
    }
    await deleteJobs(world, plan.keep);
    if (plan.deletePod === true) await deletePod(world);
    if (plan.deleteSecrets === true)
      await deleteSecrets(client, builder.metadata.namespace ?? '', builderName(world.claim?.ticket.uid ?? ''));
    const done = await create(world, plan, ctx);
    // Before the status: Releasing without a claim means clean, Ready with one means claimed anew.
    if (done.freeClaim === true)
      await patchIncarnation(client, Builders, builder, { spec: { ticket: null, chrootBuild: null, attempt: null } });
    await tell(world, done);
    if (done.deleteBuilder === true) await client.delete(Builders, keyOf(builder), { uid: builder.metadata.uid ?? '' });
    announce({ log: ctx.log, events: manager.events }, builder, 'machine moved on', done.notes);
    if (done.requeueAfterMs === undefined) return undefined;
    return { requeueAfterMs: done.requeueAfterMs, reason: done.status?.reason ?? 'Waiting' };
  };
}

async function refusal(work: () => Promise<unknown>): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (error) {
    if (error instanceof ApiError && isRefusal(error)) return oneSentence(error.message, 800);
    throw error;
  }
}
