import type { z } from 'zod';
import { TerminalError } from '../../lib/errors.ts';
import type {
  ProjectRepositories,
  Publication,
  PublicationRequest,
  RepositoryRequest,
  TaskManifest,
  TaskState,
} from '../../lib/protocol/publisher.ts';
import { publicationRequest, repositoryRequest, taskManifest } from '../../lib/protocol/publisher.ts';

interface Repository {
  generation: number;
  /** Result directories that are in it. */
  directories: Set<string>;
}

/**
 * The publisher's memory and rules, without files: what it has been sent, what it has published, and how often
 * something in a repository has really changed. Every request may be repeated.
 */
export class PublisherModel {
  readonly tasks = new Map<string, TaskManifest>();
  readonly publications = new Map<string, { request: PublicationRequest; answer: Publication }>();
  /** By `owner/project/chroot`. */
  readonly repositories = new Map<string, Repository>();
  readonly projects = new Map<string, RepositoryRequest>();
  readonly deleted: string[] = [];
  /** Tasks whose uploads are of no use any more; they may send nothing more. */
  readonly forgotten = new Set<string>();
  private readonly url: () => string;

  constructor(url: () => string) {
    this.url = url;
  }

  /** What the agent of a builder pod does. The same manifest again is fine, another one is not. */
  complete(task: string, manifest: TaskManifest): void {
    if (this.forgotten.has(task)) throw new TerminalError('TaskSuperseded', `the task ${task} was given up`);
    const before = this.tasks.get(task);
    if (before !== undefined && JSON.stringify(before) !== JSON.stringify(manifest)) {
      throw new TerminalError('TaskComplete', `the task ${task} was completed before, with other results`);
    }
    this.tasks.set(task, taskManifest.parse(manifest));
  }

  forget(task: string): void {
    this.forgotten.add(task);
    if (!this.publications.has(task)) this.tasks.delete(task);
  }

  taskState(task: string): TaskState {
    const manifest = this.tasks.get(task);
    return manifest === undefined ? { state: 'none' } : { state: 'complete', manifest };
  }

  publish(task: string, body: unknown): Publication {
    const known = this.publications.get(task);
    if (known !== undefined) return known.answer;
    const request = publicationRequest.parse(body);
    const manifest = this.tasks.get(task);
    if (manifest === undefined) throw new Error(`the task ${task} has not uploaded all of its results`);
    const answer = this.answerTo(request, manifest.verdict);
    this.publications.set(task, { request, answer });
    return answer;
  }

  ensure(owner: string, project: string, body: unknown): ProjectRepositories {
    const request = repositoryRequest.parse(body);
    const [main = project] = project.split(':');
    if (main !== project && !this.projects.has(`${owner}/${main}`)) {
      throw new TerminalError('ProjectDeleted', `the project ${owner}/${main} is not there`);
    }
    this.projects.set(`${owner}/${project}`, request);
    return {
      state: 'done',
      ...(request.regenerate === undefined ? {} : { regenerated: request.regenerate }),
      publicKeyFingerprint: 'F'.repeat(40),
      publicKeyURL: `${this.url()}/results/${owner}/${project}/pubkey.gpg`,
      chroots: request.chroots.map(({ name }) => {
        const { generation, directories } = this.repository(`${owner}/${project}/${name}`);
        const repoURL = `${this.url()}/results/${owner}/${project}/${name}/`;
        return { name, generation, packages: directories.size, repoURL, repoFileURL: `${repoURL}${name}.repo` };
      }),
    };
  }

  delete(owner: string, project: string): void {
    this.deleted.push(`${owner}/${project}`);
    const isOf = (key: string): boolean =>
      /^[:/]/.test(key.slice(`${owner}/${project}`.length)) && key.startsWith(`${owner}/${project}`);
    this.projects.delete(`${owner}/${project}`);
    for (const key of this.projects.keys()) if (isOf(key)) this.projects.delete(key);
    for (const key of this.repositories.keys()) if (isOf(key)) this.repositories.delete(key);
  }

  /** Publications for one Build, by its number. */
  ofBuild(build: number): { task: string; request: PublicationRequest; answer: Publication }[] {
    return [...this.publications]
      .filter(([, { request }]) => request.build === build)
      .map(([task, publication]) => ({ task, ...publication }));
  }

  private answerTo(request: PublicationRequest, verdict: z.infer<typeof taskManifest>['verdict']): Publication {
    const { owner, project, chroot, directory, stage } = request;
    if (verdict.outcome === 'failed') return { state: 'done', verdict, packages: [] };
    if (stage === 'source') {
      const path = `${owner}/${project}/${chroot}/${directory}/hello-2.12-1.src.rpm`;
      return { state: 'done', verdict, packages: [], srpm: { path, sha256: 'a'.repeat(64), size: 1234 } };
    }
    const repository = this.repository(`${owner}/${project}/${chroot}`);
    if (repository.directories.has(directory)) throw new Error(`${directory} is published twice`);
    repository.directories.add(directory);
    repository.generation++;
    const arch = request.architecture ?? 'noarch';
    const packages = [{ name: 'hello', epoch: 0, version: '2.12', release: '1', arch }];
    return { state: 'done', verdict, packages, generation: repository.generation };
  }

  private repository(key: string): Repository {
    const found = this.repositories.get(key);
    if (found !== undefined) return found;
    const fresh: Repository = { generation: 0, directories: new Set() };
    this.repositories.set(key, fresh);
    return fresh;
  }
}
