import type { Build } from '../../crds/build.ts';
import type { Package } from '../../crds/package.ts';
import { labelValue } from '../shared/names.ts';

/** On a Build: the Package that it was made for, as labelValue has it. */
export const PACKAGE_LABEL = 'kopr.dev/package';

/** Builds name their Package in a label, which long names do not fit into as they are. */
export function labelKey({ metadata }: Package): string {
  return `${metadata.namespace}/${labelValue(metadata.name)}`;
}

/** Key of the Package that the label of a Build names; none when it has no such label. */
export function labelKeys({ metadata }: Build): string[] {
  const label = metadata.labels?.[PACKAGE_LABEL];
  return label === undefined ? [] : [`${metadata.namespace}/${label}`];
}
