/** What a failed git means for us; decided by its words, since its exit code is 128 for nearly everything. */
export type GitFailure = 'no-shallow' | 'no-reference' | 'refused' | 'final' | 'transient';

const RULES: readonly [RegExp, GitFailure][] = [
  [/dumb http transport does not support|does not support shallow|Server does not support --depth/i, 'no-shallow'],
  [
    /couldn't find remote ref|not our ref|no such remote ref|upload-pack: not our ref|Server does not allow request for unadvertised object/i,
    'no-reference',
  ],
  [
    /could not read (?:Username|Password)|Authentication failed|requested URL returned error: (?:401|403|410)/i,
    'refused',
  ],
  [
    /requested URL returned error: 40[45]|Repository not found|repository '[^'\n]*' not found|not valid: is this a git repository/i,
    'final',
  ],
  [
    /transport '[^'\n]*' not allowed|No url found for submodule path|unable to find remote helper|invalid path|exceeds maximum allowed size/i,
    'final',
  ],
  [/SSL certificate problem|server certificate verification failed/i, 'final'],
];

/** Anything unknown is taken for a passing trouble of the network: tries are bounded. */
export function gitFailure(output: string): GitFailure {
  return RULES.find(([pattern]) => pattern.test(output))?.[1] ?? 'transient';
}

/** The first line that says why, without git's prefixes. */
export function firstError(output: string): string {
  const lines = output.split('\n').map((line) => line.trim());
  const line = lines.find((one) => /^(fatal|error|remote):/i.test(one)) ?? lines.find((one) => one !== '');
  return (line ?? 'git gave no reason').replace(/^(fatal|error|remote): */i, '').slice(0, 300);
}
