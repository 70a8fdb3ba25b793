/** Every error that reading builds, packages and repositories can give. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Case, check, cleanUp, coprs, prepare, q, url, world } from './testing/refusals.ts';
import { C42, C43 } from './testing/scene.ts';

beforeAll(prepare);
afterAll(cleanUp);

// biome-ignore format: a table
const READING: Case[] = [
  ['a build that does not exist', 'anonymous', 'GET', () => '/build/999999999', undefined, 404, /^Build 999999999 does not exist\.$/],
  ['a number of a build that is none', 'anonymous', 'GET', () => '/build/abc', undefined, 404, /Build abc does not exist/],
  ['a number that is too large', 'anonymous', 'GET', () => '/build/99999999999999999999', undefined, 404, /does not exist/],
  ['number 0', 'anonymous', 'GET', () => '/build/0', undefined, 404, /Build 0 does not exist/],
  ['a negative number', 'anonymous', 'GET', () => '/build/-1', undefined, 404, /does not exist/],
  ['the source stage of no build', 'anonymous', 'GET', () => '/build/source-chroot/999999999', undefined, 404, /does not exist/],
  ['the source of no build', 'anonymous', 'GET', () => '/build/source-build-config/999999999', undefined, 404, /does not exist/],
  ['the packages of no build', 'anonymous', 'GET', () => '/build/built-packages/999999999', undefined, 404, /does not exist/],
  ['a list without an owner', 'anonymous', 'GET', () => '/build/list?projectname=main', undefined, 400, /Missing argument ownername/],
  ['a list without a project', 'anonymous', 'GET', () => `/build/list?ownername=${world.main.owner}`, undefined, 400, /Missing argument projectname/],
  ['a list of an unknown project', 'anonymous', 'GET', () => `/build/list?ownername=${world.main.owner}&projectname=none`, undefined, 404, /\/none does not exist/],
  ['a list of an unknown owner', 'anonymous', 'GET', () => '/build/list?ownername=nobody-here&projectname=main', undefined, 404, /nobody-here\/main does not exist/],
  ['a limit that is no number', 'anonymous', 'GET', () => `/build/list?${q()}&limit=x`, undefined, 400, /limit must be a whole number/],
  ['a limit below 0', 'anonymous', 'GET', () => `/build/list?${q()}&limit=-1`, undefined, 400, /limit must be a whole number/],
  ['an offset that is no number', 'anonymous', 'GET', () => `/build/list?${q()}&offset=1.5`, undefined, 400, /offset must be a whole number/],
  ['an order that is no column', 'anonymous', 'GET', () => `/build/list?${q()}&order=drop`, undefined, 400, /order must be one of id/],
  ['an order that is no direction', 'anonymous', 'GET', () => `/build/list?${q()}&order_type=UP`, undefined, 400, /order_type must be ASC or DESC/],
  ['a chroot without a build', 'anonymous', 'GET', () => `/build-chroot?chrootname=${C43}`, undefined, 400, /Missing argument build_id/],
  ['a chroot without a name', 'anonymous', 'GET', () => `/build-chroot?build_id=${world.ids.ended}`, undefined, 400, /Missing argument chrootname/],
  ['a chroot of no build', 'anonymous', 'GET', () => `/build-chroot?build_id=999999999&chrootname=${C43}`, undefined, 404, /Build 999999999 does not exist/],
  ['a chroot that a build does not have', 'anonymous', 'GET', () => `/build-chroot?build_id=${world.ids.ended}&chrootname=fedora-rawhide-x86_64`, undefined, 404, /is not built in chroot fedora-rawhide-x86_64/],
  ['a chroot that does not exist', 'anonymous', 'GET', () => `/build-chroot?build_id=${world.ids.ended}&chrootname=none-1-x86_64`, undefined, 404, /Chroot none-1-x86_64 does not exist/],
  ['an old path to a chroot that does not exist', 'anonymous', 'GET', () => `/build-chroot/${world.ids.ended}/none-1-x86_64`, undefined, 404, /Chroot none-1-x86_64 does not exist/],
  ['the configuration of no chroot', 'anonymous', 'GET', () => `/build-chroot/build-config?build_id=${world.ids.ended}&chrootname=none-1-x86_64`, undefined, 404, /does not exist/],
  ['the configuration without arguments', 'anonymous', 'GET', () => '/build-chroot/build-config', undefined, 400, /Missing argument build_id/],
  ['the packages of no chroot', 'anonymous', 'GET', () => `/build-chroot/built-packages?build_id=${world.ids.recorded}&chrootname=none-1-x86_64`, undefined, 404, /does not exist/],
  ['the chroots of nothing', 'anonymous', 'GET', () => '/build-chroot/list', undefined, 400, /Missing argument build_id/],
  ['a monitor without a project', 'anonymous', 'GET', () => `/monitor?ownername=${world.main.owner}`, undefined, 400, /Missing argument projectname/],
  ['a monitor of no project', 'anonymous', 'GET', () => `/monitor?ownername=${world.main.owner}&projectname=none`, undefined, 404, /does not exist/],
  ['a field that the monitor does not have', 'anonymous', 'GET', () => `/monitor?${q()}&additional_fields[]=url_nothing`, undefined, 400, /url_nothing is not a valid choice for this field/],
  ['a directory that cannot be', 'anonymous', 'GET', () => `/monitor?${q()}&project_dirname=main:bad`, undefined, 400, /project_dirname: "main:bad" must be main, main:custom:NAME/],
  ['a directory of another project', 'anonymous', 'GET', () => `/monitor?${q()}&project_dirname=other:pr:1`, undefined, 400, /no directory of project main/],
  ['no package', 'anonymous', 'GET', () => `/package?${q()}&packagename=none`, undefined, 404, /Package none does not exist in .*\/main/],
  ['a package without a name', 'anonymous', 'GET', () => `/package?${q()}`, undefined, 400, /Missing argument packagename/],
  ['a package of no project', 'anonymous', 'GET', () => `/package?ownername=${world.main.owner}&projectname=none&packagename=x`, undefined, 404, /\/none does not exist/],
  ['packages of no project', 'anonymous', 'GET', () => `/package/list?ownername=${world.main.owner}&projectname=none`, undefined, 404, /does not exist/],
  ['packages without an owner', 'anonymous', 'GET', () => '/package/list?projectname=main', undefined, 400, /Missing argument ownername/],
  ['packages in no order', 'anonymous', 'GET', () => `/package/list?${q()}&order=secret`, undefined, 400, /order must be one of id, name/],
  ['a .repo file of no project', 'anonymous', 'GET', () => coprs('none/repo/fedora-43/'), undefined, 404, /\/none does not exist/],
  ['a .repo file of no owner', 'anonymous', 'GET', () => '/coprs/nobody-here/p/repo/fedora-43/dnf.repo', undefined, 404, /does not exist/],
  ['a .repo file of no group', 'anonymous', 'GET', () => '/coprs/g/nobody-here/p/repo/fedora-43/dnf.repo', undefined, 404, /@nobody-here\/p does not exist/],
  ['a .repo file of no directory', 'anonymous', 'GET', () => coprs('main:pr:9/repo/fedora-43/dnf.repo'), undefined, 404, /has no directory main:pr:9/],
  ['rpmrepo of no project', 'anonymous', 'GET', () => `/rpmrepo/${world.main.owner}/none/fedora-43/`, undefined, 404, /\/none does not exist/],
  ['a path that does not exist', 'anonymous', 'GET', () => '/build/create', undefined, 404, /create/],
  ['the wrong method', 'anonymous', 'DELETE', () => `/build/${world.ids.ended}`, undefined, 405, /./],
  ['the wrong method of a form', 'owner', 'PUT', () => '/build/create/url', url({}), 405, /./],
];

describe('reading', () => {
  it.each(READING)('%s', (...row) => check(row));
});

describe('a chroot that a project does not have', () => {
  it('is told to dnf4 with those that it has', async () => {
    const answer = await world.scene.anonymous.get(coprs('main/repo/epel-9/dnf.repo?arch=x86_64'));
    expect(answer).toMatchObject({ status: 404, body: { error: expect.stringContaining('has no chroot epel-9') } });
    const data = Buffer.from(answer.headers.get('copr-error-data') ?? '', 'base64').toString();
    expect(JSON.parse(data)).toEqual({ 'available chroots': [C42, C43] });
  });
});
