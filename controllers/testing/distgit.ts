import type { ImportRequest, ImportResult } from '../../lib/protocol/distgit.ts';
import { importRequest } from '../../lib/protocol/distgit.ts';

/** distgit's memory: every import has a record, and asking again gives the recorded answer. */
export class DistgitModel {
  readonly imports = new Map<string, { request: ImportRequest; answer: ImportResult }>();
  readonly deleted: string[] = [];
  /** What the spec of the next package says. */
  exclusiveArch: string[] = [];

  import(task: string, body: unknown): ImportResult {
    const known = this.imports.get(task);
    if (known !== undefined) return known.answer;
    const request = importRequest.parse(body);
    const commit = String(request.build).padStart(40, '0');
    const answer: ImportResult = {
      state: 'done',
      package: { name: 'hello', epoch: 0, version: '2.12', release: '1' },
      repo: `${request.owner}/${request.project}/hello`,
      branches: Object.fromEntries(request.branches.map((branch) => [branch, commit])),
      exclusiveArch: [...this.exclusiveArch],
      excludeArch: [],
      buildArchs: [],
    };
    this.imports.set(task, { request, answer });
    return answer;
  }

  delete(owner: string, project: string): void {
    this.deleted.push(`${owner}/${project}`);
  }

  ofBuild(build: number): ImportRequest[] {
    return [...this.imports.values()].map(({ request }) => request).filter((request) => request.build === build);
  }
}
