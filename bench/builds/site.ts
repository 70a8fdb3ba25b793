/** A real API server with an operator on it, and stand-ins for everything else: nodes, garbage collector, services. */
import { Registry } from 'prom-client';
import { createChroot } from '../../controllers/testing/create.ts';
import type { Standins } from '../../controllers/testing/standins.ts';
import { startStandins } from '../../controllers/testing/standins.ts';
import type { BuilderPool } from '../../crds/builderpool.ts';
import { BuilderPools } from '../../crds/builderpool.ts';
import type { Project } from '../../crds/project.ts';
import { Projects } from '../../crds/project.ts';
import { installCRDs } from '../../crds/testing/install.ts';
import { systemClock } from '../../lib/clock.ts';
import type { ClusterAccess } from '../../operator/access.ts';
import { loadAccess } from '../../operator/access.ts';
import type { ApiClient } from '../../operator/client.ts';
import { Namespaces } from '../../operator/core.ts';
import type { Manager } from '../../operator/manager.ts';
import { createManager } from '../../operator/manager.ts';
import { startEnvtest } from '../../operator/testing/envtest.ts';
import { quietLog, testClient } from '../../operator/testing/harness.ts';
import { createOpened } from '../opened.ts';
import { addSimulatedBuilders } from './builders.ts';
import type { Lives } from './lives.ts';
import { loginAsOperator } from './login.ts';
import { addNodes } from './nodes.ts';
import type { OperatorProcess, ProgramOptions } from './operator.ts';
import { startOperator } from './operator.ts';

export const BUILDS = 'kopr-builds';
const RELEASE = 'kopr-system';
/** Stages of a Build: one in each of these, and one for its sources. */
export const CHROOTS = ['pebble-13-x86_64', 'pebble-12-i386', 'pebble-12-x86_64', 'pebble-11-x86_64'];
export const OWNERS = 20;

export interface Site {
  client: ApiClient;
  standins: Standins;
  /** Sees what the operator does; its stores may be asked for before `start`. */
  world: Manager;
  startOperator(options?: ProgramOptions): Promise<OperatorProcess>;
  stop(): Promise<void>;
}

export interface SiteOptions {
  pool: Partial<BuilderPool['spec']>;
  lives: Lives;
  /** Default: the operator makes their pods, and nodes are played. */
  builders?: 'pods' | 'simulated';
  project?: Partial<Project['spec']>;
  /** Called with what watches, before it starts. */
  prepare?: (world: Manager) => void;
}

export async function startSite(options: SiteOptions): Promise<Site> {
  const opened = createOpened();
  const stop = (): Promise<void> => opened.stop();
  try {
    const envtest = await startEnvtest();
    opened.push(() => envtest.stop());
    const access = await loadAccess({ clock: systemClock, kubeconfig: envtest.kubeconfig });
    const client = testClient(access, { userAgent: 'bench' });
    opened.push(() => client.close());
    const standins = await startStandins();
    opened.push(() => standins.stop());
    await installCRDs(client);
    await furnish(client, options);
    const kubeconfig = await loginAsOperator(client, envtest.kubeconfig, RELEASE);
    const { world, close } = createWorld(await loadAccess({ clock: systemClock, kubeconfig }));
    const { builders = 'pods', lives } = options;
    if (builders === 'pods') addNodes(world, standins.publisher, lives);
    else addSimulatedBuilders(world, standins.publisher, lives);
    options.prepare?.(world);
    opened.push(close);
    await world.start();
    return {
      client,
      standins,
      world,
      stop,
      async startOperator(program) {
        const setup = {
          kubeconfig,
          publisherURL: standins.publisherURL,
          distgitURL: standins.distgitURL,
          releaseNamespace: RELEASE,
          buildsNamespace: BUILDS,
        };
        const operator = await startOperator(setup, {
          ...(builders === 'simulated' ? { program: 'bench/builds/simulated.ts' } : {}),
          ...program,
        });
        opened.push(() => operator.stop());
        return operator;
      },
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

export function ownerNo(index: number): string {
  return `owner-${index % OWNERS}`;
}

async function furnish(client: ApiClient, { pool, project }: SiteOptions): Promise<void> {
  const owners = Array.from({ length: OWNERS }, (_, index) => ownerNo(index));
  for (const name of [BUILDS, RELEASE, ...owners]) await client.create(Namespaces, { metadata: { name } });
  for (const name of CHROOTS) await createChroot(client, name);
  const all = { pod: {}, architectures: ['x86_64', 'i386'], max: 100, maxStarting: 100, ...pool };
  await client.create(BuilderPools, { metadata: { name: 'default', namespace: BUILDS }, spec: all as never });
  for (const namespace of owners) {
    const spec = { chroots: CHROOTS, ...project } as Project['spec'];
    await client.create(Projects, { metadata: { name: 'hello', namespace }, spec });
  }
}

/** Has a client, and so connections, of its own. */
function createWorld(access: ClusterAccess): { world: Manager; close: () => Promise<void> } {
  const client = testClient(access, { userAgent: 'bench-nodes' });
  const world = createManager({
    client,
    clock: systemClock,
    log: quietLog,
    registry: new Registry(),
    name: 'kopr.dev/bench',
    instance: 'bench',
    drainMs: 200,
  });
  const close = async (): Promise<void> => {
    await world.stop();
    await client.close();
  };
  return { world, close };
}
