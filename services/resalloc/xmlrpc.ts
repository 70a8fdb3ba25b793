import { FAULTS, Fault } from './fault.ts';
import type { Element } from './xml.ts';
import { escapeXml, parseXml } from './xml.ts';

/** What a parameter can be: the types that Resalloc's methods take. */
export type Parameter = string | number | boolean | null | Parameter[];

/** What a result can be. A Buffer goes as base64, null as nil. */
export type Result = string | number | boolean | null | Buffer | Result[] | { [member: string]: Result };

export interface Call {
  method: string;
  parameters: Parameter[];
}

const MAX_INT = 2_147_483_647;
const METHOD_NAME = /^[A-Za-z0-9_.:/]{1,100}$/;

/** Throws a Fault when it is not a call. */
export function parseCall(body: Uint8Array): Call {
  const root = parseXml(body);
  if (root.name !== 'methodCall') throw wrong(`it is a <${root.name}>, not a <methodCall>`);
  const [name, params, ...more] = container(root);
  if (name?.name !== 'methodName' || more.length > 0 || (params !== undefined && params.name !== 'params')) {
    throw wrong('<methodCall> must hold a <methodName> and then at most one <params>');
  }
  const method = leaf(name);
  if (!METHOD_NAME.test(method)) throw wrong('the name of the method is not one');
  return { method, parameters: params === undefined ? [] : container(params).map(parameter) };
}

function wrong(message: string): Fault {
  return new Fault('malformed', `the request is not a call of XML-RPC: ${message}`);
}

/** The elements in one that holds no text. */
function container(element: Element): Element[] {
  if (element.text.trim() !== '') throw wrong(`<${element.name}> holds text beside elements`);
  return element.children;
}

/** The text of one that holds no elements. */
function leaf(element: Element): string {
  if (element.children.length > 0) throw wrong(`<${element.name}> holds elements, not text`);
  return element.text;
}

function parameter(element: Element): Parameter {
  const [value, ...more] = element.name === 'param' ? container(element) : [];
  if (value === undefined || more.length > 0) {
    throw wrong('each member of <params> must be a <param> with one <value>');
  }
  return parameterValue(value);
}

function parameterValue(element: Element): Parameter {
  if (element.name !== 'value') throw wrong(`<${element.name}> stands where a <value> should`);
  const [typed, ...more] = element.children;
  // Without a type it is a string.
  if (typed === undefined) return element.text;
  if (more.length > 0) throw wrong('a <value> holds more than one element');
  container(element);
  return typedValue(typed);
}

function typedValue(element: Element): Parameter {
  switch (element.name) {
    case 'string':
      return leaf(element);
    case 'int':
    case 'i4':
    case 'i8':
      return integer(leaf(element));
    case 'boolean':
      return boolean(leaf(element));
    case 'nil':
      if (leaf(element) !== '') throw wrong('<nil/> holds text');
      return null;
    case 'array':
      return array(element);
    default:
      throw new Fault('wrongParameters', `no method here takes a value of the type <${element.name}>`);
  }
}

function integer(text: string): number {
  const number = /^\s*[+-]?[0-9]{1,16}\s*$/.test(text) ? Number(text) : Number.NaN;
  if (!Number.isSafeInteger(number)) throw wrong('an integer is not one, or has too many digits');
  // There is no negative zero in XML-RPC.
  return number + 0;
}

function boolean(text: string): boolean {
  const digit = text.trim();
  if (digit !== '0' && digit !== '1') throw wrong('a boolean is neither 0 nor 1');
  return digit === '1';
}

function array(element: Element): Parameter[] {
  const [data, ...more] = container(element);
  if (data?.name !== 'data' || more.length > 0) throw wrong('an <array> must hold one <data>');
  return container(data).map(parameterValue);
}

export function resultXml(result: Result): string {
  return responseXml(`<params><param>${valueXml(result)}</param></params>`);
}

export function faultXml({ kind, message }: Fault): string {
  return responseXml(`<fault>${valueXml({ faultCode: FAULTS[kind], faultString: message })}</fault>`);
}

function responseXml(content: string): string {
  return `<?xml version="1.0" encoding="utf-8"?>\n<methodResponse>${content}</methodResponse>\n`;
}

function valueXml(value: Result): string {
  return `<value>${typedXml(value)}</value>`;
}

function typedXml(value: Result): string {
  if (value === null) return '<nil/>';
  if (typeof value === 'string') return `<string>${escapeXml(value)}</string>`;
  if (typeof value === 'boolean') return `<boolean>${value ? 1 : 0}</boolean>`;
  if (typeof value === 'number') return `<int>${checkedInt(value)}</int>`;
  if (Buffer.isBuffer(value)) return `<base64>${value.toString('base64')}</base64>`;
  if (Array.isArray(value)) return `<array><data>${value.map(valueXml).join('')}</data></array>`;
  const members = Object.entries(value).map(
    ([name, member]) => `<member><name>${escapeXml(name)}</name>${valueXml(member)}</member>`,
  );
  return `<struct>${members.join('')}</struct>`;
}

function checkedInt(value: number): number {
  if (Number.isInteger(value) && Math.abs(value) <= MAX_INT) return value + 0;
  throw new Error(`${value} is no integer that XML-RPC can send`);
}
