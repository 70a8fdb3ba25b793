/** A request for every route that is well-formed: nothing but missing rights can be wrong with it. */
import type { Part } from '../testing/client.ts';
import type { CallerName } from './authorisation-table.ts';
import type { Target } from './authorisation-world.ts';
import { C42, C43, SUBMITTED } from './testing/scene.ts';

export interface MatrixRequest {
  /** As it is in the URL, below the route's base. */
  path: string;
  body?: object;
  /** Fields of a multipart body. */
  fields?: object;
  file?: Part;
}

export type RequestMaker = (target: Target, caller: CallerName) => MatrixRequest | Promise<MatrixRequest>;

const GIT = { clone_url: 'https://git.test/hello.git', committish: 'main' };
let serial = 0;

function fresh(): string {
  serial += 1;
  return `fresh${serial}`;
}

const ofProject = ({ ownername, projectname }: Target): object => ({ ownername, projectname });
const place = ({ ownername, projectname }: Target): string => `${encodeURIComponent(ownername)}/${projectname}`;
const query = (target: Target): string => new URLSearchParams({ ...ofProject(target) }).toString();

export const REQUESTS: Readonly<Record<string, RequestMaker>> = {
  home: () => ({ path: '/' }),
  'docs.home': () => ({ path: '/' }),
  'docs.token': () => ({ path: '/api' }),
  'docs.page': () => ({ path: '/docs' }),
  'docs.openapi': () => ({ path: '/openapi.json' }),
  'auth.check': () => ({ path: '/auth-check' }),
  'auth.new-token': () => ({ path: '/api-token' }),

  'project.get': (target) => ({ path: `/project?${query(target)}` }),
  'project.list': (target) => ({ path: `/project/list?${query(target)}` }),
  'project.search': (target) => ({ path: `/project/search?query=${place(target)}` }),
  'project.add': ({ ownername }) => ({
    path: `/project/add/${encodeURIComponent(ownername)}`,
    body: { name: fresh(), chroots: [C43] },
  }),
  'project.edit': (target) => ({ path: `/project/edit/${place(target)}`, body: { description: fresh() } }),
  'project.delete': (target) => ({ path: `/project/delete/${place(target)}`, body: { verify: true } }),
  'project.regenerate-repos': (target) => ({ path: `/project/regenerate-repos/${place(target)}` }),

  'permissions.get': (target) => ({ path: `/project/permissions/get/${place(target)}` }),
  'permissions.set': (target) => ({
    path: `/project/permissions/set/${place(target)}`,
    body: { [target.names.stranger]: { admin: 'approved' } },
  }),
  // A builder cannot ask to be one.
  'permissions.request': (target, caller) => ({
    path: `/project/permissions/request/${place(target)}`,
    body: caller === 'builder' ? { admin: true } : { builder: true },
  }),
  'permissions.can-build-in': (target) => ({
    path: `/project/permissions/can_build_in/${target.names.stranger}/${place(target)}`,
  }),

  'project-chroot.get': (target) => ({ path: `/project-chroot?${query(target)}&chrootname=${C43}` }),
  'project-chroot.build-config': (target) => ({
    path: `/project-chroot/build-config?${query(target)}&chrootname=${C43}`,
  }),
  'project-chroot.edit': (target) => ({
    path: `/project-chroot/edit/${place(target)}/${C43}`,
    fields: { additional_packages: fresh() },
    file: { name: 'upload_comps', filename: 'comps.xml', type: 'application/text', content: '<comps></comps>' },
  }),
  'mock-chroots.list': () => ({ path: '/mock-chroots/list' }),

  'package.get': async (target) => ({ path: `/package?${query(target)}&packagename=${await target.package()}` }),
  'package.list': (target) => ({ path: `/package/list?${query(target)}` }),
  'package.add': (target) => {
    const name = fresh();
    return { path: `/package/add/${place(target)}/${name}/scm`, body: { package_name: name, ...GIT } };
  },
  'package.edit': async (target) => {
    const name = await target.package();
    return {
      path: `/package/edit/${place(target)}/${name}/scm`,
      body: { package_name: name, ...GIT, committish: fresh() },
    };
  },
  'package.reset': async (target) => ({
    path: '/package/reset',
    body: { ...ofProject(target), package_name: await target.package() },
  }),
  'package.delete': async (target) => ({
    path: '/package/delete',
    body: { ...ofProject(target), package_name: await target.package() },
  }),
  'package.build': async (target) => ({
    path: '/package/build',
    body: { ...ofProject(target), package_name: await target.package() },
  }),

  'build.get': async (target) => ({ path: `/build/${await target.ended()}` }),
  'build.list': (target) => ({ path: `/build/list?${query(target)}` }),
  'build.source-chroot': async (target) => ({ path: `/build/source-chroot/${await target.ended()}` }),
  'build.source-build-config': async (target) => ({ path: `/build/source-build-config/${await target.ended()}` }),
  'build.built-packages': async (target) => ({ path: `/build/built-packages/${await target.ended()}` }),
  'build.check-before-build': (target) => ({ path: '/build/check-before-build', body: ofProject(target) }),
  'build.create-url': (target) => ({ path: '/build/create/url', body: { ...ofProject(target), pkgs: [SUBMITTED] } }),
  'build.create-upload': (target) => ({
    path: '/build/create/upload',
    fields: ofProject(target),
    file: { name: 'pkgs', filename: 'hello-1-1.src.rpm', type: 'application/x-rpm', content: 'an SRPM' },
  }),
  'build.create-scm': (target) => ({ path: '/build/create/scm', body: { ...ofProject(target), ...GIT } }),
  'build.cancel': async (target) => ({ path: `/build/cancel/${await target.running()}` }),
  'build.delete': async (target) => ({ path: `/build/delete/${await target.ended()}` }),
  'build.delete-list': async (target) => ({ path: '/build/delete/list', body: { builds: [await target.ended()] } }),

  'build-chroot.get': async (target) => ({
    path: `/build-chroot?build_id=${await target.running()}&chrootname=${C42}`,
  }),
  'build-chroot.list': async (target) => ({ path: `/build-chroot/list?build_id=${await target.running()}` }),
  'build-chroot.build-config': async (target) => ({
    path: `/build-chroot/build-config?build_id=${await target.running()}&chrootname=${C42}`,
  }),
  'build-chroot.built-packages': async (target) => ({
    path: `/build-chroot/built-packages?build_id=${await target.running()}&chrootname=${C42}`,
  }),
  // Nothing writes logs here: that a caller is not turned away is what counts.
  'build-chroot.log': async (target) => ({
    path: `/build-chroot/log?build_id=${await target.running()}&chrootname=${C42}`,
  }),
  'build-chroot.log-stream': async (target) => ({
    path: `/build-chroot/log/stream?build_id=${await target.running()}&chrootname=${C42}`,
  }),
  'monitor.get': (target) => ({ path: `/monitor?${query(target)}` }),
  'dnf.repo-file': (target) => ({ path: `/coprs/${place(target)}/repo/fedora-43/dnf.repo?arch=x86_64` }),
  'dnf.rpmrepo': (target) => ({ path: `/rpmrepo/${place(target)}/fedora-43/` }),
};
