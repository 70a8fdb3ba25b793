/** Answers about Projects, each made once for every state of the Project. */
import type { ProjectView } from '../cluster/index.ts';
import { Reply } from '../http/reply.ts';
import type { MappingContext } from '../mapping/field.ts';
import { projectJSON } from '../mapping/project.ts';
import type { Services } from '../services.ts';

type World = Pick<Services, 'cluster' | 'config' | 'clock'>;

interface Written {
  text: string;
  /** Of the Chroots: repositories of inactive ones are not shown. */
  revision: number;
}

/** A view lives as long as the Project does not change. */
const written = new WeakMap<ProjectView, Written>();
let active: { of: World['cluster']; revision: number; names: ReadonlySet<string> } | undefined;

function activeChroots(cluster: World['cluster']): ReadonlySet<string> {
  const chroots = cluster.chroots();
  const revision = cluster.chrootRevision();
  if (active?.of !== cluster || active.revision !== revision) {
    const names = new Set(chroots.filter(({ spec }) => spec.state === 'Active').map(({ spec }) => spec.name));
    active = { of: cluster, revision, names };
  }
  return active.names;
}

export function mappingContext({ cluster, config, clock }: World): MappingContext {
  return { now: clock.now(), resultsURL: config.resultsURL, activeChroots: activeChroots(cluster) };
}

function textOf(world: World, view: ProjectView, context: MappingContext): string {
  const revision = world.cluster.chrootRevision();
  const known = written.get(view);
  if (known?.revision === revision) return known.text;
  const text = JSON.stringify(projectJSON(view, context));
  written.set(view, { text, revision });
  return text;
}

const JSON_HEADERS = { 'Content-Type': 'application/json' };

export function projectReply(world: World, view: ProjectView): Reply {
  return new Reply({ headers: JSON_HEADERS, body: textOf(world, view, mappingContext(world)) });
}

/** Long lists are asked for again and again; they are the same until any project changes. */
const longLists = new WeakMap<readonly ProjectView[], { bytes: Buffer; revision: number }>();
const LONG = 500;

export function projectListReply(world: World, views: readonly ProjectView[], meta: object): Reply {
  const [head, tail] = ['{"items":[', `],"meta":${JSON.stringify(meta)}}`];
  if (views.length < LONG) return new Reply({ headers: JSON_HEADERS, body: head + itemsOf(world, views) + tail });
  return new Reply({ headers: JSON_HEADERS, body: inTurn(head, bytesOf(world, views), tail) });
}

function itemsOf(world: World, views: readonly ProjectView[]): string {
  const context = mappingContext(world);
  return views.map((view) => textOf(world, view, context)).join(',');
}

/** Encoding some megabytes takes longer than sending them. */
function bytesOf(world: World, views: readonly ProjectView[]): Buffer {
  const revision = world.cluster.chrootRevision();
  const known = longLists.get(views);
  if (known?.revision === revision) return known.bytes;
  const bytes = Buffer.from(itemsOf(world, views));
  longLists.set(views, { bytes, revision });
  return bytes;
}

async function* inTurn(...parts: (string | Uint8Array)[]): AsyncGenerator<string | Uint8Array> {
  yield* parts;
}
