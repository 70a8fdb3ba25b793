/** Callers of every kind, projects that they act on, and what there is of all that before and after a request. */
import { createHash, randomBytes } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { Builds } from '../../crds/build.ts';
import { numberOf } from '../../crds/names.ts';
import { Packages } from '../../crds/package.ts';
import { Projects } from '../../crds/project.ts';
import { Removals } from '../../crds/removal.ts';
import { runConditions } from '../../crds/states.ts';
import { systemClock, toTimestamp } from '../../lib/clock.ts';
import { listen } from '../../lib/listen.ts';
import { Namespaces } from '../../operator/core.ts';
import type { KubeObject, ResourceType } from '../../operator/resource.ts';
import { keyOf } from '../../operator/resource.ts';
import { eventually } from '../../operator/testing/harness.ts';
import type { ProjectView } from '../cluster/index.ts';
import type { BedClient } from '../testing/client.ts';
import type { MatrixRequest } from './authorisation-requests.ts';
import type { CallerName } from './authorisation-table.ts';
import { C42, C43, type Scene, startScene } from './testing/scene.ts';

type Person = 'owner' | 'stranger' | 'applicant' | 'builder' | 'admin' | 'siteAdmin';

/** A project that is there for the requests of one row. */
export interface Target {
  ownername: string;
  projectname: string;
  /** Names of users. */
  names: Readonly<Record<Person, string>>;
  /** The name of a package of it. */
  package(): Promise<string>;
  /** The number of a build of it that goes on, and of one that has ended. */
  running(): Promise<number>;
  ended(): Promise<number>;
}

export interface World {
  target(kind: 'personal' | 'group'): Promise<Target>;
  send(caller: CallerName, base: string, method: string, request: MatrixRequest): Promise<Response>;
  /** The next request of this caller uses a token that is used for nothing else. */
  renew(caller: CallerName): Promise<void>;
  /** All that requests could have made or changed, in a form that can be compared. */
  state(): Promise<unknown>;
  stop(): Promise<void>;
}

const MALFORMED = [
  'Basic',
  'Basic ???',
  `Basic ${base64('nocolon')}`,
  `Basic ${base64(':')}`,
  'Bearer',
  'Bearer not.a.token',
  'Digest username="owner"',
  base64('owner:token'),
];
const { signal } = new AbortController();

