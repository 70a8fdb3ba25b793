/** The chroots of a project, as clients of Copr see them. Pure. */
import type { Project } from '../../crds/project.ts';
import type { ChrootSettings } from '../../crds/projectchroot.ts';
import { badFields, badRequest } from '../http/errors.ts';
import { CHROOT_FIELDS } from './chroot-fields.ts';
import type { MappingContext } from './field.ts';
import { isMapped, patchFrom, valueAt, withoutNulls } from './field.ts';

export interface Comps {
  name: string;
  content: string;
}

export interface ChrootNames {
  owner: string;
  name: string;
  project: Project;
  chroot: string;
}

export function settingsOf(project: Project, chroot: string): ChrootSettings {
  return project.spec.chrootSettings?.find(({ name }) => name === chroot) ?? { name: chroot };
}

export function projectChrootJSON({ owner, name, project, chroot }: ChrootNames, context: MappingContext): object {
  const settings = settingsOf(project, chroot);
  const json: Record<string, unknown> = {
    mock_chroot: chroot,
    ownername: owner,
    projectname: name,
    comps_name: settings.comps?.name ?? null,
    delete_after_days: null,
  };
  for (const row of CHROOT_FIELDS) {
    if (row.answer !== undefined && isMapped(row)) json[row.answer] = row.toAPI(valueAt(settings, row.place), context);
  }
  return json;
}

type Form = Readonly<Record<string, unknown>>;

/** The list of the Project with a changed entry; undefined when nothing changes. Throws 400. */
export function changedSettings(
  project: Project,
  chroot: string,
  form: Form,
  comps: Comps | undefined,
  context: MappingContext,
): ChrootSettings[] | null | undefined {
  const before = settingsOf(project, chroot);
  const patch = patchFrom(CHROOT_FIELDS, 'edit', withImplied(form, before), before, context);
  if (form.delete_comps === true) patch.comps = null;
  if (comps !== undefined) patch.comps = comps;
  for (const place of resetPlaces(form.reset_fields)) patch[place] = null;
  const after = withoutNulls({ ...before, ...patch }) as ChrootSettings;
  if (JSON.stringify(after) === JSON.stringify(before)) return undefined;
  const others = (project.spec.chrootSettings ?? []).filter(({ name }) => name !== chroot);
  const list = Object.keys(after).length > 1 ? [...others, after] : others;
  return list.length === 0 ? null : list;
}

function withImplied(form: Form, before: ChrootSettings): Form {
  const image = form.bootstrap_image;
  const hasImage = typeof image === 'string' ? image !== '' : before.bootstrapImage !== undefined;
  if (form.bootstrap === 'custom_image' && !hasImage) {
    throw badFields({ bootstrap_image: 'is needed for bootstrap: custom_image' });
  }
  if (form.bootstrap !== undefined || typeof image !== 'string' || image === '') return form;
  return { ...form, bootstrap: 'custom_image' };
}

/** Places by the names that answers and forms have for them. */
const RESETS: ReadonlyMap<string, string> = new Map([
  ...CHROOT_FIELDS.filter(isMapped).flatMap((row) =>
    [row.answer, row.edit].flatMap((name): [string, string][] => (name === undefined ? [] : [[name, row.place]])),
  ),
  ['comps', 'comps'],
  ['comps_name', 'comps'],
]);

function resetPlaces(fields: unknown): string[] {
  if (!Array.isArray(fields)) return [];
  return (fields as string[]).flatMap((list) =>
    list
      .split(/[\s,]+/)
      .filter((name) => name !== '')
      .map((name) => {
        const place = RESETS.get(name);
        if (place !== undefined) return place;
        throw badRequest(
          `Trying to reset an invalid attribute: ${name.slice(0, 100)}\nThese can be reset: ${[...RESETS.keys()].join(', ')}`,
        );
      }),
  );
}
