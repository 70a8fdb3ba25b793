import { spawn } from 'node:child_process';

const DEADLINE_MS = 110_000;

/** Runs a program of Python 3, which gets `input` as JSON on its standard input and prints JSON. */
export async function python<R>(program: string, input: unknown, signal?: AbortSignal): Promise<R> {
  const child = spawn('python3', ['-c', program], {
    timeout: DEADLINE_MS,
    ...(signal === undefined ? {} : { signal }),
  });
  const output = { stdout: '', stderr: '' };
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => {
      output[name] += text;
    });
  }
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  child.stdin.on('error', () => undefined);
  child.stdin.end(JSON.stringify(input));
  const code = await ended;
  if (code !== 0) throw new Error(`python3 ended with ${code}: ${output.stderr}`);
  return JSON.parse(output.stdout) as R;
}
