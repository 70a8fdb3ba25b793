/** Sources of builds and packages in Copr's words. */
import type { Source } from '../../crds/common.ts';
import { uploadPath } from '../../lib/protocol/upload.ts';

export interface CoprSource {
  source_type: 'unset' | 'link' | 'upload' | 'scm';
  source_dict: Record<string, unknown>;
}

/** Address of an uploaded file, as long as it is kept. */
export function uploadURL(upload: { id: string; name: string }, resultsURL: string): string {
  return `${new URL(resultsURL).origin}${uploadPath(upload)}`;
}

/**
 * @param methodKey the source of a package calls the way of making an SRPM `source_build_method`, that of a build
 * `srpm_build_method`
 */
export function coprSource(
  source: Source | null | undefined,
  resultsURL: string,
  methodKey: 'source_build_method' | 'srpm_build_method' = 'source_build_method',
): CoprSource {
  if (source?.link !== undefined) return { source_type: 'link', source_dict: { url: source.link.url } };
  if (source?.upload !== undefined) {
    const { id, name } = source.upload;
    return { source_type: 'upload', source_dict: { url: uploadURL(source.upload, resultsURL), pkg: name, tmp: id } };
  }
  if (source?.git !== undefined) {
    const { url, committish = '', subdirectory = '', spec = '' } = source.git;
    const source_dict = { type: 'git', clone_url: url, committish, subdirectory, spec, [methodKey]: 'rpkg' };
    return { source_type: 'scm', source_dict };
  }
  return { source_type: 'unset', source_dict: {} };
}