export async function startWorld(): Promise<World> {
  const publisher = await startPublisher();
  const scene = await startScene({ publisherURL: publisher.url });
  const { owner, stranger, admin: siteAdmin, builder } = scene;
  const people: Record<Person, BedClient> = {
    owner,
    stranger,
    builder,
    siteAdmin,
    applicant: await scene.user('amy'),
    admin: await scene.user('adam'),
  };
  const names = Object.fromEntries(Object.entries(people).map(([who, { name }]) => [who, name])) as Target['names'];
  const group = await scene.group('gang');
  await scene.db.groups.addMember(group, owner.name);
  const owners = { personal: owner.name, group: `@${group}` };
  const namespaces = await Promise.all(
    Object.values(owners).map((one) => scene.cluster.owners.ensure(one, { signal })),
  );
  const headers = await headersOf(scene, people);
  let malformed = 0;
  let serial = 0;

  return {
    async target(kind) {
      serial += 1;
      const permissions = [
        { user: names.builder, builder: 'approved' as const },
        { user: names.admin, admin: 'approved' as const },
        { user: names.applicant, builder: 'request' as const, admin: 'request' as const },
      ];
      const view = await scene.project(`p${serial}`, { permissions }, owners[kind]);
      return targetOf(scene, view, names);
    },

    send(caller, base, method, { path, body, fields, file }) {
      const authorization = caller === 'malformed' ? MALFORMED[malformed++ % MALFORMED.length] : headers.get(caller);
      const form = fields === undefined ? undefined : formOf(fields, file);
      return fetch(`${scene.url}${base}${path}`, {
        method,
        headers: {
          ...(authorization === undefined ? {} : { authorization }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        signal: AbortSignal.timeout(30_000),
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        ...(form === undefined ? {} : { body: form }),
      });
    },

    async renew(caller) {
      if (!(caller in people)) return;
      headers.set(caller, await tokenOf(scene, people[caller as Person].name, 60_000));
    },

    async state() {
      const kinds: ResourceType<KubeObject>[] = [Projects, Builds, Packages, Removals];
      const objects = await Promise.all(
        kinds.flatMap((kind) => namespaces.map((namespace) => scene.kube.list(kind, { namespace }))),
      );
      const all = await scene.kube.list(Namespaces);
      const ids = await Promise.all(Object.values(names).map((name) => scene.db.users.byName(name)));
      return {
        objects: objects.flatMap(({ items }) => items.map(traceOf)),
        namespaces: all.items
          .map(({ metadata }) => metadata.name)
          .filter((name) => Object.values(names).includes(name)),
        tokens: await Promise.all(ids.map((user) => scene.db.tokens.ofUser(user?.id ?? 0))),
        users: ids,
        groups: await scene.db.groups.list(),
        uploads: [...publisher.kept],
      };
    },

    async stop() {
      await scene.stop();
      publisher.server.closeAllConnections();
      publisher.server.close();
    },
  };
}

/** The recorder writes annotations and statuses of its own accord: they are no trace of a request. */
function traceOf({ kind, metadata }: KubeObject): unknown {
  const { name, uid, generation, deletionTimestamp, labels, annotations } = metadata;
  const { 'kopr.dev/archived': _, ...rest } = annotations ?? {};
  return { kind, name, uid, generation, deletionTimestamp, labels, annotations: rest };
}

function targetOf(scene: Scene, view: ProjectView, names: Target['names']): Target {
  const spec = {
    source: { link: { url: 'http://files.test/hello-1-1.src.rpm' } },
    background: false,
    cancelled: false,
  };
  const submitted = async (): Promise<number> => {
    const draft = { project: view, spec: { ...spec, chroots: [C43, C42] }, submitter: names.owner };
    return numberOf(await scene.cluster.createBuild(draft, signal)) ?? 0;
  };
  return {
    ownername: view.owner,
    projectname: view.name,
    names,
    package: once(async () => {
      const git = { type: 'git' as const, url: 'https://git.test/hello.git', committish: 'main' };
      const draft = { project: view, name: 'hello', spec: { autoBuild: false, source: { git } } };
      await scene.cluster.createPackage(draft as never, signal);
      return 'hello';
    }),
    running: once(submitted),
    ended: once(async () => {
      const id = await submitted();
      const build = scene.cluster.build(id);
      if (build === undefined) throw new Error(`build ${id} is not there`);
      const conditions = runConditions(undefined, 'succeeded', 'Succeeded', '', 1, toTimestamp(systemClock.now()));
      await scene.kube.mergePatch(
        Builds,
        keyOf(build),
        { status: { id, state: 'succeeded', conditions } },
        { subresource: 'status' },
      );
      await eventually(`the end of build ${id}`, () => scene.cluster.build(id)?.status?.state === 'succeeded');
      return id;
    }),
  };
}

async function headersOf(scene: Scene, people: Record<Person, BedClient>): Promise<Map<CallerName, string>> {
  const { name, login } = people.owner;
  const revoked = await tokenOf(scene, name, 60_000);
  await scene.db.tokens.revoke(Buffer.from(revoked.slice(6), 'base64').toString().split(':')[0] ?? '');
  const headers = new Map<CallerName, string>([
    ['expired', await tokenOf(scene, name, -1_000)],
    ['revoked', revoked],
    ['wrongToken', `Basic ${base64(`${login}:${'x'.repeat(30)}`)}`],
    ['robot', await robotOf(scene)],
  ]);
  for (const [who, client] of Object.entries(people)) {
    headers.set(who as Person, `Basic ${base64(`${client.login}:${client.token}`)}`);
  }
  return headers;
}

async function tokenOf({ db }: Scene, name: string, ms: number): Promise<string> {
  const user = await db.users.byName(name);
  const [login, token] = [randomBytes(10).toString('hex'), randomBytes(15).toString('hex')];
  const hash = createHash('sha256').update(token).digest();
  await db.tokens.add({ userID: user?.id ?? 0, login, hash, description: '', expiresAt: systemClock.now() + ms });
  return `Basic ${base64(`${login}:${token}`)}`;
}

/** Kubernetes knows it, and lets it do nothing. */
async function robotOf({ kube }: Scene): Promise<string> {
  const name = `robot-${randomBytes(4).toString('hex')}`;
  const path = '/api/v1/namespaces/default/serviceaccounts';
  await kube.request({ method: 'POST', path, body: { metadata: { name } } });
  const answer = await kube.request<{ status: { token: string } }>({
    method: 'POST',
    path: `${path}/${name}/token`,
    body: { spec: {} },
  });
  return `Bearer ${answer.status.token}`;
}

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

function formOf(fields: object, file: MatrixRequest['file']): FormData {
  const form = new FormData();
  if (file !== undefined) form.append(file.name, new Blob([file.content], { type: file.type ?? '' }), file.filename);
  form.append('json', new Blob([JSON.stringify(fields)], { type: 'application/json' }), 'json');
  return form;
}

/** Takes uploads as the publisher does, and says which were not taken back. */
async function startPublisher(): Promise<{ url: string; kept: Set<string>; server: Server }> {
  const kept = new Set<string>();
  const server = createServer((request, response) => {
    const id = request.url?.split('/').at(-1) ?? '';
    if (request.method === 'DELETE') {
      kept.delete(id);
      response.writeHead(204).end();
      return;
    }
    const hash = createHash('sha256');
    let size = 0;
    request.on('data', (chunk: Buffer) => {
      hash.update(chunk);
      size += chunk.length;
    });
    request.on('end', () => {
      const made = randomBytes(16).toString('hex');
      kept.add(made);
      const name = new URL(request.url ?? '', 'http://publisher').searchParams.get('name');
      response.end(JSON.stringify({ id: made, name, size, sha256: hash.digest('hex') }));
    });
  });
  const port = await listen(server, { port: 0, host: '127.0.0.1' });
  return { url: `http://127.0.0.1:${port}`, kept, server };
}
