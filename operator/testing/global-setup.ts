/** One API server for all files of the vitest project "api". A test gets at it with `inject('kubeconfig')`. */
import type { TestProject } from 'vitest/node';

import type { Envtest } from './envtest.ts';
import { startEnvtest } from './envtest.ts';

declare module 'vitest' {
  interface ProvidedContext {
    kubeconfig: string;
  }
}

let envtest: Envtest | undefined;

export async function setup(project: TestProject): Promise<void> {
  envtest = await startEnvtest();
  project.provide('kubeconfig', envtest.kubeconfig);
}

export async function teardown(): Promise<void> {
  await envtest?.stop();
}
