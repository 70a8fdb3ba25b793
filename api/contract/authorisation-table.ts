/**
 * Who may do what, for every route: the table of rights of Copr, written down and not derived from what the routes
 * declare. `ok` is an answer of 200; a number is the status of an answer that says why not.
 */

export const CALLERS = [
  'anonymous',
  // Somebody with a token, who has nothing to do with the project.
  'stranger',
  // Has asked for both roles.
  'applicant',
  'builder',
  'admin',
  // Of a personal project, or a member of the group that owns it.
  'owner',
  'siteAdmin',
  // A ServiceAccount of Kubernetes without any rights.
  'robot',
  // Of the owner, as the next two.
  'expired',
  'revoked',
  'wrongToken',
  'malformed',
] as const;
export type CallerName = (typeof CALLERS)[number];

const TABLE = `
                            anonymous stranger applicant builder admin owner siteAdmin robot expired revoked wrongToken malformed
home                        ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
docs.home                   ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
docs.token                  ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
docs.page                   ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
docs.openapi                ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
auth.check                  401       ok       ok        ok      ok    ok    ok        ok    401     401     401        401
auth.new-token              401       ok       ok        ok      ok    ok    ok        403   401     401     401        401

project.get                 ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
project.list                ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
project.search              ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
project.add                 401       403      403       403     403   ok    ok        403   401     401     401        401
project.edit                401       403      403       403     ok    ok    ok        403   401     401     401        401
project.delete              401       403      403       403     403   ok    ok        403   401     401     401        401
project.regenerate-repos    401       403      403       403     ok    ok    ok        403   401     401     401        401

permissions.get             401       403      403       403     ok    ok    ok        403   401     401     401        401
permissions.set             401       403      403       403     ok    ok    ok        403   401     401     401        401
permissions.request         401       ok       ok        ok      ok    400   ok        403   401     401     401        401
permissions.can-build-in    ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok

project-chroot.get          ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
project-chroot.build-config ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
project-chroot.edit         401       403      403       403     ok    ok    ok        403   401     401     401        401
mock-chroots.list           ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok

package.get                 ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
package.list                ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
package.add                 401       403      403       403     ok    ok    ok        403   401     401     401        401
package.edit                401       403      403       403     ok    ok    ok        403   401     401     401        401
package.reset               401       403      403       403     ok    ok    ok        403   401     401     401        401
package.delete              401       403      403       403     ok    ok    ok        403   401     401     401        401
package.build               401       403      403       ok      ok    ok    ok        403   401     401     401        401

build.get                   ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build.list                  ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build.source-chroot         ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build.source-build-config   ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build.built-packages        ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build.check-before-build    401       403      403       ok      ok    ok    ok        403   401     401     401        401
build.create-url            401       403      403       ok      ok    ok    ok        403   401     401     401        401
build.create-upload         401       403      403       ok      ok    ok    ok        403   401     401     401        401
build.create-scm            401       403      403       ok      ok    ok    ok        403   401     401     401        401
build.cancel                401       403      403       ok      ok    ok    ok        403   401     401     401        401
build.delete                401       403      403       403     ok    ok    ok        403   401     401     401        401
build.delete-list           401       400      400       400     ok    ok    ok        400   401     401     401        401

build-chroot.get            ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build-chroot.list           ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build-chroot.build-config   ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build-chroot.built-packages ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
build-chroot.log            404       404      404       404     404   404   404       404   404     404     404        404
build-chroot.log-stream     404       404      404       404     404   404   404       404   404     404     404        404
monitor.get                 ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
dnf.repo-file               ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
dnf.rpmrepo                 ok        ok       ok        ok      ok    ok    ok        ok    ok      ok      ok         ok
`;

/** By operation; the status of each answer. */
export const EXPECTED = parse(TABLE);
export type Row = Readonly<Record<CallerName, number>>;

function parse(text: string): ReadonlyMap<string, Row> {
  const [head, ...lines] = text.split('\n').filter((line) => line.trim() !== '');
  const columns = (head ?? '').trim().split(/\s+/);
  if (columns.join() !== CALLERS.join()) throw new Error(`the columns of the table are ${columns.join(', ')}`);
  const rows = new Map<string, Record<CallerName, number>>();
  for (const line of lines) {
    const [operation = '', ...cells] = line.trim().split(/\s+/);
    if (cells.length !== CALLERS.length) throw new Error(`${operation} has ${cells.length} cells`);
    const entries = CALLERS.map((caller, index) => [caller, cells[index] === 'ok' ? 200 : Number(cells[index])]);
    rows.set(operation, Object.fromEntries(entries) as Record<CallerName, number>);
  }
  return rows;
}
