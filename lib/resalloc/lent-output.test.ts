import { describe, expect, it } from 'vitest';
import { lentOutput } from './lent-output.ts';
import { parseMachineData } from './machine-data.ts';

const text = (base64: string | undefined): string | undefined => base64 && Buffer.from(base64, 'base64').toString();

describe('what a client of Resalloc is told of a machine', () => {
  it('is what its hook printed, whatever that is', () => {
    const data = Buffer.from('10.0.0.7\nand more\n').toString('base64');
    expect(lentOutput({ data, address: '10.0.0.8:22' })).toBe(data);
    expect(lentOutput({ data: '', address: '10.0.0.8:22' })).toBe('');
  });

  it.each([
    ['build1.example:2222', 'build1.example', 2222],
    ['[2001:db8::7]:22', '2001:db8::7', 22],
  ])('is a document with the address when no hook made it: %s', (address, host, port) => {
    const output = text(lentOutput({ address }));
    expect(output).toMatch(/^---\n/);
    expect(parseMachineData(output ?? '')).toMatchObject({ data: { host, port } });
  });

  it('is nothing when nothing is known', () => {
    expect(lentOutput({})).toBeUndefined();
    expect(lentOutput({ address: 'nonsense' })).toBeUndefined();
  });
});
