/** One world for all tests of refusals: what there is to refuse something about. */
import { expect } from 'vitest';
import type { ProjectView } from '../../cluster/index.ts';
import { OLD_CHROOT } from '../../testing/bed.ts';
import { type Scene, SUBMITTED, startScene } from './scene.ts';

export interface World {
  scene: Scene;
  main: ProjectView;
  persistent: ProjectView;
  dead: ProjectView;
  /** Runs; ended; recorded; ended in a persistent project; pending in a project of somebody else. */
  ids: { running: number; ended: number; recorded: number; kept: number; theirs: number };
}

export const world = { ids: { running: 0, ended: 0, recorded: 0, kept: 0, theirs: 0 } } as World;

export async function prepare(): Promise<void> {
  const scene = await startScene();
  const { ids } = world;
  world.scene = scene;
  world.main = await scene.project('main', { packitForgeProjects: ['github.com/good/*'] });
  world.persistent = await scene.project('kept', { persistent: true });
  world.dead = await scene.project('dead', { chroots: [OLD_CHROOT] });
  const foreign = await scene.project('theirs', { permissions: [] }, scene.admin.name);
  ids.running = await scene.submitted(world.main);
  ids.ended = await scene.submitted(world.main);
  ids.recorded = await scene.submitted(world.main);
  ids.kept = await scene.submitted(world.persistent);
  await scene.progress(ids.running, { running: true });
  await scene.progress(ids.ended);
  await scene.progress(ids.recorded);
  await scene.archive(ids.recorded);
  await scene.progress(ids.kept);
  const theirs = await scene.admin.ok('POST', '/build/create/url', { ...scene.names(foreign), pkgs: SUBMITTED });
  ids.theirs = (theirs.items as { id: number }[])[0]?.id ?? 0;
  await scene.owner.ok('POST', `${add('git')}/scm`, { clone_url: 'https://git.test/x.git' });
}

export async function cleanUp(): Promise<void> {
  await world.scene?.stop();
}

type Who = 'owner' | 'stranger' | 'builder' | 'anonymous' | 'admin';
export type Case = [
  what: string,
  who: Who,
  method: string,
  path: () => string,
  body: (() => unknown) | undefined,
  status: number,
  error: RegExp,
];

export const q = (): string => world.scene.query(world.main);
export const named = (): { ownername: string; projectname: string } => world.scene.names(world.main);
export const url = (more: object) => (): unknown => ({ ...named(), pkgs: [SUBMITTED], ...more });
export const scm = (more: object) => (): unknown => ({ ...named(), clone_url: 'https://git.test/x.git', ...more });
export const pkg = (more: object) => (): unknown => ({ ...named(), package_name: 'git', ...more });
export function add(name: string): string {
  return `/package/add/${world.main.owner}/main/${name}`;
}
export const edit = (rest: string): string => `/package/edit/${world.main.owner}/main/${rest}`;
export const coprs = (rest: string): string => `/coprs/${world.main.owner}/${rest}`;

/** Status and sentence, as `{"error": …}` and nothing else. */
export async function check([, who, method, path, body, status, error]: Case): Promise<void> {
  const answer = await world.scene[who].call(method, path(), body?.());
  expect({ status: answer.status, error: answer.body.error }).toEqual({ status, error: expect.stringMatching(error) });
  expect(Object.keys(answer.body)).toEqual(['error']);
  expect(answer.headers.get('content-type')).toBe('application/json');
}
