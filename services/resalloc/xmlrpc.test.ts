import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Fault } from './fault.ts';
import { python } from './testing/python.ts';
import type { Parameter, Result } from './xmlrpc.ts';
import { faultXml, parseCall, resultXml } from './xmlrpc.ts';

const call = (params: string): string =>
  `<methodCall><methodName>m</methodName><params>${params}</params></methodCall>`;
const param = (value: string): string => call(`<param><value>${value}</value></param>`);
const parse = (text: string): ReturnType<typeof parseCall> => parseCall(Buffer.from(text));

/** What XML can hold and Python passes on as it is. */
const text = fc.string({ unit: 'binary', maxLength: 20 }).map((one) => one.replace(/[^\t\n\u0020-\ufffd]/g, '?'));
const integer = fc.integer({ min: -2_147_483_648, max: 2_147_483_647 });
const scalar = fc.oneof(text, integer, fc.boolean(), fc.constant(null));
const parameter: fc.Arbitrary<Parameter> = fc.oneof(
  scalar,
  fc.array(fc.oneof(scalar, fc.array(scalar, { maxLength: 3 }))),
);

describe('a call', () => {
  it.each<[string, string, Parameter]>([
    ['a string without a type', 'a b', 'a b'],
    ['a string', '<string> a </string>', ' a '],
    ['an empty string', '<string/>', ''],
    [
      'integers of every name',
      '<array><data><value><int>1</int></value><value><i4>-2</i4></value><value><i8>+3</i8></value></data></array>',
      [1, -2, 3],
    ],
    ['the integer -0', '<int>-0</int>', 0],
    [
      'booleans',
      '<array><data><value><boolean>0</boolean></value><value><boolean>1</boolean></value></data></array>',
      [false, true],
    ],
    ['nothing', '<nil/>', null],
    ['an empty list', '<array><data/></array>', []],
    ['space around the type', '\n<int>1</int>\n', 1],
  ])('may carry %s', (_, value, expected) => {
    expect(parse(param(value))).toEqual({ method: 'm', parameters: [expected] });
  });

  it('may have no parameters', () => {
    expect(parse('<methodCall><methodName>system.listMethods</methodName></methodCall>')).toEqual({
      method: 'system.listMethods',
      parameters: [],
    });
  });

  it.each<[string, string, RegExp]>([
    ['a response', '<methodResponse/>', /it is a <methodResponse>, not a <methodCall>/],
    ['without a method', '<methodCall></methodCall>', /must hold a <methodName>/],
    ['of a method with a strange name', '<methodCall><methodName>a b</methodName></methodCall>', /is not one/],
    ['with text between elements', '<methodCall>x<methodName>m</methodName></methodCall>', /holds text beside/],
    [
      'with two lists of parameters',
      '<methodCall><methodName>m</methodName><params/><params/></methodCall>',
      /at most/,
    ],
    ['with something else than a parameter', call('<value>1</value>'), /must be a <param>/],
    ['with an empty parameter', call('<param/>'), /must be a <param> with one <value>/],
    ['with two values in one', param('<int>1</int><int>2</int>'), /more than one element/],
    ['with text beside a type', param('a<int>1</int>'), /holds text beside elements/],
    ['with elements in an integer', param('<int><int>1</int></int>'), /holds elements, not text/],
    ['with an integer that is none', param('<int>1.5</int>'), /an integer is not one/],
    ['with an integer without digits', param('<int></int>'), /an integer is not one/],
    ['with an integer that is too large', param('<i8>9007199254740992</i8>'), /too many digits/],
    ['with a boolean that is none', param('<boolean>constructor</boolean>'), /neither 0 nor 1/],
    ['with a list that is none', param('<array/>'), /must hold one <data>/],
    ['with a list of no values', param('<array><data><int>1</int></data></array>'), /where a <value> should/],
  ])('is refused with a sentence: one %s', (_, xml, message) => {
    expect(() => parse(xml)).toThrow(message);
    expect(() => parse(xml)).toThrow(expect.objectContaining({ kind: 'malformed' }));
  });

  it.each(['double', 'base64', 'dateTime.iso8601', 'struct', 'constructor'])(
    'is refused when it carries a %s, which no method takes',
    (type) => {
      expect(() => parse(param(`<${type}/>`))).toThrow(`no method here takes a value of the type <${type}>`);
    },
  );

  it('is what Python has sent', async () => {
    const calls = fc.sample(fc.array(parameter, { maxLength: 4 }), 300);
    const program = `
import json, sys, xmlrpc.client
calls = json.load(sys.stdin)
print(json.dumps([xmlrpc.client.dumps(tuple(one), 'takeTicket', allow_none=True) for one in calls]))`;
    const sent = await python<string[]>(program, calls);
    expect(sent).toHaveLength(300);
    expect(sent.map(parse)).toEqual(calls.map((parameters) => ({ method: 'takeTicket', parameters })));
  });

  it('is a call or a fault, whatever becomes of it on the way', () => {
    const whole = param('<array><data><value><string>copr_builder</string></value></data></array>');
    const cut = fc.record({ from: fc.nat(whole.length), length: fc.nat(12), instead: fc.string({ maxLength: 8 }) });
    fc.assert(
      fc.property(cut, ({ from, length, instead }) => {
        try {
          expect(parse(whole.slice(0, from) + instead + whole.slice(from + length))).toHaveProperty('method');
        } catch (error) {
          expect(error).toBeInstanceOf(Fault);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

describe('an answer', () => {
  const results: Result[] = [
    'a <b> & "c"',
    7,
    true,
    null,
    [1, ['x']],
    { ready: true, output: Buffer.from([0, 255, 10]), closed: false, failed: false },
    '\r',
  ];
  const program = `
import json, sys, xmlrpc.client
def plain(value):
    return {'base64': value.data.hex()} if isinstance(value, xmlrpc.client.Binary) else value
answers = []
for xml in json.load(sys.stdin):
    try:
        (value,), _ = xmlrpc.client.loads(xml)
        if isinstance(value, dict):
            value = {name: plain(member) for name, member in value.items()}
        answers.append(value)
    except xmlrpc.client.Fault as fault:
        answers.append(['fault', fault.faultCode, fault.faultString])
print(json.dumps(answers))`;

  it('is what Python reads', async () => {
    const expected = results.map((one) =>
      one !== null && typeof one === 'object' && 'ready' in one ? { ...one, output: { base64: '00ff0a' } } : one,
    );
    expect(await python(program, results.map(resultXml))).toEqual(expected);
  });

  it('is a fault for Python when it is one, whatever its sentence holds', async () => {
    const faults = [new Fault('unknownMethod', 'no <x> & "y"'), new Fault('internal', 'odd \u0000 \ud800')];
    expect(await python(program, faults.map(faultXml))).toEqual([
      ['fault', -32601, 'no <x> & "y"'],
      ['fault', -32603, 'odd \ufffd \ufffd'],
    ]);
  });

  it('holds no number that XML-RPC cannot send', () => {
    for (const number of [2_147_483_648, 1.5, Number.NaN]) {
      expect(() => resultXml(number)).toThrow('is no integer that XML-RPC can send');
    }
  });
});
