/** Batches of builds: `with_build_id` joins the batch of another build, `after_build_id` waits for it. */

/** What is known of a build in a batch, live or recorded. */
export interface BatchMember {
  id: number;
  /** Of its spec. */
  batch?: number | undefined;
  afterBatch?: number | undefined;
  finished: boolean;
}

export interface BatchRequest {
  withBuild?: number | undefined;
  afterBuild?: number | undefined;
}

export interface BatchPlan {
  /** For Build.spec. */
  spec: { batch?: number; afterBatch?: number };
  /** The caller must be allowed to build in the project of one of these; undefined: no such right is asked for. */
  rightsIn: number[] | undefined;
}

/** A form error: field and message. */
export interface BatchProblem {
  field: 'with_build_id' | 'after_build_id';
  message: string;
}

/** What a plan asks of the world. */
export interface Batches {
  /** Any build, live or recorded. */
  readonly find: (id: number) => BatchMember | undefined;
  /** Live builds of a batch; recorded ones have ended and change nothing. */
  readonly members: (batch: number) => readonly BatchMember[];
  /** Does some build wait for that batch? May look at every build there is, so it is asked last. */
  readonly isWaitedFor: (batch: number) => boolean;
}

export function planBatch({ withBuild, afterBuild }: BatchRequest, batches: Batches): BatchPlan | BatchProblem {
  if (withBuild !== undefined && afterBuild !== undefined) {
    return { field: 'with_build_id', message: 'cannot be combined with after_build_id; give one of them' };
  }
  if (withBuild !== undefined) return joining(withBuild, batches);
  if (afterBuild !== undefined) return following(afterBuild, batches);
  return { spec: {}, rightsIn: undefined };
}

function batchOf(build: BatchMember): number {
  return build.batch ?? build.id;
}

function joining(id: number, { find, members }: Batches): BatchPlan | BatchProblem {
  const field = 'with_build_id';
  const build = find(id);
  if (build === undefined) return { field, message: `Build ${id} does not exist.` };
  const batch = batchOf(build);
  const all = withItself(build, members(batch));
  if (all.every(({ finished }) => finished))
    return { field, message: `The batch of build ${id} has ended; it cannot be joined.` };
  const spec = { batch, ...(build.afterBatch === undefined ? {} : { afterBatch: build.afterBatch }) };
  return { spec, rightsIn: all.map((member) => member.id) };
}

function following(id: number, { find, members, isWaitedFor }: Batches): BatchPlan | BatchProblem {
  const field = 'after_build_id';
  const build = find(id);
  if (build === undefined) return { field, message: `Build ${id} does not exist.` };
  const batch = batchOf(build);
  // Anybody may wait for a batch that somebody made; one that only this request would make needs rights.
  const exists = build.batch !== undefined || members(batch).some((other) => other.id !== id) || isWaitedFor(batch);
  if (exists) return { spec: { afterBatch: batch }, rightsIn: undefined };
  if (build.finished) return { field, message: `Build ${id} has ended; there is nothing to wait for.` };
  return { spec: { afterBatch: batch }, rightsIn: [id] };
}

function withItself(build: BatchMember, members: readonly BatchMember[]): readonly BatchMember[] {
  return members.some(({ id }) => id === build.id) ? members : [...members, build];
}
