import { fileNameProblem } from '../../lib/lookaside/file-name.ts';
import { type HashType, isHash, isHashType } from '../../lib/lookaside/sources.ts';
import type { GitService } from './git-backend.ts';
import type { PackagePath } from './layout.ts';
import { isName } from './names.ts';

export type Route =
  | { kind: 'index' }
  | { kind: 'git'; path: PackagePath; service: GitService }
  | { kind: 'push' }
  | { kind: 'dumb' }
  | { kind: 'lookaside'; path: PackagePath; file: string; hashtype: HashType; hash: string }
  | { kind: 'log'; build: number };

/**
 * What a request URL of the public port asks for; undefined when nothing is there. Pure. Every part of the path is
 * decoded once and must be a plain name by itself, so no way of encoding a separator or ".." leads anywhere.
 */
export function routeOf(requestUrl: string): Route | undefined {
  const [rawPath = '', ...query] = requestUrl.split('?');
  const parts: string[] = [];
  for (const raw of rawPath.split('/').slice(1)) {
    const part = decode(raw);
    if (part === undefined) return undefined;
    parts.push(part);
  }
  if (parts.length === 1 && parts[0] === '') return { kind: 'index' };
  if (parts[0] === 'git') return gitRoute(parts.slice(1), query.join('?'));
  if (parts[0] === 'repo' && parts[1] === 'pkgs') return lookasideRoute(parts.slice(2));
  if (parts[0] === 'per-task-logs' && parts.length === 2) return logRoute(parts[1] as string);
  return undefined;
}

function decode(part: string): string | undefined {
  try {
    return decodeURIComponent(part);
  } catch {
    return undefined;
  }
}

function packagePath(owner = '', project = '', name = ''): PackagePath | undefined {
  const usable = isName('owner', owner) && isName('project', project) && isName('package', name);
  return usable ? { owner, project, package: name } : undefined;
}

function gitRoute(parts: string[], query: string): Route | undefined {
  const path = packagePath(parts[0], parts[1], parts[2]?.replace(/\.git$/, ''));
  if (!path) return undefined;
  const rest = parts.slice(3).join('/');
  if (rest === 'git-upload-pack') return { kind: 'git', path, service: 'git-upload-pack' };
  const service = new URLSearchParams(query).get('service');
  if (rest === 'git-receive-pack' || (rest === 'info/refs' && service === 'git-receive-pack')) return { kind: 'push' };
  if (rest !== 'info/refs') return undefined;
  return service === 'git-upload-pack' ? { kind: 'git', path, service: 'info/refs' } : { kind: 'dumb' };
}

/** `…/<file>/<hashtype>/<hash>/<file>`, or without the type for MD5, as upstream's builders ask. */
function lookasideRoute(parts: string[]): Route | undefined {
  const path = packagePath(parts[0], parts[1], parts[2]);
  if (!path) return undefined;
  const rest = parts.slice(3);
  const [file, hashtype, hash, again] = rest.length === 3 ? [rest[0], 'md5', rest[1], rest[2]] : rest;
  if (rest.length < 3 || rest.length > 4 || file === undefined || hashtype === undefined || hash === undefined)
    return undefined;
  if (file !== again || fileNameProblem(file) || !isHashType(hashtype) || !isHash(hashtype, hash)) return undefined;
  return { kind: 'lookaside', path, file, hashtype, hash };
}

function logRoute(name: string): Route | undefined {
  const build = /^([1-9][0-9]{0,14})\.log$/.exec(name)?.[1];
  return build === undefined ? undefined : { kind: 'log', build: Number(build) };
}
